"""Run as a script with ``-P``, so that its folder is not in ``sys.path``; see ``__init__.py``."""

import importlib.util
import os
import sys
from types import ModuleType


def _load_package(name: str) -> ModuleType:
    folder = os.path.dirname(os.path.abspath(__file__))
    spec = importlib.util.spec_from_file_location(
        name, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    assert spec is not None  # noqa: S101 - the file is next to this one
    assert spec.loader is not None  # noqa: S101 - and is Python
    package = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)
    return importlib.import_module(f"{name}.launcher")


if __name__ == "__main__":
    _control, _parent, *_preload = sys.argv[1:]
    _become = _load_package("_forkserver").main(int(_control), int(_parent), _preload)
    # Only a user's process gets here.
    _become()
