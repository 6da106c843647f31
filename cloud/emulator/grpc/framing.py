"""The bytes of a call: its message with its prefix, compression and deadline. Pure.

https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, https://github.com/grpc/grpc/blob/master/doc/compression.md
"""

import re
import zlib

PREFIX = 5
"""Bytes: whether the message is compressed, and its length."""
MAX_MESSAGE = 10 * 2**20
"""Bytes, compressed or not; as of a body over REST."""
_SECONDS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_WINDOW_BITS = {"gzip": 31, "deflate": 15}


class UnsupportedError(Exception):
    """Valid, but not served here."""


def frame(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(4) + message


def unframe(data: bytes | bytearray, encoding: str) -> bytes:
    """The one message of a call.

    Raises:
        UnsupportedError: its compression is unknown.
        ValueError: there is not exactly one whole message of an allowed size.
    """
    size = int.from_bytes(data[1:PREFIX])
    if len(data) < PREFIX or len(data) != PREFIX + size:
        raise ValueError("a call has exactly one whole message")
    message = bytes(data[PREFIX:])
    if data[0] == 0:
        return message
    if encoding not in _WINDOW_BITS:
        raise UnsupportedError(f"messages may be compressed by gzip or deflate, not by {encoding!r}")
    reader = zlib.decompressobj(_WINDOW_BITS[encoding])
    try:
        message = reader.decompress(message, MAX_MESSAGE + 1)
    except zlib.error as error:
        raise ValueError(f"not {encoding}: {error}") from error
    if len(message) > MAX_MESSAGE or not reader.eof:
        raise ValueError(f"a message has at most {MAX_MESSAGE} bytes, and is whole")
    return message


def timeout(value: str | None) -> float | None:
    """Seconds that ``grpc-timeout`` gives; None for no limit.

    Raises:
        ValueError: it has no such form.
    """
    if value is None:
        return None
    match = re.fullmatch(r"([0-9]{1,8})([HMSmun])", value)
    if match is None:
        raise ValueError(f"grpc-timeout is up to 8 digits and a unit, not {value[:40]!r}")
    return int(match[1]) * _SECONDS[match[2]]
