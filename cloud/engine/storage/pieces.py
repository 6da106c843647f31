"""An object's bytes in pieces: keys of fake-gcs-server, each of a bounded size, in order.

fake-gcs-server needs about 2.5 times the size of what it stores in memory (docs/decisions/0002): no piece is larger
than ``PIECE``, and an object of any size is stored, copied and composed in bounded memory.
"""

import asyncio
import base64
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO

from cloud.engine.storage import crc32c
from cloud.engine.storage.media import MediaStore
from cloud.engine.storage.records import Piece

PIECE = 32 << 20
"""Bytes of a piece at most."""
_JOINED_AT_ONCE = 32
"""Pieces that fake-gcs-server joins at most (https://cloud.google.com/storage/docs/composite-objects)."""
_BLOCK = 1 << 20

NewKey = Callable[[], str]
"""Gives the key of each piece that is written: recorded as garbage until a record refers to it."""


@dataclass(frozen=True, slots=True)
class Stored:
    pieces: tuple[Piece, ...]
    size: int
    md5: str | None
    """Base64; None for what was joined from parts."""
    crc32c: str
    """Base64, big-endian."""


class Pieces:
    def __init__(self, media: MediaStore) -> None:
        self._media = media

    async def put(self, bucket: str, new_key: NewKey, content: IO[bytes], size: int) -> Stored:
        """Store all ``size`` bytes of ``content``, which is a file if they are more than ``PIECE``."""
        if size <= PIECE:
            key = new_key()
            part = await self._media.put(bucket, key, content, range(size))
            return Stored((Piece(key, size),), size, part.md5, part.crc32c)
        content.flush()  # the thread below reads past the buffer
        digest = hashlib.md5(usedforsecurity=False)
        pieces, checksums = [], []
        for start in range(0, size, PIECE):
            span = range(start, min(start + PIECE, size))
            key = new_key()
            hashing = asyncio.create_task(asyncio.to_thread(_update, digest, content.fileno(), span))
            try:
                part = await self._media.put(bucket, key, content, span)
            finally:
                await hashing  # a thread cannot be cancelled, and reads the file
            pieces.append(Piece(key, len(span)))
            checksums.append((part.crc32c, len(span)))
        md5 = base64.b64encode(digest.digest()).decode()
        return Stored(tuple(pieces), size, md5, crc32c.joined(checksums))

    async def copy(self, bucket: str, pieces: Sequence[Piece], to_bucket: str, new_key: NewKey) -> tuple[Piece, ...]:
        """Raises:
        Unavailable: they are deleted meanwhile.
        """
        copies = []
        for piece in pieces:
            key = new_key()
            await self._media.copy(bucket, piece.key, to_bucket, key)
            copies.append(Piece(key, piece.size))
        return tuple(copies)

    async def join(self, bucket: str, pieces: Sequence[Piece], new_key: NewKey) -> tuple[Piece, ...]:
        """Copies of ``pieces``, small neighbours joined to one.

        Raises:
            Unavailable: they are deleted meanwhile.
        """
        joined: list[Piece] = []
        for group in _neighbours(pieces):
            if len(group) == 1:
                joined += await self.copy(bucket, group, bucket, new_key)
                continue
            key = new_key()
            await self._media.compose(bucket, [piece.key for piece in group], key)
            joined.append(Piece(key, sum(piece.size for piece in group)))
        return tuple(joined)

    @asynccontextmanager
    async def read(self, bucket: str, pieces: Sequence[Piece], span: range) -> AsyncIterator[AsyncIterator[bytes]]:
        """Stream the bytes of ``span``, which must not be empty.

        Raises:
            MediaGone, Unavailable: see ``MediaStore.read``; at once for the first of them, later in the stream.
        """
        first, *rest = _parts(pieces, span)
        async with self._media.read(bucket, *first) as start:
            yield self._blocks(bucket, start, rest)

    async def _blocks(
        self, bucket: str, start: AsyncIterator[bytes], rest: list[tuple[str, range]]
    ) -> AsyncIterator[bytes]:
        async for block in start:
            yield block
        for key, span in rest:
            async with self._media.read(bucket, key, span) as blocks:
                async for block in blocks:
                    yield block


def _update(digest: "hashlib._Hash", file: int, span: range) -> None:
    for start in range(span.start, span.stop, _BLOCK):
        digest.update(os.pread(file, min(_BLOCK, span.stop - start), start))


def _neighbours(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Groups that may be joined to one piece, as few as a single pass finds."""
    group: list[Piece] = []
    for piece in pieces:
        if group and (len(group) == _JOINED_AT_ONCE or sum(each.size for each in group) + piece.size > PIECE):
            yield group
            group = []
        group.append(piece)
    yield group


def _parts(pieces: Sequence[Piece], span: range) -> list[tuple[str, range]]:
    """The range of each piece that lies in ``span``, where that is not empty."""
    parts, start = [], 0
    for piece in pieces:
        inside = range(max(span.start - start, 0), min(span.stop - start, piece.size))
        if inside:
            parts.append((piece.key, inside))
        start += piece.size
    return parts
