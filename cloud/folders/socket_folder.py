"""Private folders for Unix sockets, with a name that is short enough and that nobody can guess."""

import os
from pathlib import Path

from cloud.folders import temporary
from cloud.folders.temporary import Kind

_LONGEST = 103
"""Bytes of a socket's path: 107 on Linux (unix(7)), 103 on macOS."""
_SHORT = Path("/tmp")  # noqa: S108 - a private folder is made in it


def create(kind: Kind, socket: str) -> Path:
    """A new folder that this user alone can enter, so that no other connects to the socket of this name in it."""
    folder = temporary.create(kind)
    if len(os.fsencode(folder / socket)) <= _LONGEST:
        return folder
    temporary.remove(folder)
    return temporary.create(kind, _SHORT)
