"""The user's store of runtimes: virtual environments named after what they are, shared by all clouds of the user.

ABSENT -> BUILDING (the folder is there and locked) -> READY (it holds ``runtime.json``, written last) -> BROKEN (its
interpreter has gone). A virtual environment cannot be moved, so it is built in its place, under a lock that the kernel
releases when the process that builds it and its uv have ended: what is there then without ``runtime.json`` is a
leftover, and is removed by the next one that builds.
"""

import asyncio
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from cloud.engine.disk import disk_full
from cloud.engine.runtimes.names import INSTALLED, as_numbers, minor
from cloud.errors import CloudError, FailedPrecondition, NotFound, ResourceExhausted
from cloud.folders.temporary import remove_tree

_RECORD = "runtime.json"
_POLL_SECONDS = 0.2


class State(StrEnum):
    BUILDING = "building"
    READY = "ready"
    BROKEN = "broken: its Python has gone"
    LEFTOVER = "half built"


@dataclass(frozen=True, slots=True)
class Record:
    """``runtime.json``."""

    name: str
    """``tf2.15``."""
    python: str
    """``3.11.7``."""
    description: str
    """``TensorFlow 2.15.1``."""
    base: str | None = None
    """The folder of the runtime whose packages it sees."""
    layer: str | None = None
    """The folder of packages that it consists of, if it is no environment."""


@dataclass(frozen=True, slots=True)
class Stored:
    folder: Path
    state: State
    record: Record | None
    """None unless it is READY or BROKEN."""

    @property
    def interpreter(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def site(self) -> Path:
        assert self.record is not None  # noqa: S101
        return self.folder / "lib" / f"python{minor(self.record.python)}" / "site-packages"


class Store:
    """
    Args:
        folder: of the runtimes, created when it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def entries(self) -> list[Stored]:
        """Everything that is there, by name."""
        folders = sorted(path for path in self._children() if path.is_dir() and "-py" in path.name)
        return [self._read(folder) for folder in folders]

    def find(self, name: str) -> Stored | None:
        """The runtime of this name that is READY, in its newest Python."""
        found = [stored for stored in self.entries() if stored.state is State.READY and stored.record]
        named = [stored for stored in found if stored.record and stored.record.name == name]
        return max(named, key=lambda stored: as_numbers(stored.record.python if stored.record else "0"), default=None)

    def get(self, folder_name: str) -> Stored | None:
        """What is in the folder of this name, if it is READY or BROKEN."""
        stored = self._read(self.folder / folder_name)
        return stored if stored.record else None

    def ready(self) -> set[str]:
        """The names of the runtimes that exist."""
        return {stored.record.name for stored in self.entries() if stored.state is State.READY and stored.record}

    def can_be_written(self) -> bool:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return False
        return os.access(self.folder, os.W_OK | os.X_OK)

    @asynccontextmanager
    async def building(self, folder_name: str, on_wait: Callable[[], None]) -> AsyncIterator[tuple[Path, int]]:
        """The folder to build in, empty unless another process has just made it READY, and the lock's file descriptor
        for the processes that build. Removed at the end unless ``finish`` made it READY.

        Raises:
            FailedPrecondition: the store cannot be written.
            ResourceExhausted: the disk is full; also if that is found in the ``with`` block.
        """
        folder = self.folder / folder_name
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            async with _locked(self.folder / f".{folder_name}.lock", on_wait) as lock:
                if self._read_record(folder).state is not State.READY:
                    await asyncio.to_thread(_remove, folder)
                    folder.mkdir()
                try:
                    yield folder, lock
                finally:
                    if not (folder / _RECORD).exists():
                        await asyncio.shield(asyncio.to_thread(_remove, folder))
        except OSError as error:
            raise unusable_store(self.folder, error) from error

    def finish(self, folder: Path, record: Record) -> Stored:
        """Make what was built in ``folder`` READY."""
        with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, encoding="utf-8") as file:
            json.dump(asdict(record), file)
        Path(file.name).chmod(0o644)
        Path(file.name).replace(folder / _RECORD)
        return Stored(folder, State.READY, record)

    async def remove(self, name: str) -> list[Path]:
        """Remove the runtimes of this name, or of this folder, in all Pythons; returns their folders.

        Raises:
            NotFound: there is none.
            FailedPrecondition: it is being built, another runtime needs it, or it cannot be removed.
        """
        stored = self.entries()
        chosen = [one for one in stored if name in (one.folder.name, one.folder.name.partition("-py")[0])]
        if name == INSTALLED:
            raise FailedPrecondition("the installed environment is not in the store of runtimes, and stays")
        if not chosen:
            raise NotFound(f"there is no runtime {name[:60]!r} in {self.folder}", field="name")
        folders = {one.folder.name for one in chosen}
        for other in stored:
            if other.record and other.record.base in folders and other.folder.name not in folders:
                raise FailedPrecondition(f"{other.record.name} needs {name}: remove {other.record.name} first")
        for one in chosen:
            if one.state is State.BUILDING:
                raise FailedPrecondition(f"{one.folder.name} is being built by another process")
            try:
                async with _locked(self.folder / f".{one.folder.name}.lock", lambda: None):
                    await asyncio.to_thread(_remove, one.folder)
            except OSError as error:
                raise unusable_store(self.folder, error) from error
        return [one.folder for one in chosen]

    def remove_leftovers(self) -> None:
        """Remove what processes that were killed left half built; for a thread."""
        for stored in self.entries():
            if stored.state is State.LEFTOVER:
                with suppress(OSError), open(self.folder / f".{stored.folder.name}.lock", "a") as lock:
                    if _try_lock(lock.fileno()) and self._read_record(stored.folder).state is State.LEFTOVER:
                        remove_tree(stored.folder)

    def _children(self) -> list[Path]:
        try:
            return list(self.folder.iterdir())
        except OSError:  # there is none yet
            return []

    def _read(self, folder: Path) -> Stored:
        stored = self._read_record(folder)
        if stored.state is State.LEFTOVER and _is_locked(self.folder / f".{folder.name}.lock"):
            return Stored(folder, State.BUILDING, None)
        return stored

    def _read_record(self, folder: Path) -> Stored:
        try:
            record = Record(**json.loads((folder / _RECORD).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return Stored(folder, State.LEFTOVER, None)
        stored = Stored(folder, State.READY, record)
        needed = [Path(record.layer)] if record.layer else [stored.interpreter]
        base = self._read_record(self.folder / record.base) if record.base else None
        if all(path.exists() for path in needed) and (base is None or base.state is State.READY):
            return stored
        return Stored(folder, State.BROKEN, record)


def unusable_store(folder: Path, error: OSError) -> CloudError:
    """The error of a store that is full or cannot be written, with the mend."""
    why, mend = f"{folder} ({error})", "point CLOUD_RUNTIMES to a folder on a disk that can be written"
    if disk_full(error):
        return ResourceExhausted(f"There is no room left for the store of runtimes {why}: free some, or {mend}")
    return FailedPrecondition(f"the store of runtimes {why} cannot be written: {mend}")


@asynccontextmanager
async def _locked(path: Path, on_wait: Callable[[], None]) -> AsyncIterator[int]:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        is_waiting = False
        while not _try_lock(lock):
            if not is_waiting:
                on_wait()
            is_waiting = True
            await asyncio.sleep(_POLL_SECONDS)
        yield lock
    finally:
        os.close(lock)


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_locked(path: Path) -> bool:
    try:
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # never built
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
