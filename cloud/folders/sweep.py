"""Removes what killed clouds of this user left: temporary folders, and processes that outlived a job's supervisor."""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from cloud.folders import temporary

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
            users = _users(folder)
            if users and kill:
                for user in users:
                    with suppress(ProcessLookupError):
                        signal.pidfd_send_signal(user, signal.SIGKILL)
            if kill or not users:
                temporary.remove_tree(folder)
            for user in users:
                os.close(user)
            is_clean = is_clean and not os.path.lexists(folder)
    return is_clean


def _users(folder: Path) -> list[int]:
    """Processes of this user, as pidfds, that were started with ``folder`` as their TMPDIR: a job's."""
    found: list[int] = []
    if sys.platform != "linux":
        return found
    wanted = b"TMPDIR=" + os.fsencode(folder)
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            with suppress(OSError):  # it has ended, or is another user's
                if os.stat(f"/proc/{name}").st_uid != os.getuid():
                    continue
                process = os.pidfd_open(int(name))
                if wanted in _environ(name).split(b"\0"):
                    found.append(process)
                else:
                    os.close(process)
    return found


def _environ(pid: str) -> bytes:
    """Empty for a process that cannot be read."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read()
    except OSError:
        return b""
