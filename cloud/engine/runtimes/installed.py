"""The environment of this program as a runtime."""

import platform
import sys
from importlib import metadata
from pathlib import Path

from cloud.engine.launch.command import Interpreter
from cloud.engine.runtimes.runtime import Runtime, RuntimeRequest
from cloud.engine.runtimes.uv import Log

INSTALLED = "installed"


class InstalledRuntime:
    """Gives every job the same runtime, whatever it requests."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    async def prepare(self, _request: RuntimeRequest, _log: Log) -> Runtime:
        """The runtime."""
        return self.runtime


def installed_runtime(preload: tuple[str, ...] = ()) -> Runtime:
    """It shows a job everything that is installed here, this program included."""
    site = (Path(folder) for folder in sys.path if folder.endswith(("site-packages", "dist-packages")))
    try:
        tensorflow = f"TensorFlow {metadata.version('tensorflow')}"
    except metadata.PackageNotFoundError:
        tensorflow = "no TensorFlow"
    description = f"{tensorflow} with Python {platform.python_version()}"
    return Runtime(INSTALLED, description, Interpreter(Path(sys.executable), preload), tuple(site))
