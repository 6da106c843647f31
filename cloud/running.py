"""How a running cloud is found by another process of the same user.

It writes what there is to know into a file that only this user can read, and holds a lock on it as long as it runs. The
kernel lets go of the lock when the process ends, however it ends, so that a file left behind is seen for what it is.
"""

import fcntl
import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from cloud.errors import FailedPrecondition

FILE_NAME = "running.json"


@dataclass(frozen=True, slots=True)
class RunningCloud:
    """What another process needs to know."""

    pid: int
    url: str
    """Of the gateway."""
    environ: Mapping[str, str]
    """Leads a program to it as its owner."""


class Announcement:
    """Stands from construction to ``close``. Where two clouds announce themselves in one place, the last is found.

    Args:
        folders: private folders of this user, each gets a file.

    Raises:
        FailedPrecondition: a folder cannot be written, or is another user's.
    """

    def __init__(self, running: RunningCloud, folders: Sequence[Path]) -> None:
        self._held: list[tuple[Path, int]] = []
        text = json.dumps(asdict(running)).encode()
        try:
            for folder in folders:
                self._write(folder, text)
        except OSError as error:
            self.close()
            raise FailedPrecondition(f"{error.filename}: cannot be written: {error.strerror}") from None

    def close(self) -> None:
        """May be called twice."""
        while self._held:
            file, descriptor = self._held.pop()
            if _is(file, descriptor):
                file.unlink()
            os.close(descriptor)

    def _write(self, folder: Path, text: bytes) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_private(folder)
        file = folder / FILE_NAME
        written = folder / f"{FILE_NAME}.{os.getpid()}"
        written.unlink(missing_ok=True)
        descriptor = os.open(written, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        self._held.append((file, descriptor))
        with open(descriptor, "wb", closefd=False) as opened:
            opened.write(text)
        written.replace(file)


def find_running(folder: Path) -> RunningCloud | None:
    """The cloud that announced itself in ``folder``, if it still runs.

    Raises:
        FailedPrecondition: the file there is another user's.
    """
    try:
        descriptor = os.open(folder / FILE_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor) as file:
        if os.fstat(descriptor).st_uid != os.getuid():
            raise FailedPrecondition(f"{folder / FILE_NAME} is another user's: nothing in it is believed")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return RunningCloud(**json.load(file))
    return None


def _check_private(folder: Path) -> None:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise FailedPrecondition(f"{folder} is not a folder of this user: remove it")


def _is(file: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(file.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
