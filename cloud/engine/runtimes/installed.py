"""The environment of this program as a runtime."""

import platform
import sys
from importlib import metadata
from pathlib import Path

from cloud.engine.launch.command import Interpreter
from cloud.engine.runtimes.names import INSTALLED
from cloud.engine.runtimes.runtime import PRELOAD, Runtime


def installed_runtime() -> Runtime:
    """It shows a job everything that is installed here, this program included."""
    site = (Path(folder) for folder in sys.path if folder.endswith(("site-packages", "dist-packages")))
    try:
        framework = f"TensorFlow {metadata.version('tensorflow')}"
        preload: tuple[str, ...] = PRELOAD
    except metadata.PackageNotFoundError:
        framework, preload = "no TensorFlow", ()
    description = f"{framework}, Python {platform.python_version()}"
    return Runtime(INSTALLED, description, Interpreter(Path(sys.executable), preload), tuple(site))
