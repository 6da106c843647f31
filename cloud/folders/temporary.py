"""Temporary folders that do not survive a crash: what a process that was killed left is removed by a later one.

A folder is locked by the process that made it, and the kernel releases the lock when that process ends, however it
ends. So a sweep (``sweep.py``) removes exactly those that nobody uses. A folder has its final name only once it is
locked; one that was left before that is known by its age.
"""

import fcntl
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path

from cloud.folders.runtime import open_own

_UNLOCKED = ".new-"
_UNLOCKED_SECONDS = 60.0


class Kind(StrEnum):
    """What a folder is for; part of its name."""

    STATE = "state"
    """All that a cloud without a state folder stores."""
    JOB = "job"
    """The TMPDIR of a job."""
    WORKER = "worker"
    """The socket of a version's worker, and its TMPDIR."""
    BOARD = "board"
    """The socket of TensorBoard."""
    DATA = "data"
    """The sample data of a run."""
    SDIST = "sdist"
    """A package while it is being made."""
    EXPORT = "export"
    """A model that is checked before it is deployed."""
    PROJECT = "project"
    """The state of the project of a dry run."""
    WORK = "work"
    """What a command unpacks or resolves."""
    LAYER = "layer"
    """A layer of packages while it is being built."""
    CLASS = "class"
    """The sockets by which the clouds of a class ask for slots."""
    VIEW = "view"
    """A view of what is installed while it is being made."""
    DOCKER = "docker"
    """The socket of Docker's API."""


_NAME = re.compile(rf"({re.escape(_UNLOCKED)})?omlc-({'|'.join(Kind)})-[a-z0-9_]{{8}}")
"""Short, because the path of a Unix socket has at most 107 bytes (unix(7)), and some systems' TMPDIR is long; and such
that no user chooses it for a folder of his own."""

_locks: dict[Path, int] = {}
"""Those that this process holds."""


def create(kind: Kind, parent: Path | None = None) -> Path:
    """Make a private folder, which belongs to this process until ``remove``, or until the process ends.

    Args:
        parent: None for the system's folder of temporary files.

    Raises:
        OSError: it cannot be made.
    """
    while True:
        unlocked = Path(tempfile.mkdtemp(dir=parent, prefix=f"{_UNLOCKED}omlc-{kind}-"))
        folder = unlocked.with_name(unlocked.name.removeprefix(_UNLOCKED))
        try:
            lock = os.open(unlocked, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:  # swept: the clock was set meanwhile
            continue
        # A file system without locks, as some of NFS: the folder is usable, and stays after a crash.
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            unlocked.rename(folder)
        except FileNotFoundError:
            os.close(lock)
            continue
        except OSError:
            os.close(lock)
            shutil.rmtree(unlocked, ignore_errors=True)
            raise
        _locks[folder] = lock
        return folder


def lock_of(folder: Path) -> int:
    """The descriptor of the lock of a folder that this process made: a process that inherits it keeps the folder."""
    return _locks[folder]


def remove(folder: Path) -> None:
    """Remove a folder, whether made by ``create`` or not, if it exists; what cannot be removed stays."""
    remove_tree(folder)
    lock = _locks.pop(folder, None)
    if lock is not None:
        os.close(lock)


@contextmanager
def temporary_folder(kind: Kind, parent: Path | None = None) -> Iterator[Path]:
    """A folder for a ``with`` block."""
    folder = create(kind, parent)
    try:
        yield folder
    finally:
        remove(folder)


def abandon(folder: Path) -> None:
    """Give a folder that a killed process left, and that ``create`` has not made, a name that a sweep knows: from
    then on no process that is still ending finds it by its path.

    Raises:
        OSError: it cannot be renamed.
    """
    folder.rename(folder.with_name(f"omlc-{Kind.WORK}-{os.urandom(4).hex()}"))


def leftovers(parent: Path) -> Iterator[Path]:
    """The folders in ``parent`` that processes of this user made and left when they were killed; each is locked while
    the caller has it, so that of several callers one removes it."""
    for folder in _candidates(parent):
        lock = _try_lock(folder)
        if lock is not None:
            try:
                yield folder
            finally:
                os.close(lock)


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that is in it, also where the permissions of folders in it forbid that."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.is_dir() and not folder.is_symlink():
        _allow_removal(folder)
        for parent, names, _ in os.walk(folder):
            for name in names:
                _allow_removal(Path(parent, name))
        shutil.rmtree(folder, ignore_errors=True)


def _allow_removal(folder: Path) -> None:
    if not folder.is_symlink():
        with suppress(OSError):
            folder.chmod(0o700)


def _candidates(parent: Path) -> list[Path]:
    try:
        with os.scandir(parent) as entries:
            return [Path(entry.path) for entry in entries if _NAME.fullmatch(entry.name)]
    except OSError:  # there is no such folder, or it cannot be read
        return []


def is_temporary(folder: Path) -> bool:
    """Whether its name is one that ``create`` gives."""
    return _NAME.fullmatch(folder.name) is not None


def _try_lock(folder: Path) -> int | None:
    """The lock of a folder that nobody uses."""
    try:
        lock = open_own(folder)
    except OSError:
        return None
    try:
        # A change that is far ahead says that the clock was set back since.
        age = abs(time.time() - os.fstat(lock).st_mtime)
        if not folder.name.startswith(_UNLOCKED) or age > _UNLOCKED_SECONDS:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
    except OSError:  # it is used, or the file system has no locks
        pass
    os.close(lock)
    return None
