"""``Content``: a file that is being written, on this machine until it is closed."""

import asyncio
import os
import tempfile
import time
from pathlib import Path

from cloud.engine.storage.mount.buckets import BucketFolders
from cloud.engine.storage.records import ObjectRecord


class Content:
    """Shared by all who have the file open. It becomes an object when one of them closes it, as in Cloud Storage FUSE.

    Args:
        folder: where its unnamed file is.
    """

    def __init__(self, folders: BucketFolders, path: str, folder: Path) -> None:
        self._folders, self.path = folders, path
        self._file = tempfile.TemporaryFile(buffering=0, dir=folder)  # noqa: SIM115 - closed by ``close``
        self._storing = asyncio.Lock()
        self._is_dirty = True
        self.is_removed = False
        self.moment = time.time()
        self.uses = 0
        """By how many it is open."""

    async def load(self, record: ObjectRecord) -> None:
        """Begin with what the object holds."""
        async for block in self._folders.blocks(record):
            self.write(self.size, block)
        self.moment, self._is_dirty = record.update_time.timestamp(), False

    @property
    def size(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    def read(self, offset: int, size: int) -> bytes:
        return os.pread(self._file.fileno(), size, offset)

    def write(self, offset: int, data: bytes) -> None:
        written = 0
        while written < len(data):
            written += os.pwrite(self._file.fileno(), data[written:], offset + written)
        self._changed()

    def truncate(self, size: int) -> None:
        os.truncate(self._file.fileno(), size)
        self._changed()

    async def store(self) -> None:
        """Make it the object, if that is not so."""
        async with self._storing:
            if self._is_dirty and not self.is_removed:
                self._is_dirty = False
                try:
                    await self._folders.write(self.path, self._file, self.size)
                except BaseException:
                    self._is_dirty = True
                    raise

    def close(self) -> None:
        self._file.close()

    def _changed(self) -> None:
        self._is_dirty, self.moment = True, time.time()
