"""How other processes of the same user find a running cloud.

The cloud writes its address and environment to a file that only this user can read, and locks it while it runs. The
kernel releases the lock when the process ends, however it ends, so that a file left behind is recognised.
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
"""Names hold time and process id: the last in order is the latest."""


@dataclass(frozen=True, slots=True)
class RunningCloud:
    """What another process needs to use the cloud."""

    pid: int
    url: str
    """The gateway's."""
    environ: Mapping[str, str]
    """Variables that make a program use the cloud as its owner."""


class Announcement:
    """Announces a cloud from construction to ``close``. Of several in one folder, the latest that still runs is found.

    Args:
        folders: private folders of this user; each gets a file.

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
        unfinished = file.with_suffix(".new")
        descriptor = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        self._held.append((file, descriptor))
        with open(descriptor, "wb", closefd=False) as opened:
            opened.write(text)
        unfinished.replace(file)


def find_running(folder: Path) -> RunningCloud | None:
    """The cloud announced last in ``folder`` that still runs.

    Raises:
        FailedPrecondition: a file there is another user's.
    """
    announced = map(_read, sorted(folder.glob(_FILES), reverse=True))
    return next((running for running in announced if running is not None), None)


def _read(file: Path) -> RunningCloud | None:
    """The cloud that ``file`` announces, if it still runs."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor) as opened:
        if os.fstat(descriptor).st_uid != os.getuid():
            raise FailedPrecondition(f"{file} belongs to another user and is not trusted")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return RunningCloud(**json.load(opened))
    return None


def _check_private(folder: Path) -> None:
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise FailedPrecondition(f"{folder} is not a folder of this user: remove it")
