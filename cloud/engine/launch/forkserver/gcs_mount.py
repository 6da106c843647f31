"""``/gcs``, where jobs of Vertex AI find buckets as folders: mounted here, served by the engine (fuse(4)).

Standard library only.
"""

import os
import socket

from .libc import call

FOLDER = "/gcs"
_NOSUID, _NODEV, _READ_ONLY = 1 << 1, 1 << 2, 1 << 0  # linux/mount.h


def open_device() -> int | None:
    """A descriptor of /dev/fuse, opened in the user namespace that mounts it, as the kernel demands; None: this machine
    has none, or does not let this user open it. A private root has no such device."""
    try:
        return os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None


def mount(connection: socket.socket | None, device: int | None) -> None:
    """Mount ``/gcs`` in a private root, of which this process still has all capabilities, and send the descriptor that
    serves it. Where that cannot be done, ``/gcs`` is an empty folder that cannot be written.

    Args:
        connection: to the engine; None: it serves nothing.
        device: see ``open_device``; closed.

    Raises:
        OSError: not even that can be done; names the step.
    """
    os.mkdir(FOLDER)
    if connection and device is not None:
        try:
            options = f"fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
            call("mount", b"gcsfuse", FOLDER.encode(), b"fuse", _NOSUID | _NODEV, options.encode())
        except OSError:
            os.close(device)
        else:
            socket.send_fds(connection, [b"{}"], [device])
            # Only the engine may have it: the folder ends with it, and who has it sees all requests.
            os.close(device)
            return
    call("mount", b"none", FOLDER.encode(), b"tmpfs", _NOSUID | _NODEV | _READ_ONLY, b"size=4k", step="mount /gcs")
    if connection:
        connection.sendall(b"{}")
