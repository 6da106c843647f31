"""Which object or file goes where when something is copied, by the rules that gsutil and ``gcloud storage`` share.

https://cloud.google.com/storage/docs/gsutil/commands/cp: a destination that is a folder (a bucket, a name with a slash
at its end, a prefix of existing objects, a local folder), or that several sources are copied to, takes the sources
below their own names; any other is the new name of the one source.
"""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cloud.stand_ins.failures import Failure, HttpError
from cloud.stand_ins.objects import Resource, Storage
from cloud.stand_ins.urls import Url, has_wildcard, is_url, parse


class NoMatch(Failure):
    """A source that is nothing."""

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.source = source


class Omitted(Failure):
    """A folder, where folders are not copied."""

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.source = source


@dataclass(frozen=True, slots=True)
class Source:
    """One object or file.

    Args:
        relative: its name below a destination that is a folder.
        inner: its name below a new folder, for what was found in a folder; else empty.
    """

    place: Url | Path
    relative: str
    size: int
    resource: Resource | None = None
    inner: str = ""

    @property
    def shown(self) -> str:
        return str(self.place) if isinstance(self.place, Url) else f"file://{self.place}"


@dataclass(frozen=True, slots=True)
class Copy:
    source: Source
    target: Url | Path
    shown_target: str


def sources_of(storage: Storage, text: str, *, recursive: bool) -> Iterator[Source]:
    """Raises:
    NoMatch: nothing is there.
    Omitted: it is a folder, and ``recursive`` is false.
    """
    if is_url(text):
        yield from _objects(storage, parse(text), recursive=recursive)
    else:
        yield from _files(text.removeprefix("file://"), recursive=recursive)


def _files(text: str, *, recursive: bool) -> Iterator[Source]:
    path = Path(text)
    if path.is_file() or (path.exists() and not path.is_dir()):
        yield Source(path, path.name, path.stat().st_size)
        return
    if path.is_dir():
        if not recursive:
            raise Omitted(f"file://{text}")
        yield from _walk(path)
        return
    matches = sorted(glob.glob(text, recursive=True)) if has_wildcard(text) else []
    if not matches:
        raise NoMatch(text)
    for match in matches:
        if os.path.isfile(match):
            yield Source(Path(match), os.path.basename(match), os.path.getsize(match))
        elif recursive and "**" not in text:
            yield from _walk(Path(match))


def _walk(folder: Path) -> Iterator[Source]:
    root = folder.resolve().name if folder.name in ("", "..") else folder.name
    for above, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = Path(above, name)
            inner = path.relative_to(folder).as_posix()
            yield Source(path, f"{root}/{inner}" if folder.name else inner, path.stat().st_size, None, inner)


def _objects(storage: Storage, url: Url, *, recursive: bool) -> Iterator[Source]:
    if has_wildcard(url.bucket) or (not url.name and not recursive) or "**" in url.name:
        found = False
        for resource in storage.match(url) if url.name else ():
            found = True
            yield _source(resource, resource["name"].rpartition("/")[2])
        if not found:
            raise NoMatch(str(url))
        return
    if not url.name:
        yield from _below(storage, url.bucket, "", url)
        return
    if not url.has_wildcard and not url.name.endswith("/") and (exact := storage.find(url)) is not None:
        yield _source(exact, url.name.rpartition("/")[2])
        return
    listing = storage.match_with_folders(url)
    if not listing.objects and not (listing.prefixes and recursive):
        if listing.prefixes:
            raise Omitted(str(url))
        raise NoMatch(str(url))
    for resource in listing.objects:
        if not resource["name"].endswith("/"):
            yield _source(resource, resource["name"].rpartition("/")[2])
    for prefix in listing.prefixes if recursive else ():
        yield from _below(storage, url.bucket, prefix, url)


def _below(storage: Storage, bucket: str, prefix: str, url: Url) -> Iterator[Source]:
    try:
        listing = storage.list_below(Url(bucket, prefix))
    except HttpError as error:
        if error.code == 404:
            raise NoMatch(str(url)) from None
        raise
    folder = prefix.rstrip("/").rpartition("/")[2]
    found = False
    for resource in listing.objects:
        inner = resource["name"].removeprefix(prefix)
        if inner and not inner.endswith("/"):  # what stands for a folder is none on a disk
            found = True
            yield _source(resource, f"{folder}/{inner}" if folder else f"{bucket}/{inner}", inner)
    if not found and not listing.objects:
        raise NoMatch(str(url))


def _source(resource: Resource, relative: str, inner: str = "") -> Source:
    return Source(Url(resource["bucket"], resource["name"]), relative, int(resource["size"]), resource, inner)


def plan(storage: Storage, found: Sequence[Source], destination: str, *, count: int) -> list[Copy]:
    """
    Args:
        found: what is copied, of all sources.
        count: how many sources were named.

    Raises:
        Failure: several sources, and the destination is a file.
    """
    is_folder = count > 1 or len({each.relative for each in found if not each.inner}) > 1
    if is_url(destination):
        url = parse(destination)
        if not is_folder:
            is_folder = not url.name or url.name.endswith("/") or _has_objects_below(storage, url)
        above = url.name.rstrip("/") + "/" if url.name else ""
        copies = []
        for each in found:
            name = above + each.relative if is_folder else above + each.inner if each.inner else url.name
            target = Url(url.bucket, name)
            copies.append(Copy(each, target, str(target)))
        return copies
    path = destination.removeprefix("file://")
    if is_folder and not os.path.isdir(path):
        raise Failure(f"Destination URL must name an existing directory. Provided: {path}.")
    if not os.path.isdir(path) and path.endswith("/"):
        raise Failure(f"Destination URL must name an existing directory. Provided: {path}.")
    is_folder = os.path.isdir(path)
    local = []
    for each in found:
        where = os.path.join(path, each.relative) if is_folder else os.path.join(path, each.inner).rstrip("/")
        local.append(Copy(each, Path(where), f"file://{where}"))
    return local


def _has_objects_below(storage: Storage, url: Url) -> bool:
    listing = storage.list_below(Url(url.bucket, url.name + "/"), delimiter="/")
    return bool(listing.objects or listing.prefixes)


def execute(storage: Storage, copy: Copy, content_type: str | None = None) -> None:
    """Copy one object or file."""
    source, target = copy.source.place, copy.target
    if isinstance(target, Url):
        if isinstance(source, Url):
            storage.copy(source, target)
        else:
            storage.upload(source, target, content_type)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(source, Path):
        import shutil

        shutil.copyfile(source, target)
        return
    partial = target.with_name(f"{target.name}_.gstmp")
    with partial.open("wb") as file:
        storage.read(source, file)
    partial.replace(target)
