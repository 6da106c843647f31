"""Whether who is at the other end of a Unix socket is a job, a package build or a serving worker of this cloud.

Those that have a root folder of their own cannot reach the socket. Where the system refuses them that, its path is in
``/proc/net/unix``, and they are this user. But each has a filter of system calls that nothing it starts can drop
(``engine/launch/forkserver/seccomp.py``), so it has more of them than this process.
"""

import re
import socket
import struct
import sys
from pathlib import Path

_CREDENTIALS = struct.Struct("3i")
"""``struct ucred``: process, user, group (unix(7))."""
_FILTERS = re.compile(rb"^Seccomp_filters:\s*(\d+)$", re.MULTILINE)
"""In ``/proc/PID/status``, since Linux 5.9 (proc_pid_status(5))."""


def is_confined(connection: socket.socket) -> bool:
    """Also where it cannot be told, as of a process that has ended. On systems without such filters: no."""
    if sys.platform != "linux" or (own := _filters("self")) is None:
        return False
    read = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    process, _, _ = _CREDENTIALS.unpack(read)
    filters = _filters(str(process))
    return filters is None or filters > own


def _filters(process: str) -> int | None:
    try:
        found = _FILTERS.search(Path("/proc", process, "status").read_bytes())
    except OSError:
        return None
    return int(found[1]) if found else None
