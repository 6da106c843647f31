"""The parts of multipart uploads: their limits, and what an upload is completed of. Pure.

https://cloud.google.com/storage/quotas#requests
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from cloud.engine.storage.multipart_errors import (
    EntityTooLarge,
    EntityTooSmall,
    InvalidPart,
    InvalidPartOrder,
    MalformedCompletion,
)
from cloud.engine.storage.multipart_records import Part
from cloud.errors import InvalidArgument

MAX_PARTS = 10_000
MIN_PART = 5 << 20
"""Bytes of every part but the last."""
MAX_PART = 5 << 30
MAX_OBJECT = 5 << 40


def check_part(number: int, size: int) -> None:
    """
    Args:
        size: bytes.

    Raises:
        InvalidArgument, EntityTooLarge: there can be no such part.
    """
    if not 1 <= number <= MAX_PARTS:
        raise InvalidArgument(f"Part number must be an integer between 1 and {MAX_PARTS}, inclusive, not {number}.")
    if size > MAX_PART:
        raise EntityTooLarge(f"A part has at most {MAX_PART} bytes, not {size}.")


def choose(parts: Mapping[int, Part], wanted: Sequence[tuple[int, str]]) -> list[Part]:
    """The parts of the object.

    Args:
        parts: those received, by number.
        wanted: numbers and ETags without quotes, as named at completion.

    Raises:
        MalformedCompletion, InvalidPartOrder, InvalidPart, EntityTooSmall, EntityTooLarge
    """
    if not wanted:
        raise MalformedCompletion("No part is named: an upload is completed with at least one.")
    for (before, _), (number, _) in pairwise(wanted):
        if number <= before:
            raise InvalidPartOrder(f"Part {number} is named after part {before}.")
    chosen = []
    for number, tag in wanted:
        part = parts.get(number)
        if part is None:
            raise InvalidPart(f"Part {number} was not uploaded.")
        if tag != part.tag:
            raise InvalidPart(f"Part {number} has the ETag {part.tag!r}, not {tag[:100]!r}.")
        chosen.append(part)
    for part in chosen[:-1]:
        if part.size < MIN_PART:
            raise EntityTooSmall(
                f"Part {part.number} has {part.size} bytes: each part but the last has at least {MIN_PART}."
            )
    if (size := sum(part.size for part in chosen)) > MAX_OBJECT:
        raise EntityTooLarge(f"An object has at most {MAX_OBJECT} bytes, not {size}.")
    return chosen
