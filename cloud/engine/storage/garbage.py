"""Media that no object refers to any more, deleted in the background."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from cloud.engine.storage.database import Records
from cloud.engine.storage.media import MediaStore
from cloud.engine.storage.records import ObjectRecord, Piece
from cloud.errors import CloudError

log = logging.getLogger(__name__)

_CONCURRENCY = 8


class Garbage:
    def __init__(self, records: Records, media: MediaStore) -> None:
        self._records = records
        self._media = media
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(_CONCURRENCY)
        self._readers: Counter[tuple[str, str]] = Counter()
        self._waiting: set[tuple[str, str]] = set()

    def clear_after_crash(self) -> None:
        """Delete the garbage of the previous run. Call it before the first upload, which registers media in use."""
        for bucket, key in self._records.garbage():
            self.clear(bucket, key)

    @contextmanager
    def held(self, *records: ObjectRecord) -> Iterator[None]:
        """Keep the media of objects, even if they are deleted meanwhile."""
        media = [(record.bucket, piece.key) for record in records for piece in record.pieces]
        self._readers.update(media)
        try:
            yield
        finally:
            self._readers.subtract(media)
            for each in media:
                if not self._readers[each]:
                    del self._readers[each]
                    if each in self._waiting:
                        self._waiting.discard(each)
                        self.clear(*each)

    def clear_object(self, record: ObjectRecord) -> None:
        self.clear_pieces(record.bucket, record.pieces)

    def clear_pieces(self, bucket: str, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            self.clear(bucket, piece.key)

    def clear(self, bucket: str, key: str) -> None:
        """Delete media in the background. If that fails, it stays recorded and is retried at the next start."""
        if (bucket, key) in self._readers:
            self._waiting.add((bucket, key))
            return
        task = asyncio.create_task(self._delete(bucket, key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def is_in(self, bucket: str) -> bool:
        """Whether the bucket's folder holds some that cannot be deleted yet, because it is still read or written. The
        next bucket of this name has the same folder.
        """
        return any(each == bucket for each, _ in self._records.garbage())

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
