"""The processes that were started with a temporary folder of ours as their TMPDIR: a job's, or a worker's.

Such a folder is one job's alone, and children inherit the variable. So those are found, too, that left the job's
process tree. (One that a warm replica forked, and that executed no program, shows the environment of the fork server.)
"""

import os
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from cloud.folders.temporary import is_temporary

_KILL_SECONDS = 5.0


def wait_for_users(folder: Path, seconds: float) -> None:
    """Wait until these processes of this user have ended, at most for ``seconds``. Linux only; at once elsewhere."""
    deadline = time.monotonic() + seconds
    while (users := _find(folder)) and time.monotonic() < deadline:
        for process in users:
            _has_ended(process, deadline - time.monotonic())
            os.close(process)


def kill_users(folder: Path) -> None:
    """Kill these processes, and those that they start meanwhile."""
    is_gone = True
    while is_gone and (users := _find(folder)):
        for process in users:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(process, signal.SIGKILL)
        for process in users:
            # One that the kernel cannot end now is given up.
            is_gone = is_gone and _has_ended(process, _KILL_SECONDS)
            os.close(process)


def _has_ended(process: int, seconds: float) -> bool:
    """Whether a process, as a pidfd, ends within ``seconds``."""
    return bool(select.select([process], [], [], max(seconds, 0))[0])


def _find(folder: Path) -> list[int]:
    """As pidfds, so that no other process is killed whose id is the same."""
    found: list[int] = []
    if sys.platform != "linux" or not is_temporary(folder):
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
    """Empty for a process that has ended or cannot be read."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read()
    except OSError:
        return b""
