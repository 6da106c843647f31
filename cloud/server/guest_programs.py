"""A folder with ``docker``, ``gcloud`` and ``gsutil`` for guests on machines that have none (``cloud.stand_ins``).

Not console scripts of the wheel: a virtual environment that is active comes first on PATH and would hide the real ones.
"""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from cloud.settings import GcloudMode

NAME = "programs"
_PROGRAMS = ("docker", "gcloud", "gsutil")


def write_programs(folder: Path, interpreter: str) -> None:
    """Make the programs, which run in this process's interpreter.

    Args:
        folder: private to this user.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    for name in _PROGRAMS:
        # By a shell, for a path of an interpreter may be too long for a first line, or hold a blank. Modules of the
        # caller's folder and PYTHONPATH must not come before ours: a trainer may have its own json.py.
        start = f'exec {shlex.quote(interpreter)} -P -E -m cloud.stand_ins.{name} "$@"'
        path = folder / name
        path.write_text(f"#!/bin/sh\n{start}\n")
        path.chmod(0o700)


def search_path(mode: GcloudMode, folder: Path, inherited: str) -> str:
    """A guest's PATH: real programs win tool by tool, unless the stand-ins are asked for."""
    if mode is GcloudMode.OFF:
        return inherited
    given = [part for part in inherited.split(os.pathsep) if part and part != str(folder)]
    whole = [str(folder), *given] if mode is GcloudMode.EMULATED else [*given, str(folder)]
    return os.pathsep.join(whole)


def placement(environ: Mapping[str, str]) -> tuple[Path, bool] | None:
    """The folder in a guest's environment, and whether it comes first; None if it is not on its PATH."""
    folder = Path(environ.get("CLOUDSDK_CONFIG", "")).parent / NAME
    parts = environ.get("PATH", "").split(os.pathsep)
    return (folder, parts[0] == str(folder)) if str(folder) in parts else None
