"""The private folder of a running worker, which holds its socket and what its model writes. It goes with the worker."""

from pathlib import Path

from cloud.folders import socket_folder, temporary
from cloud.folders.temporary import Kind

_SOCKET = "socket"


def create() -> Path:
    """A new folder that this user alone can enter, so that no other connects to the socket in it."""
    return socket_folder.create(Kind.WORKER, _SOCKET)


def socket_in(folder: Path) -> Path:
    return folder / _SOCKET


def remove(folder: Path) -> None:
    temporary.remove(folder)
