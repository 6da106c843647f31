"""The frame of TFRecords. Pure.

Format: https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details: the length in 8 bytes, its
checksum in 4, the record, its checksum in 4; all little-endian, checksums masked CRC-32C.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from cloud.errors import InvalidArgument

_HEAD, _TAIL = struct.Struct("<QI"), struct.Struct("<I")
HEAD_SIZE, TAIL_SIZE = _HEAD.size, _TAIL.size
"""Bytes before and after a record."""
_MASK = 0xA282EAD8


def read_records(file: BinaryIO, *, most: int) -> Iterator[bytes]:
    """The records of a file, up to a last one that is not complete.

    Args:
        most: bytes of the longest record to accept.

    Raises:
        InvalidArgument: the file is damaged, or a record is longer; the records before that were yielded.
    """
    position = 0
    while len(head := file.read(HEAD_SIZE)) == HEAD_SIZE:
        length = length_of(head)
        if length is None:
            raise InvalidArgument(f"no TFRecord at byte {position}: the length's checksum is wrong")
        if length > most:
            raise InvalidArgument(f"the record at byte {position} has {length} bytes: at most {most}")
        record, tail = file.read(length), file.read(TAIL_SIZE)
        if len(record) < length or len(tail) < TAIL_SIZE:
            return
        if not is_sound(record, tail):
            raise InvalidArgument(f"the record at byte {position} is damaged: its checksum is wrong")
        position += HEAD_SIZE + length + TAIL_SIZE
        yield record


def length_of(head: bytes) -> int | None:
    """Bytes of the record that follows ``head``; None if this is not what is before a record."""
    length, checksum = _HEAD.unpack(head)
    return int(length) if checksum == _masked(head[:8]) else None


def is_sound(record: bytes, tail: bytes) -> bool:
    """Whether ``tail`` is the checksum of ``record``."""
    return bool(_TAIL.unpack(tail)[0] == _masked(record))


def write_record(record: bytes) -> bytes:
    """One record with its length and checksums."""
    head = struct.pack("<Q", len(record))
    return head + _TAIL.pack(_masked(head)) + record + _TAIL.pack(_masked(record))


def _masked(data: bytes) -> int:
    import google_crc32c  # with the first file of TFRecords: few clouds read one

    crc: int = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + _MASK) & 0xFFFFFFFF
