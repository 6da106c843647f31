"""The private folder of a running worker, which holds its socket and what its model writes. It goes with the worker."""

import os
from pathlib import Path

from cloud.folders import temporary
from cloud.folders.temporary import Kind

_SOCKET = "socket"
_LONGEST = 103
"""Bytes of a socket's path: 107 on Linux (unix(7)), 103 on macOS."""
_SHORT = Path("/tmp")  # noqa: S108 - a private folder is made in it


def create() -> Path:
    """A new folder that this user alone can enter, so that no other connects to the socket in it."""
    folder = temporary.create(Kind.WORKER)
    if len(os.fsencode(socket_in(folder))) <= _LONGEST:
        return folder
    remove(folder)
    return temporary.create(Kind.WORKER, _SHORT)


def socket_in(folder: Path) -> Path:
    return folder / _SOCKET


def remove(folder: Path) -> None:
    temporary.remove(folder)
