"""Media that no object names any more, cleared away in the background."""

import asyncio
import logging

from cloud.engine.storage.media import MediaStore
from cloud.engine.storage.records import Records
from cloud.errors import CloudError

log = logging.getLogger(__name__)

_AT_ONCE = 8


class Debris:
    def __init__(self, records: Records, media: MediaStore) -> None:
        self._records = records
        self._media = media
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(_AT_ONCE)

    def clear_what_a_crash_left(self) -> None:
        """To be called before the first upload begins: then nothing in the records is still wanted."""
        for bucket, key in self._records.debris():
            self.clear(bucket, key)

    def clear(self, bucket: str, key: str) -> None:
        """Delete one media, soon. What cannot be deleted now stays recorded, and is at the next start."""
        task = asyncio.create_task(self._delete(bucket, key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _delete(self, bucket: str, key: str) -> None:
        try:
            async with self._slots:
                await self._media.delete(bucket, key)
        except CloudError as error:
            log.warning("media of bucket %s is left until the next start: %s", bucket, error)
        else:
            self._records.media_is_gone(bucket, key)
