"""Removes what killed clouds of this user left: temporary folders, and processes that outlived a job's supervisor."""

import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from cloud.folders import temporary
from cloud.folders.users import has_users, kill_users

_PATIENCE = 3.0
"""Seconds in which the processes of a killed cloud end by themselves: a supervisor gives them one second after SIGTERM
(``engine/launch/forkserver``)."""
_POLL = 0.1


def system_folders() -> tuple[Path, ...]:
    """Of temporary files: this process's and the usual one."""
    return Path(tempfile.gettempdir()), Path("/tmp")  # noqa: S108 - searched, not written


def sweep(parents: Iterable[Path]) -> None:
    """Remove the leftovers in ``parents``. Takes a while only if there are any: waits, at most a few seconds, for
    processes that are still ending, and then kills them."""
    places = dict.fromkeys(parents)
    deadline = time.monotonic() + _PATIENCE
    while not _sweep_once(places, kill=False):
        if time.monotonic() > deadline:
            _sweep_once(places, kill=True)
            return
        time.sleep(_POLL)


def _sweep_once(parents: Iterable[Path], *, kill: bool) -> bool:
    """Whether nothing is left."""
    is_clean = True
    own = Path(tempfile.gettempdir())
    for parent in parents:
        for folder in temporary.leftovers(parent):
            if own.is_relative_to(folder):  # this process belongs to the one that was killed
                continue
            if kill:
                kill_users(folder)
            if kill or not has_users(folder):
                temporary.remove_tree(folder)
            is_clean = is_clean and not os.path.lexists(folder)
    return is_clean
