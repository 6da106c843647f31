"""Removes what killed clouds of this user left: temporary folders, and processes that outlived a job's supervisor."""

import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from cloud.folders import temporary
from cloud.folders.users import kill_users, wait_for_users

_PATIENCE = 3.0
"""Seconds in which the processes of a killed cloud end by themselves: a supervisor gives them one second after SIGTERM
(``engine/launch/forkserver``)."""


def system_folders() -> tuple[Path, ...]:
    """Of temporary files: this process's and the usual one."""
    return Path(tempfile.gettempdir()), Path("/tmp")  # noqa: S108 - searched, not written


def sweep(parents: Iterable[Path]) -> None:
    """Remove the leftovers in ``parents``. Takes a while only if there are any: waits, at most a few seconds, for
    processes that are still ending, and then kills them."""
    deadline = time.monotonic() + _PATIENCE
    own = Path(tempfile.gettempdir())
    for parent in dict.fromkeys(parents):
        for folder in temporary.leftovers(parent):
            if not own.is_relative_to(folder):  # else this process belongs to the one that was killed
                wait_for_users(folder, deadline - time.monotonic())
                kill_users(folder)
                temporary.remove_tree(folder)
