"""``Range`` of reads and ``Content-Range`` of resumable uploads, parsed. Pure."""

import re
from dataclasses import dataclass

from cloud.errors import InvalidArgument

_RANGE = re.compile(r"bytes\s*=\s*(\d{0,30})\s*-\s*(\d{0,30})", re.IGNORECASE | re.ASCII)
_CONTENT_RANGE = re.compile(
    r"bytes\s+(?:(\d{1,18})\s*-\s*(\d{1,18}|\*)|\*)\s*/\s*(\d{1,18}|\*)", re.IGNORECASE | re.ASCII
)


def parse_range(header: str | None, size: int) -> range | None:
    """The requested bytes of an object of ``size`` bytes; None for the whole object, also if several ranges are given.

    Empty if the range starts after the last byte. RFC 9110 §14.1.2: an invalid header is ignored.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        return range(max(0, size - int(match[2])), size)
    start, last = int(match[1]), int(match[2]) if match[2] else size
    if match[2] and last < start:
        return None
    return range(start, min(size, last + 1))


@dataclass(frozen=True, slots=True)
class ContentRange:
    start: int | None
    """First byte of the body; None queries the upload's status."""
    length: int | None
    """Bytes in the body; None if unknown."""
    total: int | None
    """Bytes of the whole object; None if not yet known."""


def parse_content_range(header: str) -> ContentRange:
    """Parse ``bytes 0-41/42``, ``bytes 0-41/*``, ``bytes 0-*/*``, ``bytes */42`` or ``bytes */*``.

    Raises:
        InvalidArgument: the header is malformed.
    """
    match = _CONTENT_RANGE.fullmatch(header.strip())
    if match is None:
        raise InvalidArgument(f"Failed to parse Content-Range header {header[:100]!r}.", field="Content-Range")
    start = int(match[1]) if match[1] else None
    total = int(match[3]) if match[3] != "*" else None
    length = int(match[2]) - int(match[1]) + 1 if match[1] and match[2] != "*" else None
    past_total = total is not None and start is not None and start + (length or 0) > total
    if (length is not None and length < 1) or past_total:
        raise InvalidArgument(f"Content-Range {header[:100]!r} is no range of its total.", field="Content-Range")
    return ContentRange(start, length, total)
