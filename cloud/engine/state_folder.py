"""The folder with the state of a local cloud: created, checked, and locked by one process at a time."""

import errno
import fcntl
import os
import time
from pathlib import Path

from cloud.errors import FailedPrecondition
from cloud.folders import temporary
from cloud.folders.temporary import Kind

FORMAT = 6
"""Format of the whole folder. Raise it with each new migration of a database in it (see ``open_database``), so that an
older version refuses the folder before it changes anything."""
_NO_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS})  # flock(2), and NFS without its lock service
_HOLDER_SECONDS, _HOLDER_POLL = 1.0, 0.01
_OLDEST = 1
"""The oldest format that can be migrated."""


class StateFolder:
    """Locked from construction to ``close``.

    Args:
        path: the folder, created if missing; None creates a private one that ``close`` removes.

    Raises:
        FailedPrecondition: it cannot be written, another process has locked it, or a newer version of this project
            wrote it. Nothing in it is changed then.
    """

    def __init__(self, path: Path | None) -> None:
        self._is_private = path is None
        self.path = _private() if path is None else path.absolute()
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unusable(self.path, error) from error
        try:
            self._take_lock()
            self._check_format()
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)
        except BaseException:
            os.close(self._lock)
            raise

    def _take_lock(self) -> None:
        try:
            # The kernel releases the lock however this process ends: no stale lock can remain.
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FailedPrecondition(
                f"the state folder {self.path} is in use by process {self._holder()}; stop that one, or choose another "
                "with --state"
            ) from error
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise _unusable(self.path, error) from error
            raise FailedPrecondition(
                f"the state folder {self.path} cannot be locked ({error.strerror}), as on some network file systems, "
                "and two clouds would destroy each other's state: choose a folder on a local disk with --state"
            ) from error

    def _holder(self) -> str:
        """The process that has the lock. It may just have taken it: until it has written its id there is none, or that
        of one that was killed."""
        deadline = time.monotonic() + _HOLDER_SECONDS
        while True:
            holder = os.pread(self._lock, 20, 0).decode(errors="replace").strip()
            if (holder.isdecimal() and _exists(int(holder))) or time.monotonic() > deadline:
                return holder or "of an unknown id"
            time.sleep(_HOLDER_POLL)

    def _check_format(self) -> None:
        # Before any part opens its own state: none may be changed if another turns out to have an unknown format.
        stamp = self.path / "format"
        try:
            found = stamp.read_text(errors="replace").strip() if stamp.exists() else ""
        except OSError as error:
            raise _unusable(self.path, error) from error
        if found not in ("", *map(str, range(_OLDEST, FORMAT + 1))):
            raise FailedPrecondition(
                f"the state folder {self.path} was written by another version of this program (format {found[:20]}, "
                f"this one reads {FORMAT}): use that version, choose another folder with --state, or remove this one"
            )
        if found != str(FORMAT):
            try:
                # Before any database is migrated: from now on an older version must refuse the folder.
                replace_private(stamp, f"{FORMAT}\n")
            except OSError as error:
                raise _unusable(self.path, error) from error

    def folder(self, name: str) -> Path:
        """A folder in it, created if missing, readable by its owner only."""
        folder = self.path / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def close(self) -> None:
        os.close(self._lock)
        if self._is_private:
            temporary.remove(self.path)


def _private() -> Path:
    try:
        return temporary.create(Kind.STATE)
    except OSError as error:
        raise FailedPrecondition(f"no temporary folder can be made ({error}): choose one with --state") from error


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


def _unusable(path: Path, error: OSError) -> FailedPrecondition:
    return FailedPrecondition(f"the state folder {path} cannot be used: {error.strerror}; choose another with --state")


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def replace_private(path: Path, text: str) -> None:
    """Write a private file, atomically."""
    written = path.with_name(f"{path.name}.new")
    write_private(written, text)
    written.replace(path)
