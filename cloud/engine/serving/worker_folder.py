"""The private folder of a running worker, which holds its socket and what its model writes. It goes with the worker."""

import os
import shutil
import tempfile
from pathlib import Path

_SOCKET = "socket"
_LONGEST = 103
"""Bytes of a socket's path: 107 on Linux (unix(7)), 103 on macOS."""
_SHORT = Path("/tmp")  # noqa: S108 - mkdtemp makes a private folder in it


def create() -> Path:
    """A new folder that this user alone can enter, so that no other connects to the socket in it."""
    parent = Path(tempfile.gettempdir())
    folder = Path(tempfile.mkdtemp(prefix="worker-", dir=parent))
    if len(os.fsencode(socket_in(folder))) <= _LONGEST:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix="worker-", dir=_SHORT))


def socket_in(folder: Path) -> Path:
    return folder / _SOCKET


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
