"""``/gcs`` of a process that is not kept from this machine's files: its own folder, never one of the machine's.

Root would else make ``/gcs/BUCKET`` on the machine's disk, and its program would succeed. Standard library only.
"""

import os
import socket
from collections.abc import Callable

from . import gcs_mount, landlock, private_root
from .unix import fork


def enter(engine: socket.socket | None) -> None:
    """Give this process, which must have one thread, and all that it starts, a ``/gcs`` that is not this machine's.

    All else stays as it is, but for the root folder itself, in which the process makes new folders for itself alone.
    Where that cannot be done, Landlock denies what is in ``/gcs``, and new files and folders in the root folder. Where
    it is missing, too, nothing is done, and for a user who could write nothing there, either.

    Args:
        engine: gets the descriptor that serves ``/gcs``; None: it is empty, and cannot be written.

    Raises:
        OSError: the system refuses a step that it did not refuse before; names it.
    """
    is_root = os.geteuid() == 0
    if not is_root and not os.access(gcs_mount.FOLDER, os.W_OK):
        return
    if is_root and _works(_enter_root):
        device = gcs_mount.open_device() if engine else None
        _enter_root()
        gcs_mount.mount(engine, device)
    elif landlock.version() >= landlock.FILES_ABI:
        landlock.restrict(landlock.Rules(landlock.all_but(gcs_mount.FOLDER), ports=None, signals=True))


def _enter_root() -> None:
    entries = [f"/{name}" for name in os.listdir("/")]
    private_root.enter((), [path for path in entries if path != gcs_mount.FOLDER], read_only=False, shares_ipc=True)


def _works(step: Callable[[], None]) -> bool:
    """Whether a child of this process can do it: one that fails midway could not be undone."""
    child = fork()
    if child == 0:
        # Whatever happens, the child must not return into the caller's code.
        status = 1
        try:
            step()
            status = 0
        except OSError:
            status = 2
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0
