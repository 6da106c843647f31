"""The program of JupyterLab's process: JupyterLab, with less to load."""

import gc
import importlib
import sys

if __name__ == "__main__":
    # Checks of international addresses in JSON Schemas, of which Jupyter's have none: their grammar is compiled at each
    # start, which takes a third of it. jsonschema does without where the package is not installed.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    gc.disable()  # as in cloud/lab/__main__.py
    labapp = importlib.import_module("jupyterlab.labapp")
    gc.freeze()
    gc.enable()
    sys.exit(labapp.main())
