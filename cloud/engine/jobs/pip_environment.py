"""A replica's own folder for what it installs with pip, which sees the packages of its runtime.

A virtual environment of its own: pip changes it instead of the runtime, which jobs share and cannot write.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cloud.engine.launch.command import Interpreter


@dataclass(frozen=True, slots=True)
class PipEnvironment:
    """
    Args:
        site: its folder of packages, empty at first.
        environ: variables of the replica.
    """

    site: Path
    environ: Mapping[str, str]


def create(folder: Path, interpreter: Interpreter, path: str) -> PipEnvironment | None:
    """Make the folder; None for a runtime that is no virtual environment, whose packages pip changes itself.

    Args:
        path: ``PATH`` of the replica.
    """
    runtime = interpreter.path.parent.parent
    if not (runtime / "pyvenv.cfg").exists():
        return None
    version = ".".join(map(str, interpreter.version))
    site = folder / "lib" / f"python{version}" / "site-packages"
    site.mkdir(parents=True)
    (folder / "bin").mkdir()
    for name in ("python", "python3"):
        (folder / "bin" / name).symlink_to(os.path.realpath(interpreter.path))
    shutil.copyfile(runtime / "pyvenv.cfg", folder / "pyvenv.cfg")
    packages = str(runtime / site.relative_to(folder))
    # addsitedir, because the runtime has .pth files of its own.
    (site / "_runtime.pth").write_text(f"import site; site.addsitedir({packages!r})\n", encoding="utf-8")
    return PipEnvironment(
        site,
        {
            # https://pip.pypa.io/en/stable/topics/python-option/
            "PIP_PYTHON": str(folder / "bin" / "python3"),
            "PATH": os.pathsep.join([path, str(folder / "bin")]),
        },
    )
