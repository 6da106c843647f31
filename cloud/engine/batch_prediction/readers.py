"""Reads the records of input files, in bounded memory.

A step takes about a millisecond. A thread would cost more, since it would have to wait for the event loop's.

A record is a line without its end, or the data of a TFRecord.
"""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from cloud.errors import CloudError
from cloud.resources.batch_prediction import InputFormat
from cloud.wire.tf_records import HEAD_SIZE, TAIL_SIZE, is_sound, length_of

MAX_RECORD = 32 * 1024 * 1024
"""Bytes of a record that is kept: no request to a model can be larger."""
_BLOCK = 256 * 1024
_GZIP = b"\x1f\x8b"
_TF_RECORDS = (InputFormat.TF_RECORD, InputFormat.TF_RECORD_GZIP)


@dataclass(frozen=True, slots=True)
class TooLarge:
    """In place of a record of more than ``MAX_RECORD`` bytes."""

    size: int


Records = list[bytes] | TooLarge


class UnreadableError(CloudError):
    """The rest of a file cannot be read."""


def read_records(path: Path, form: InputFormat) -> Iterator[Records]:
    """The records of a file, in lists of some hundred KiB, of which some are empty. Those before a damage are given.

    Raises:
        UnreadableError: the file is damaged.
    """
    try:
        with path.open("rb") as raw:
            file = _decompressed(raw, form)
            yield from _tf_records(file) if form in _TF_RECORDS else _lines(file)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UnreadableError(f"it is not what gzip wrote: {error}") from error


def _decompressed(file: BinaryIO, form: InputFormat) -> BinaryIO:
    is_compressed = form is InputFormat.TF_RECORD_GZIP
    if form not in _TF_RECORDS:  # as Apache Beam, which goes by the name: no text begins like this
        is_compressed = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
    return cast(BinaryIO, gzip.open(file)) if is_compressed else file


def _lines(file: BinaryIO) -> Iterator[Records]:
    begun: list[bytes] = []
    """The pieces of a line whose end was not read yet."""
    size = 0
    while block := file.read(_BLOCK):
        first, *whole = block.split(b"\n")
        size += len(first)
        if size <= MAX_RECORD:
            begun.append(first)
        else:
            begun.clear()
        if not whole:
            yield []
            continue
        last = whole.pop()
        if size <= MAX_RECORD:
            whole.insert(0, b"".join(begun))
        else:
            yield TooLarge(size)
        yield whole
        begun, size = [last], len(last)
    if size:
        yield [b"".join(begun)] if size <= MAX_RECORD else TooLarge(size)


def _tf_records(file: BinaryIO) -> Iterator[Records]:
    records: list[bytes] = []
    position = size = 0
    try:
        while head := file.read(HEAD_SIZE):
            length = _length(head, position)
            if length > MAX_RECORD:
                yield records
                records, size = [], 0
                yield from _skip(file, length + TAIL_SIZE, position)
                yield TooLarge(length)
            else:
                records.append(_data(file, length, position))
                size += length
            position += HEAD_SIZE + length + TAIL_SIZE
            if size >= _BLOCK:
                yield records
                records, size = [], 0
    except (UnreadableError, EOFError, zlib.error):
        yield records
        raise
    yield records


def _length(head: bytes, position: int) -> int:
    if len(head) < HEAD_SIZE:
        raise UnreadableError(f"truncated record at {position}")
    length = length_of(head)
    if length is None:
        compressed = " It is compressed with gzip." if not position and head.startswith(_GZIP) else ""
        raise UnreadableError(f"corrupted record at {position}.{compressed}")
    return length


def _data(file: BinaryIO, length: int, position: int) -> bytes:
    data, tail = file.read(length), file.read(TAIL_SIZE)
    if len(data) < length or len(tail) < TAIL_SIZE:
        raise UnreadableError(f"truncated record at {position}")
    if not is_sound(data, tail):
        raise UnreadableError(f"corrupted record at {position}")
    return data


def _skip(file: BinaryIO, count: int, position: int) -> Iterator[Records]:
    while count:
        block = file.read(min(count, _BLOCK))
        if not block:
            raise UnreadableError(f"truncated record at {position}")
        count -= len(block)
        yield []
