"""The folder ``bin`` of an environment that shows another one: its interpreter, and the programs of that one."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

_ACTIVATION = ("activate", "deactivate", "Activate", "pydoc")
_HEAD = 1024
"""Bytes of a script in which its interpreter is named."""
_LONGEST_INTERPRETER = 120
"""The kernel cuts off what is longer (binfmt_script(5))."""


def make_bin(folder: Path, base: Path, version: tuple[int, int]) -> None:
    """Make ``folder`` with the names of a virtual environment's interpreter, all links to ``base``."""
    folder.mkdir()
    for name in ("python", "python3", f"python{version[0]}.{version[1]}"):
        (folder / name).symlink_to(base)


def add_scripts(folder: Path, scripts: Iterable[Path], old: Iterable[Path], python: Path) -> None:
    """Add programs to ``folder``: those that name one of the interpreters ``old`` get ``python`` instead."""
    for script in scripts:
        target = folder / script.name
        if script.name.startswith(("python", *_ACTIVATION)) or target.exists() or not script.is_file():
            continue
        changed = _with_interpreter(script, old, python)
        if changed is None:
            target.symlink_to(script)
        else:
            target.write_bytes(changed)
            target.chmod(stat.S_IMODE(script.stat().st_mode))


def recorded_scripts(site: Path, files: Iterable[str]) -> set[Path]:
    """Of a distribution's files, those outside ``site`` in a folder of programs."""
    outside = (Path(os.path.normpath(site / file)) for file in files if file.startswith(("..", "/")))
    return {path for path in outside if path.parent.name in ("bin", "Scripts")}


def _with_interpreter(script: Path, old: Iterable[Path], python: Path) -> bytes | None:
    """The script for ``python``, or None if it is not one of the interpreters ``old``."""
    with script.open("rb") as file:
        head = file.read(_HEAD)
        if not head.startswith(b"#!"):
            return None
        rest = file.read()
    first, _, following = (head + rest).partition(b"\n")
    names = {bytes(path) for path in old}
    if any(name in (first[2:].split(b" ")[0], first[2:].strip()) for name in names):
        return b"\n".join((_first_lines(python), following))
    # Where the path is too long or has a space, installers write: #!/bin/sh, then '''exec' "/path/python" "$0" "$@"
    second, _, body = following.partition(b"\n")
    for name in names:
        if second.startswith(b"'''exec'") and name in second:
            closing, _, body = body.partition(b"\n")
            return b"\n".join((_first_lines(python), body)) if closing == b"' '''" else None
    return None


def _first_lines(python: Path) -> bytes:
    path = bytes(python)
    if len(path) <= _LONGEST_INTERPRETER and b" " not in path:
        return b"#!" + path
    return b"#!/bin/sh\n'''exec' \"" + path + b'" "$0" "$@"\n' + b"' '''"
