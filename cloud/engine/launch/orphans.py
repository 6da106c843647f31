"""Ends what a process started, if its supervisor was killed: it would have done so.

Usually the fork server does it, whose children they become. It may have been killed, too, or have ended since.
"""

import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from cloud.engine.launch.forkserver.unix import processes
from cloud.folders.users import kill_users

_KILL_SECONDS = 5.0
"""A process that the kernel cannot end by then is given up."""


def kill_orphans(pid: int, environ: Mapping[str, str]) -> None:
    """Kill the rest of a process's session, and the processes with its TMPDIR, if that was its alone. Linux only.

    Args:
        pid: of the process, which led its session.
    """
    if sys.platform != "linux":
        return
    deadline = time.monotonic() + _KILL_SECONDS
    while (members := _members(pid)) and time.monotonic() < deadline:
        for member in members:
            with suppress(ProcessLookupError):
                os.kill(member, signal.SIGKILL)
    if "TMPDIR" in environ:
        kill_users(Path(environ["TMPDIR"]))


def _members(session: int) -> list[int]:
    """The processes of a session that can still be killed. Its id is no other process's while it has any."""
    return [process.pid for process in processes() if process.session == session and process.state not in "ZX"]
