"""Public buckets: folders of this machine, each served as a bucket of another project that anyone may read.

They stand for buckets that public code reads, such as ``gs://cloud-samples-data``.
"""

import asyncio
import mimetypes
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from cloud.engine.storage.public.hashes import FileHashes, Version
from cloud.engine.storage.public.tree import Tree
from cloud.engine.storage.records import Attributes, BucketRecord, ObjectRecord, Piece
from cloud.errors import InvalidArgument, NotFound, Unavailable
from cloud.names import check_public_bucket

_BLOCK = 1 << 20
_READERS = ("allUsers",)
_BINDINGS = {"roles/storage.legacyBucketReader": _READERS, "roles/storage.objectViewer": _READERS}
_FLAG = "--public"


class PublicBuckets:
    """
    Args:
        folders: by bucket.

    Raises:
        InvalidArgument: an illegal name, or a folder that does not exist.
    """

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._trees: dict[str, Tree] = {}
        self._records: dict[str, BucketRecord] = {}
        self._hashes = FileHashes()
        for name, folder in folders.items():
            check_public_bucket(name)
            if not folder.is_dir():
                raise InvalidArgument(f"no such folder: {folder}", field=_FLAG)
            self._trees[name] = Tree(name, folder.absolute())
            made = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
            self._records[name] = BucketRecord(
                name=name,
                location="US",
                storage_class="STANDARD",
                create_time=made,
                update_time=made,
                acl={},
                default_acl={},
                bindings=_BINDINGS,
                uniform_since=made,
                is_foreign=True,
            )

    def __contains__(self, name: str) -> bool:
        return name in self._trees

    def bucket(self, name: str) -> BucketRecord | None:
        return self._records.get(name)

    def object(self, bucket: str, name: str) -> ObjectRecord | None:
        """The file, with its hashes if they are known.

        Raises:
            PermissionDenied: see ``Tree.path``.
        """
        path = self._trees[bucket].path(name)
        return None if path is None else self._record(bucket, name, path)

    def objects_from(self, bucket: str, start: str) -> Iterator[ObjectRecord]:
        """In order of name, from ``start`` on."""
        for name in self._trees[bucket].files_from(start):
            path = self._trees[bucket].path(name)
            record = path and self._record(bucket, name, path)
            if record:  # not deleted this moment
                yield record

    async def hashed(self, records: Sequence[ObjectRecord]) -> list[ObjectRecord]:
        """``records`` with their hashes, which those of the project's own buckets have anyway.

        Raises:
            Unavailable: a file cannot be read.
        """
        return [await self._hashed(record) if record.bucket in self else record for record in records]

    @asynccontextmanager
    async def read(self, record: ObjectRecord, span: range) -> AsyncIterator[AsyncIterator[bytes]]:
        """Stream the bytes of ``span``.

        Raises:
            NotFound: the file is not what it was when ``record`` was read.
            Unavailable: it becomes shorter meanwhile.
        """
        with self.open(record) as file:
            yield _blocks(file, span)

    def open(self, record: ObjectRecord) -> IO[bytes]:
        """Raises:
        NotFound: see ``read``.
        """
        gone = NotFound(f"No such object: {record.bucket}/{record.name}#{record.generation}")
        try:
            file = open(_path(record), "rb")  # noqa: SIM115 - the caller closes it
        except OSError as error:
            raise gone from error
        if _version(_path(record), os.fstat(file.fileno())) != _version_of(record):
            file.close()
            raise gone
        return file

    def _record(self, bucket: str, name: str, path: str) -> ObjectRecord | None:
        try:
            status = os.stat(path)
        except OSError:
            return None
        version = _version(path, status)
        hashes = self._hashes.known(version)
        kind, encoding = mimetypes.guess_type(name)
        changed = datetime.fromtimestamp(status.st_mtime_ns // 1000 / 1e6, UTC)
        return ObjectRecord(
            bucket=bucket,
            name=name,
            pieces=(Piece(path, status.st_size),),
            size=status.st_size,
            generation=status.st_mtime_ns // 1000,
            md5=hashes.md5 if hashes else None,
            crc32c=hashes.crc32c if hashes else "",
            owner="",
            create_time=changed,
            update_time=changed,
            acl={},
            # What is compressed is stored so: nothing is decompressed on its way.
            attributes=Attributes(content_type=kind if not encoding else _COMPRESSED, storage_class="STANDARD"),
        )

    async def _hashed(self, record: ObjectRecord) -> ObjectRecord:
        if record.crc32c:
            return record
        try:
            hashes = await self._hashes.of(_version_of(record))
        except OSError as error:
            raise Unavailable(f"{_path(record)} cannot be read: {error.strerror or error}") from error
        return replace(record, md5=hashes.md5, crc32c=hashes.crc32c)


_COMPRESSED = "application/octet-stream"


def _path(record: ObjectRecord) -> str:
    return record.pieces[0].key


def _version(path: str, status: os.stat_result) -> Version:
    return path, status.st_size, status.st_mtime_ns // 1000


def _version_of(record: ObjectRecord) -> Version:
    return _path(record), record.size, record.generation


async def _blocks(file: IO[bytes], span: range) -> AsyncIterator[bytes]:
    file.seek(span.start)
    left = len(span)
    while left:
        block = await asyncio.to_thread(file.read, min(left, _BLOCK))
        if not block:
            raise Unavailable(f"{file.name} became shorter while it was read")
        left -= len(block)
        yield block
