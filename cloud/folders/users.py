"""The processes that were started with a temporary folder of ours as their TMPDIR: a job's, or a worker's.

Such a folder is one job's alone, and children inherit the variable. So those are found, too, that left the job's
process tree. (One that a warm replica forked, and that executed no program, shows the environment of the fork server.)
"""

import os
import select
import signal
import sys
from contextlib import suppress
from pathlib import Path

from cloud.folders.temporary import is_temporary

_KILL_SECONDS = 5.0


def has_users(folder: Path) -> bool:
    """Whether there is such a process of this user. Linux only; False elsewhere."""
    users = _find(folder)
    for process in users:
        os.close(process)
    return bool(users)


def kill_users(folder: Path) -> None:
    """Kill these processes, and those that they start meanwhile."""
    is_gone = True
    while is_gone and (users := _find(folder)):
        for process in users:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(process, signal.SIGKILL)
        for process in users:
            # One that the kernel cannot end now is given up.
            is_gone = is_gone and bool(select.select([process], [], [], _KILL_SECONDS)[0])
            os.close(process)


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
