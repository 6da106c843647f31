"""``BucketFolders``: buckets as folders, in the manner of Cloud Storage FUSE.

https://cloud.google.com/storage/docs/cloud-storage-fuse/file-system-behavior: a folder is a prefix, or an empty object
whose name ends in a slash; one that is not empty cannot be renamed (``rename-dir-limit`` is 0 by default); the folder
of all buckets cannot be listed.
"""

import errno
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from cloud.engine.principal import Principal
from cloud.engine.storage.listing import ListQuery
from cloud.engine.storage.objects import NewObject
from cloud.engine.storage.records import ObjectRecord
from cloud.engine.storage.service import StorageService
from cloud.errors import AlreadyExists, BucketNotFound, CloudError, InvalidArgument, NotFound, PermissionDenied

_NUMBERS = {NotFound: errno.ENOENT, PermissionDenied: errno.EACCES, AlreadyExists: errno.EEXIST}


@dataclass(frozen=True, slots=True)
class Found:
    """A file, or a folder.

    Args:
        record: of a file.
    """

    record: ObjectRecord | None = None


FOLDER = Found()


class BucketFolders:
    """Paths are ``BUCKET/NAME``, without a slash at the end; the empty one is the folder of all buckets. Whatever fails
    is an ``OSError``.

    Args:
        principal: as whom everything is done.
        report: called with a sentence for what is refused, or whose bucket does not exist.
    """

    def __init__(self, storage: StorageService, principal: Principal, report: Callable[[str], None]) -> None:
        self._storage, self._principal, self._report = storage, principal, report

    def find(self, path: str) -> Found:
        bucket, _, name = path.partition("/")
        if not bucket:
            return FOLDER
        with self._errors(path):
            # A bucket, if it exists, may be empty.
            if self._below(bucket, f"{name}/" if name else "") or not name:
                return FOLDER
            return Found(self._storage.objects.get(self._principal, bucket, name))

    def names(self, path: str) -> list[tuple[str, bool]]:
        """What is in a folder: names, and whether each is a folder."""
        bucket, _, name = path.partition("/")
        if not bucket:
            raise OSError(errno.ENOTSUP, "buckets cannot be listed")
        prefix, token, found = f"{name}/" if name else "", "", dict[str, bool]()
        while True:
            with self._errors(path):
                query = ListQuery(prefix=prefix, delimiter="/", page_token=token)
                page = self._storage.objects.list_page(self._principal, bucket, query)
            found |= {item.name[len(prefix) :]: False for item in page.items if item.name != prefix}
            found |= {folder[len(prefix) : -1]: True for folder in page.prefixes}
            token = page.next_page_token
            if not token:
                # "a//b" has a folder without a name, which no path can name.
                return sorted((name, is_folder) for name, is_folder in found.items() if name)

    def check_write(self, path: str) -> None:
        """Whether a file may be written here, before it is."""
        bucket, _, name = path.partition("/")
        if not name:
            raise OSError(errno.EACCES, "a bucket cannot be made here")
        with self._errors(path):
            self._storage.objects.check_insert(self._principal, NewObject(bucket, name))

    async def read(self, record: ObjectRecord, offset: int, size: int) -> bytes:
        span = range(offset, min(offset + size, record.size))
        with self._errors(f"{record.bucket}/{record.name}"):
            async with self._storage.objects.read(record, span) as blocks:
                return b"".join([block async for block in blocks])

    async def blocks(self, record: ObjectRecord) -> AsyncIterator[bytes]:
        """All of a file."""
        with self._errors(f"{record.bucket}/{record.name}"):
            async with self._storage.objects.read(record, range(record.size)) as blocks:
                async for block in blocks:
                    yield block

    async def write(self, path: str, content: IO[bytes], size: int) -> None:
        """Create or replace a file."""
        bucket, _, name = path.partition("/")
        content.seek(0)
        with self._errors(path):
            await self._storage.objects.insert(self._principal, NewObject(bucket, name), content, size)

    async def make_folder(self, path: str) -> None:
        self.check_write(path)
        with self._storage.spool() as nothing:
            await self.write(f"{path}/", nothing, 0)

    def remove(self, path: str) -> None:
        bucket, _, name = path.partition("/")
        with self._errors(path):
            self._storage.objects.delete(self._principal, bucket, name)

    def remove_folder(self, path: str) -> None:
        bucket, _, name = path.partition("/")
        if not name:
            raise OSError(errno.EACCES, "a bucket cannot be removed here")
        with self._errors(path):
            if any(found != f"{name}/" for found in self._below(bucket, f"{name}/", 2)):
                raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))
            self._storage.objects.delete(self._principal, bucket, f"{name}/")

    async def rename(self, old: str, new: str) -> None:
        """A file, or an empty folder."""
        if self.find(old) is FOLDER:
            await self._rename_folder(old, new)
            return
        self.check_write(new)
        (source, _, name), (target, _, renamed) = old.partition("/"), new.partition("/")
        objects, copies, copied = self._storage.objects, self._storage.copies, NewObject(target, renamed)
        with self._errors(old):
            if source == target:
                await copies.move(self._principal, copied, name)
            else:
                record = objects.get(self._principal, source, name)
                await copies.copy(self._principal, record, copied, keep_attributes=True)
                objects.delete(self._principal, source, name)

    async def _rename_folder(self, old: str, new: str) -> None:
        bucket, _, name = old.partition("/")
        if not name or any(found != f"{name}/" for found in self._below(bucket, f"{name}/", 2)):
            self._report(
                f"/gcs/{old}: a folder that is not empty cannot be renamed in /gcs, as at Google (rename-dir-limit of "
                "Cloud Storage FUSE): rename its files, or use gs://"
            )
            raise OSError(errno.EMFILE, "the folder is not empty")
        await self.make_folder(new)
        self.remove_folder(old)

    def _below(self, bucket: str, prefix: str, most: int = 1) -> list[str]:
        """Names of the first objects whose names begin with ``prefix``."""
        query = ListQuery(prefix=prefix, max_results=most)
        return [item.name for item in self._storage.objects.list_page(self._principal, bucket, query).items]

    @contextmanager
    def _errors(self, path: str) -> Iterator[None]:
        try:
            yield
        except CloudError as error:
            if isinstance(error, BucketNotFound | PermissionDenied):
                self._report(f"/gcs/{path}: {error.message}")
            number = next((number for kind, number in _NUMBERS.items() if isinstance(error, kind)), errno.EIO)
            number = errno.EINVAL if type(error) is InvalidArgument else number
            raise OSError(number, error.message) from error
