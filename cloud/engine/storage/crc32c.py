"""The CRC32C of joined bytes from those of their parts. Pure.

A CRC is linear: appending a zero bit to the bytes is a linear map of the checksum, a matrix over GF(2), and appending
``n`` bytes is its power (the method of zlib's ``crc32_combine``, https://github.com/madler/zlib/blob/develop/crc32.c).
"""

import base64
import functools
from collections.abc import Sequence

_POLYNOMIAL = 0x82F63B78
"""Castagnoli's, bits reversed (https://www.rfc-editor.org/rfc/rfc3720#section-12.1)."""

Matrix = tuple[int, ...]
"""A column for each of 32 bits."""


def joined(parts: Sequence[tuple[str, int]]) -> str:
    """The checksum of the bytes of ``parts``, one after the other.

    Args:
        parts: the checksum (base64, big-endian) and the size of each.
    """
    whole = 0
    for checksum, size in parts:
        power = 0
        while size >> power:
            if size >> power & 1:
                whole = _times(_zero_bytes(power), whole)
            power += 1
        whole ^= int.from_bytes(base64.b64decode(checksum), "big")
    return base64.b64encode(whole.to_bytes(4, "big")).decode()


@functools.cache
def _zero_bytes(power: int) -> Matrix:
    """Appends ``2 ** power`` zero bytes."""
    if power:
        half = _zero_bytes(power - 1)
        return _squared(half)
    bit: Matrix = (_POLYNOMIAL, *(1 << place for place in range(31)))
    return _squared(_squared(_squared(bit)))


def _squared(matrix: Matrix) -> Matrix:
    return tuple(_times(matrix, column) for column in matrix)


def _times(matrix: Matrix, vector: int) -> int:
    product, place = 0, 0
    while vector >> place:
        if vector >> place & 1:
            product ^= matrix[place]
        place += 1
    return product
