"""The wheel of this project, from what runs: from its checkout, or put together again from what is installed."""

import base64
import hashlib
import os
import re
import subprocess
import sys
import zipfile
from importlib.metadata import Distribution
from pathlib import Path

from cloud.errors import FailedPrecondition
from cloud.folders.temporary import Kind, temporary_folder
from cloud.settings import whole_environ

PROJECT = "offline-ml-cloud"
_HOME = Path(__file__).parents[2]
"""Where the package ``cloud`` is: a checkout, or a folder of installed packages."""
_OF_THE_INSTALLATION = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json")
"""In a ``.dist-info``, but not in a wheel (https://packaging.python.org/en/latest/specifications/recording-installed-packages/)."""


def write_own_wheel(folder: Path) -> Path:
    """Returns the wheel's path.

    Raises:
        FailedPrecondition: it cannot be built from the checkout.
    """
    if (_HOME / "pyproject.toml").is_file():
        return _build(_HOME, folder)
    (info,) = _HOME.glob(f"{_escaped(PROJECT)}-*.dist-info")
    return _repack(Distribution.at(info), folder)


def _build(checkout: Path, folder: Path) -> Path:
    # Without isolation: setuptools is installed, because packages of trainers are built with it.
    command = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet")
    with temporary_folder(Kind.WORK) as work:
        # In the checkout a build would leave files, and take those of an earlier one
        # (https://setuptools.pypa.io/en/latest/deprecated/distutils/configfile.html).
        options = work / "options.cfg"
        options.write_text(f"[build]\nbuild_base = {work}/build\n[egg_info]\negg_base = {work}\n")
        environ = {**whole_environ(), "DIST_EXTRA_CONFIG": str(options)}
        argv = [*command, "--wheel-dir", str(folder), str(checkout)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environ)
    if done.returncode:
        raise FailedPrecondition(f"the wheel of {checkout} cannot be built:\n{done.stderr.strip()[-2000:]}")
    (wheel,) = folder.glob(f"{_escaped(PROJECT)}-*.whl")
    return wheel


def _repack(installed: Distribution, folder: Path) -> Path:
    wheel = folder / f"{_escaped(PROJECT)}-{installed.version}-py3-none-any.whl"
    info = f"{_escaped(PROJECT)}-{installed.version}.dist-info"
    record = []
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(installed.files or (), key=os.fspath):
            name = file.as_posix()
            if name.endswith(".pyc") or (name.startswith(info) and file.name in _OF_THE_INSTALLATION):
                continue
            content = Path(str(file.locate())).read_bytes()
            archive.writestr(name, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record.append(f"{name},sha256={digest},{len(content)}")
        archive.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,", ""]))
    return wheel


def _escaped(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()
