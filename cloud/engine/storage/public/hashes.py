"""MD5 and CRC32C of files, computed in a thread when they are first needed and kept while the file is unchanged."""

import asyncio
import base64
import hashlib
from dataclasses import dataclass

_BLOCK = 1 << 20

Version = tuple[str, int, int]
"""A file's path, size, and time of last change in microseconds."""


@dataclass(frozen=True, slots=True)
class Hashes:
    md5: str
    """Base64."""
    crc32c: str
    """Base64, big-endian."""


class FileHashes:
    def __init__(self) -> None:
        self._known: dict[Version, Hashes] = {}
        self._computing: dict[Version, asyncio.Task[Hashes]] = {}

    def known(self, version: Version) -> Hashes | None:
        return self._known.get(version)

    async def of(self, version: Version) -> Hashes:
        """Raises:
        OSError: the file cannot be read.
        """
        if found := self._known.get(version):
            return found
        computing = self._computing.get(version)
        if computing is None:
            computing = self._computing[version] = asyncio.create_task(self._compute(version))
        return await asyncio.shield(computing)

    async def _compute(self, version: Version) -> Hashes:
        path, _, _ = version
        try:
            found = self._known[version] = await asyncio.to_thread(_read, path)
        finally:
            del self._computing[version]
        return found


def _read(path: str) -> Hashes:
    # Loaded here: a cloud without public buckets needs no hashes of its own.
    import google_crc32c

    md5, crc32c = hashlib.md5(usedforsecurity=False), 0
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            md5.update(block)
            crc32c = google_crc32c.extend(crc32c, block)
    return Hashes(*(base64.b64encode(digest).decode() for digest in (md5.digest(), crc32c.to_bytes(4, "big"))))
