"""How a running cloud is found by another process of the same user.

It writes what there is to know into a file that only this user can read, and holds a lock on it as long as it runs. The
kernel lets go of the lock when the process ends, however it ends, so that a file left behind is seen for what it is.
"""

import fcntl
import json
import os
import stat
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from cloud.errors import FailedPrecondition

_FILES = "running-*.json"
"""In names, the time before the process: the last in order is the last that announced itself."""


@dataclass(frozen=True, slots=True)
class RunningCloud:
    """What another process needs to know."""

    pid: int
    url: str
    """Of the gateway."""
    environ: Mapping[str, str]
    """Leads a program to it as its owner."""


class Announcement:
    """Stands from construction to ``close``. Of several clouds in one place the last is found that still runs.

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
            file.unlink(missing_ok=True)
            os.close(descriptor)

    def _write(self, folder: Path, text: bytes) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_private(folder)
        for file in folder.glob(_FILES):
            if _read(file) is None:
                file.unlink(missing_ok=True)
        file = folder / _FILES.replace("*", f"{time.time_ns():020}-{os.getpid()}")
        written = file.with_suffix(".new")
        descriptor = os.open(written, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        self._held.append((file, descriptor))
        with open(descriptor, "wb", closefd=False) as opened:
            opened.write(text)
        written.replace(file)


def find_running(folder: Path) -> RunningCloud | None:
    """The cloud that announced itself last in ``folder``, of those that still run.

    Raises:
        FailedPrecondition: a file there is another user's.
    """
    found = map(_read, sorted(folder.glob(_FILES), reverse=True))
    return next((running for running in found if running is not None), None)


def _read(file: Path) -> RunningCloud | None:
    """What ``file`` announces, if that still runs."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor) as opened:
        if os.fstat(descriptor).st_uid != os.getuid():
            raise FailedPrecondition(f"{file} is another user's: nothing in it is believed")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return RunningCloud(**json.load(opened))
    return None


def _check_private(folder: Path) -> None:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise FailedPrecondition(f"{folder} is not a folder of this user: remove it")
