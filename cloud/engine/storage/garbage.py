"""Media that no object refers to any more, deleted in the background."""

import asyncio
import logging

from cloud.engine.storage.media import MediaStore
from cloud.engine.storage.records import Records
from cloud.errors import CloudError

log = logging.getLogger(__name__)

_CONCURRENCY = 8


class Garbage:
    def __init__(self, records: Records, media: MediaStore) -> None:
        self._records = records
        self._media = media
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(_CONCURRENCY)

    def clear_after_crash(self) -> None:
        """Delete the garbage of the previous run. Call it before the first upload, which registers media in use."""
        for bucket, key in self._records.garbage():
            self.clear(bucket, key)

    def clear(self, bucket: str, key: str) -> None:
        """Delete media in the background. If that fails, it stays recorded and is retried at the next start."""
        task = asyncio.create_task(self._delete(bucket, key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def wait(self) -> None:
        """Wait for running deletions."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _delete(self, bucket: str, key: str) -> None:
        try:
            async with self._slots:
                await self._media.delete(bucket, key)
        except CloudError as error:
            log.warning("media of bucket %s is left until the next start: %s", bucket, error)
        else:
            self._records.forget_media(bucket, key)
