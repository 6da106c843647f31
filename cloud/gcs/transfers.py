"""Uploads and downloads of folders: which file becomes which object, and the progress of parallel transfers."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import TypeVar

from cloud.errors import CloudError, InvalidArgument, NotFound
from cloud.names import GsUri, check_object
from cloud.resources import StoredObject, TransferProgress

T = TypeVar("T")
Item = TypeVar("Item")
OnProgress = Callable[[TransferProgress], None]

_MAX_PARALLEL = 16
_MAX_COMPONENT = 255
"""Bytes of a file name on common file systems."""


def plan_upload(source: Path, destination: GsUri) -> list[tuple[Path, GsUri]]:
    """The files to copy and the objects they become, in order of the objects' names.

    Raises:
        NotFound: ``source`` does not exist.
        InvalidArgument: it is an empty folder, or a name cannot be an object's.
    """
    if not source.exists():
        raise NotFound(f"no such file or folder: {source}")
    into_folder = not destination.path or destination.path.endswith("/")
    if source.is_file():
        name = destination.path + source.name if into_folder else destination.path
        plan = [(source, GsUri(destination.bucket, name))]
    else:
        below = destination.as_folder().path
        files = [Path(folder, name) for folder, _, names in os.walk(source) for name in names]
        plan = [
            (file, GsUri(destination.bucket, below + file.relative_to(source).as_posix()))
            for file in files
            if file.is_file()
        ]
        if not plan:
            raise InvalidArgument(f"the folder {source} holds no file: there is nothing to upload", field="source")
    for _, uri in plan:
        check_object(uri.path)
    return sorted(plan, key=lambda pair: pair[1])


def plan_download(
    source: GsUri, objects: Sequence[StoredObject], destination: Path
) -> list[tuple[StoredObject, Path | None, Path]]:
    """For each object the file it becomes (None for a folder's placeholder) and the folder to create first.

    Raises:
        InvalidArgument: a name cannot be a path below ``destination``.
    """
    if len(objects) == 1 and objects[0].uri == source and not source.path.endswith("/"):
        path = destination / safe_path(source.name) if destination.is_dir() else destination
        return [(objects[0], path, path.parent)]
    folder = source.literal_prefix[: source.literal_prefix.rfind("/") + 1]
    if not source.has_wildcard():
        folder = source.as_folder().path
    plan: list[tuple[StoredObject, Path | None, Path]] = []
    root = destination.resolve()
    for stored in objects:
        name = stored.uri.path.removeprefix(folder)
        if not stored.uri.path.startswith(folder):
            raise InvalidArgument(
                f"{str(stored.uri)!r} has the name of a folder, too: download one of them", field="source"
            )
        path = destination / safe_path(name.removesuffix("/")) if name else destination
        # An existing link may lead outside.
        if not path.parent.resolve().is_relative_to(root) and path != destination:
            raise InvalidArgument(f"{str(stored.uri)!r} would be written outside of {destination}", field="source")
        plan.append((stored, None, path) if not name or name.endswith("/") else (stored, path, path.parent))
    folders = {path for _, _, place in plan for path in (place, *place.parents)}
    for stored, file, _ in plan:
        if file in folders:
            raise InvalidArgument(f"{str(stored.uri)!r} cannot be a file: other objects lie below it", field="source")
    return plan


def safe_path(name: str) -> PurePosixPath:
    """An object's name as a relative path.

    Raises:
        InvalidArgument: it is no legal path, or leaves its folder.
    """
    parts = name.split("/")
    for part in parts:
        if part in ("", ".", "..") or "\0" in part or (os.sep != "/" and (os.sep in part or ":" in part)):
            raise InvalidArgument(f"the object name {name[:300]!r} cannot be a path", field="source")
        if len(part.encode()) > _MAX_COMPONENT:
            raise InvalidArgument(f"a part of {name[:300]!r} is longer than {_MAX_COMPONENT} bytes", field="source")
    return PurePosixPath(*parts)


class Progress:
    """Sums up parallel transfers, and reports after each change."""

    def __init__(self, sizes: Sequence[int], on_progress: OnProgress | None) -> None:
        self._done = [0] * len(sizes)
        self._sizes = sizes
        self._finished = 0
        self._on_progress = on_progress

    def at(self, index: int, position: int) -> None:
        """Transfer ``index`` is at this byte; a retry moves it back."""
        self._done[index] = position
        self._report()

    def finished(self, index: int) -> None:
        self._done[index] = self._sizes[index]
        self._finished += 1
        self._report()

    def _report(self) -> None:
        if self._on_progress:
            self._on_progress(TransferProgress(sum(self._done), sum(self._sizes), self._finished, len(self._sizes)))


async def in_parallel(work: Callable[[Item], Awaitable[T]], items: Iterable[Item]) -> list[T]:
    """The results of ``work`` for each item, in order; 16 run at a time. The first failure cancels the rest."""
    slots = asyncio.Semaphore(_MAX_PARALLEL)

    async def one(item: Item) -> T:
        async with slots:
            return await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(item)) for item in items]
    except BaseExceptionGroup as failures:
        raise _first(failures) from None
    return [task.result() for task in tasks]


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    inner = failures.exceptions
    chosen = next((failure for failure in inner if isinstance(failure, CloudError)), inner[0])
    return _first(chosen) if isinstance(chosen, BaseExceptionGroup) else chosen
