"""Serves a model of scikit-learn or XGBoost over HTTP on a Unix socket.

    python -m cloud.engine.serving.frameworks.worker --framework SCIKIT_LEARN --model-dir DIR --socket PATH
        --python PYTHON [--import-path DIR]…

The model is in a process of its own, in ``PYTHON``: a pickle is code. Reports, routes and end: see
``cloud.engine.serving.worker``.
"""

import argparse
import sys
from pathlib import Path

from cloud.engine.event_loop import run
from cloud.engine.serving.application import serve_by
from cloud.engine.serving.frameworks.model import FrameworkModel, Place
from cloud.engine.serving.frameworks.rules import FrameworkRules
from cloud.engine.serving.listen_config import ListenConfig
from cloud.engine.serving.worker import report, report_note, report_ready
from cloud.errors import FailedPrecondition
from cloud.resources import Framework


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m cloud.engine.serving.frameworks.worker", description="Serve a model of scikit-learn or XGBoost."
    )
    parser.add_argument("--framework", type=Framework, required=True, help="SCIKIT_LEARN or XGBOOST")
    parser.add_argument("--model-dir", type=Path, required=True, help="the folder with the model's file")
    parser.add_argument("--socket", type=Path, required=True, help="where to listen: a path that does not exist")
    parser.add_argument("--python", type=Path, required=True, help="the interpreter of the model's runtime")
    parser.add_argument("--import-path", type=Path, action="append", default=[], help="a folder of the runtime's")
    arguments = parser.parse_args(argv)
    place = Place(arguments.python, tuple(arguments.import_path))
    try:
        model = FrameworkModel(arguments.framework, arguments.model_dir, place, report_note)
    except FailedPrecondition as error:
        report({"failed": error.message})
        return 1
    run(serve_by(FrameworkRules(model), (), {}, ListenConfig(arguments.socket), report_ready))
    model.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
