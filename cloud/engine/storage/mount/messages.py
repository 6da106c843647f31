"""FUSE's messages: what the kernel asks of a file system, and the answers (linux/fuse.h, protocol 7.31). Pure."""

import struct
from dataclasses import dataclass
from enum import IntEnum

HEADER = struct.Struct("=IIQQIIIHH")
"""Length, opcode, unique, node, uid, gid, pid, extensions, padding."""
ANSWER = struct.Struct("=IiQ")
"""Length, error, unique."""
MAX_WRITE = 1 << 20
READ_SIZE = MAX_WRITE + 4096
"""Of a buffer in which any request fits."""
_MAJOR, _MINOR = 7, 31
_PAGES = MAX_WRITE // 4096
_ASYNC_READ, _ATOMIC_TRUNCATION, _BIG_WRITES, _AUTO_INVALIDATION, _PARALLEL_LOOKUPS, _MAX_PAGES = (
    *(1 << 0, 1 << 3, 1 << 5),
    *(1 << 12, 1 << 18, 1 << 22),
)
_ATTRIBUTES = struct.Struct("=6Q10I")
_ENTRY = struct.Struct("=4Q2I")
_DIRECTORY_ENTRY = struct.Struct("=QQII")
SET_SIZE, SET_HANDLE = 1 << 3, 1 << 6
"""Bits of what SETATTR sets."""


class Opcode(IntEnum):
    LOOKUP = 1
    FORGET = 2
    GETATTR = 3
    SETATTR = 4
    MKDIR = 9
    UNLINK = 10
    RMDIR = 11
    RENAME = 12
    OPEN = 14
    READ = 15
    WRITE = 16
    STATFS = 17
    RELEASE = 18
    FSYNC = 20
    FLUSH = 25
    INIT = 26
    OPENDIR = 27
    READDIR = 28
    RELEASEDIR = 29
    CREATE = 35
    INTERRUPT = 36
    DESTROY = 38
    BATCH_FORGET = 42
    RENAME2 = 45


@dataclass(frozen=True, slots=True)
class Attributes:
    """Of a file or folder.

    Args:
        mode: type and permissions.
        size: bytes.
        moment: of the last change, in seconds since 1970.
    """

    mode: int
    size: int
    moment: float
    owner: tuple[int, int]

    def pack(self, node: int) -> bytes:
        seconds, fraction = divmod(self.moment, 1)
        times, parts = [int(seconds)] * 3, [int(fraction * 1e9)] * 3
        blocks = -(-self.size // 512)
        return _ATTRIBUTES.pack(node, self.size, blocks, *times, *parts, self.mode, 1, *self.owner, 0, 4096, 0)


def init_answer(body: bytes) -> bytes:
    """Of INIT."""
    _, _, readahead, flags = struct.unpack_from("=4I", body)
    wanted = _ASYNC_READ | _ATOMIC_TRUNCATION | _BIG_WRITES | _AUTO_INVALIDATION | _PARALLEL_LOOKUPS | _MAX_PAGES
    sizes = (min(readahead, MAX_WRITE), flags & wanted, 12, 9, MAX_WRITE, 1, _PAGES)
    return struct.pack("=4I2H2I2HI7I", _MAJOR, _MINOR, *sizes, 0, 0, *[0] * 7)


def entry(node: int, attributes: Attributes) -> bytes:
    """Of LOOKUP and what creates; nothing is cached, since others change the bucket, too."""
    return _ENTRY.pack(node, 0, 0, 0, 0, 0) + attributes.pack(node)


def attributes_answer(node: int, attributes: Attributes) -> bytes:
    """Of GETATTR and SETATTR."""
    return struct.pack("=QII", 0, 0, 0) + attributes.pack(node)


def opened(handle: int) -> bytes:
    """Of OPEN, OPENDIR and, after an entry, CREATE."""
    return struct.pack("=QIi", handle, 0, 0)


def written(size: int) -> bytes:
    """Of WRITE."""
    return struct.pack("=II", size, 0)


def statistics() -> bytes:
    """Of STATFS: a bucket has no end."""
    blocks = 1 << 40
    return struct.pack("=5Q4I6I", blocks, blocks, blocks, 1 << 32, 1 << 32, 4096, 255, 4096, 0, *[0] * 6)


def directory(names: list[tuple[str, bool]], offset: int, most: int) -> bytes:
    """Of READDIR: the names from ``offset`` on, each with whether it is a folder, that fit in ``most`` bytes."""
    packed = b""
    for number, (name, is_folder) in enumerate(names[offset:], offset + 1):
        data = name.encode(errors="surrogateescape")
        record = _DIRECTORY_ENTRY.pack(2**63 + number, number, len(data), 4 if is_folder else 8) + data
        record += b"\0" * (-len(record) % 8)
        if len(packed) + len(record) > most:
            break
        packed += record
    return packed


def text(data: bytes) -> str:
    """A name in a request.

    Raises:
        UnicodeDecodeError: no object can be called so.
    """
    return data.partition(b"\0")[0].decode()
