"""What has to be copied and removed so that one folder is like another (gsutil rsync)."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from cloud.stand_ins.checksums import crc32c
from cloud.stand_ins.copying import Copy, Source
from cloud.stand_ins.failures import Failure, HttpError
from cloud.stand_ins.objects import Storage
from cloud.stand_ins.urls import Url, is_url, parse


@dataclass(frozen=True, slots=True)
class Work:
    copies: list[Copy]
    removals: list[Url | Path]


def compare(
    storage: Storage, source: str, destination: str, *, recursive: bool, deletes: bool, exclude: str | None
) -> Work:
    """Raises:
    Failure: one of the two is no folder or bucket.
    """
    excluded = re.compile(exclude) if exclude else None
    found = _contents(storage, source, recursive=recursive, must_exist=True)
    there = _contents(storage, destination, recursive=recursive, must_exist=False)
    copies = []
    for name, each in sorted(found.items()):
        if excluded and excluded.match(name):
            continue
        if name in there and _is_same(each, there[name]):
            continue
        if is_url(destination):
            url = parse(destination)
            target: Url | Path = Url(url.bucket, f"{url.name.rstrip('/')}/{name}".lstrip("/"))
            copies.append(Copy(each, target, str(target)))
        else:
            where = os.path.join(destination, name)
            copies.append(Copy(each, Path(where), f"file://{where}"))
    removals = [each.place for name, each in sorted(there.items()) if deletes and name not in found]
    return Work(copies, removals)


def _contents(storage: Storage, text: str, *, recursive: bool, must_exist: bool) -> dict[str, Source]:
    if not is_url(text):
        folder = Path(text)
        if not folder.is_dir():
            raise Failure(f"arg ({text}) does not name a directory, bucket, or bucket subdir.")
        paths = folder.rglob("*") if recursive else folder.iterdir()
        files = [path for path in paths if path.is_file()]
        names = [path.relative_to(folder).as_posix() for path in files]
        return {
            name: Source(path, name, path.stat().st_size, None, name) for name, path in zip(names, files, strict=True)
        }
    url = parse(text)
    prefix = f"{url.name.rstrip('/')}/" if url.name else ""
    try:
        listing = storage.list_below(Url(url.bucket, prefix), delimiter=None if recursive else "/")
    except HttpError as error:
        if error.code == 404:
            raise Failure(f"{url} not found: 404.") from None
        raise
    if must_exist and prefix and not listing.objects and not listing.prefixes:
        raise Failure(f"arg ({text}) does not name a directory, bucket, or bucket subdir.")
    return {
        resource["name"].removeprefix(prefix): Source(
            Url(url.bucket, resource["name"]), resource["name"].removeprefix(prefix), int(resource["size"]), resource
        )
        for resource in listing.objects
        if not resource["name"].endswith("/")
    }


def _is_same(one: Source, other: Source) -> bool:
    if one.size != other.size:
        return False
    checks = {_crc32c(one), _crc32c(other)}
    return len(checks) == 1


def _crc32c(source: Source) -> str:
    if source.resource is not None:
        return str(source.resource["crc32c"])
    return crc32c(Path(str(source.place)))
