"""Reads protobuf messages by field numbers, without their descriptions. Pure.

Format: https://protobuf.dev/programming-guides/encoding/.
"""

from collections.abc import Iterator

Message = bytes | memoryview
Value = int | memoryview
"""The number of a varint field; the bytes of any other."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def fields(message: Message) -> Iterator[tuple[int, Value]]:
    """Number and value of each field, in the order of the message. Nothing is copied.

    Raises:
        ValueError: while it is read, where the message is damaged.
    """
    message = memoryview(message)
    place, end = 0, len(message)
    while place < end:
        tag, place = read_varint(message, place)
        kind = tag & 7
        if kind == _VARINT:
            number, place = read_varint(message, place)
            yield tag >> 3, number
            continue
        if kind == _BYTES:
            size, place = read_varint(message, place)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"no wire type: {kind}")
        if place + size > end:
            raise ValueError("cut short")
        yield tag >> 3, message[place : place + size]
        place += size


def messages(message: Message, number: int) -> Iterator[memoryview]:
    """The values of the field ``number`` that are not varints: strings, messages, packed lists.

    Raises:
        ValueError: see ``fields``.
    """
    for found, value in fields(message):
        if found == number and not isinstance(value, int):
            yield value


def text(message: Message, number: int) -> str:
    """The first string in the field ``number``; empty if there is none.

    Raises:
        ValueError: the message is damaged, or the string is not UTF-8.
    """
    return str(next(messages(message, number), b""), "utf-8")


def read_varint(message: Message, place: int) -> tuple[int, int]:
    """The number that begins at ``place``, and the place after it.

    Raises:
        ValueError: it is cut short, or longer than 64 bits.
    """
    value = shift = 0
    for byte in message[place : place + 10]:
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
    raise ValueError("a varint has no end")


def signed(value: int) -> int:
    """The number of an ``int32`` or ``int64`` field, whose varint is its two's complement in 64 bits."""
    return value - (1 << 64) if value >> 63 else value


def varint_field(number: int, value: int) -> bytes:
    """A field of a varint, encoded; a negative number as ``int32`` and ``int64`` are."""
    return _varint(number << 3 | _VARINT) + _varint(value & (1 << 64) - 1)


def _varint(value: int) -> bytes:
    encoded = b""
    while value > 0x7F:
        encoded += bytes([value & 0x7F | 0x80])
        value >>= 7
    return encoded + bytes([value])
