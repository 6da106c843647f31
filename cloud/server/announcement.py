"""How other processes of the same user find a running cloud.

The cloud writes its address and environment to a file that only this user can read, and locks it while it runs. The
kernel releases the lock when the process ends, however it ends, so that a file left behind is recognised.
"""

import fcntl
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from cloud.errors import FailedPrecondition
from cloud.folders import runtime
from cloud.settings import RuntimeFolder

_FILE = re.compile(r"running-(\d+)-\d+\.json")
_UNFINISHED = ".new"
_UNFINISHED_SECONDS = 60.0
"""A file without its final name may not be locked yet; after this time its process is gone."""


@dataclass(frozen=True, slots=True)
class RunningCloud:
    """What another process needs to use the cloud."""

    pid: int
    url: str
    """The gateway's."""
    environ: Mapping[str, str]
    """Variables that make a program use the cloud as its owner."""
    console_port: int = 0
    """0: it has no console."""
    console_key: str = ""
    """With which addresses of the console are made."""


class Announcement:
    """Announces a cloud from construction to ``close``: in its state folder and in the first runtime folder that can be
    used. Files of clouds that were killed are removed.

    Args:
        warn: called with a sentence for each runtime folder that the user may want to mend, and if none can be used.

    Raises:
        FailedPrecondition: the state folder cannot be written, or is another user's.
    """

    def __init__(
        self,
        running: RunningCloud,
        state_dir: Path,
        candidates: Sequence[RuntimeFolder],
        warn: Callable[[str], None],
    ) -> None:
        self._held: list[tuple[Path, int]] = []
        self._text = json.dumps(asdict(running)).encode()
        # Not the time of day, which may be set back between two clouds. All that run were started since the same boot.
        self._name = f"running-{time.monotonic_ns():020}-{os.getpid()}.json"
        try:
            state = runtime.open_own(state_dir)
            try:
                self._write(state, state_dir)
            finally:
                os.close(state)
        except OSError as error:
            self.close()
            raise FailedPrecondition(f"{state_dir}: cannot be written: {error.strerror}") from None
        for folder in runtime.open_existing(candidates):
            _remove_dead(folder)
        if runtime.use_first(candidates, self._write, warn) is None:
            warn(f"no private folder can be written: another shell finds this cloud with --state {state_dir} only")

    def close(self) -> None:
        """May be called twice."""
        while self._held:
            file, descriptor = self._held.pop()
            file.unlink(missing_ok=True)
            os.close(descriptor)

    def _write(self, folder: int, path: Path) -> None:
        _remove_dead(folder)
        unfinished = self._name + _UNFINISHED
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(unfinished, flags, 0o600, dir_fd=folder)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            with open(descriptor, "wb", closefd=False) as opened:
                opened.write(self._text)
            os.rename(unfinished, self._name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            with suppress(OSError):
                os.unlink(unfinished, dir_fd=folder)
            os.close(descriptor)
            raise
        self._held.append((path / self._name, descriptor))


def find_running(state_dir: Path) -> RunningCloud | None:
    """The cloud of this state folder, if it runs.

    Raises:
        FailedPrecondition: the folder is another user's.
    """
    try:
        folder = runtime.open_own(state_dir)
    except runtime.UntrustedFolderError as error:
        raise FailedPrecondition(f"{state_dir} is not trusted: {error.strerror}") from None
    except OSError:
        return None
    try:
        found = _all([folder])
        return found[max(found)] if found else None
    finally:
        os.close(folder)


def find_latest(candidates: Iterable[RuntimeFolder], url: str | None = None) -> RunningCloud | None:
    """The cloud of this user that was started last, of those that run.

    Args:
        url: of the storage of a cloud that comes before the latest, if it runs.
    """
    found = _all(runtime.open_existing(candidates))
    named = [running for running in found.values() if url and running.environ.get("STORAGE_EMULATOR_HOST") == url]
    return named[0] if named else found[max(found)] if found else None


def _all(folders: Iterable[int]) -> dict[int, RunningCloud]:
    """By the time of their start."""
    return {int(match[1]): running for folder in folders for match, running in _running(folder)}


def _running(folder: int) -> Iterator[tuple[re.Match[str], RunningCloud]]:
    for name in os.listdir(folder):
        if (match := _FILE.fullmatch(name)) and (running := _read(folder, name)):
            yield match, running


def _read(folder: int, name: str) -> RunningCloud | None:
    """The cloud that a file announces, if it is this user's and that cloud still runs."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return None
    with os.fdopen(descriptor) as opened:
        if os.fstat(descriptor).st_uid != os.getuid():
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return RunningCloud(**json.load(opened))
        except OSError:  # a file system without locks: nothing is announced there
            return None
    return None


def _remove_dead(folder: int) -> None:
    for name in os.listdir(folder):
        is_unfinished = name.endswith(_UNFINISHED)
        if not _FILE.fullmatch(name.removesuffix(_UNFINISHED)) or (is_unfinished and not _is_old(folder, name)):
            continue
        if _read(folder, name) is None:
            with suppress(OSError):
                os.unlink(name, dir_fd=folder)


def _is_old(folder: int, name: str) -> bool:
    try:
        written = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return False
    # A time that is far ahead says that the clock was set back since.
    return abs(time.time() - written) > _UNFINISHED_SECONDS
