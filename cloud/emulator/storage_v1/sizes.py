"""How many bytes an upload may have that somebody else has signed: a policy's ``content-length-range``, or a header.

https://cloud.google.com/storage/docs/xml-api/reference-headers#xgoogcontentlengthrange.
"""

import re
import sys
from collections.abc import AsyncIterator

from cloud.engine.storage.errors import StorageFault
from cloud.errors import InvalidArgument

Sizes = tuple[int, int]
"""The least and the most."""
ANY_SIZE: Sizes = (0, sys.maxsize)
RANGE_HEADER = "x-goog-content-length-range"


class TooLarge(StorageFault, InvalidArgument):
    xml_code = "EntityTooLarge"
    xml_message = "Your proposed upload is larger than the maximum object size specified in your Policy Document."


class TooSmall(StorageFault, InvalidArgument):
    xml_code = "EntityTooSmall"
    xml_message = "Your proposed upload is smaller than the minimum object size specified in your Policy Document."


def parse_range(text: str | None) -> Sizes:
    """
    Args:
        text: the header's value, ``0,1024``; None: it was not sent.

    Raises:
        InvalidArgument: it is none.
    """
    if text is None:
        return ANY_SIZE
    found = re.fullmatch(r"([0-9]{1,18})\s*,\s*([0-9]{1,18})", text.strip())
    if found is None or int(found[1]) > int(found[2]):
        raise InvalidArgument(f"Invalid range: {text[:100]!r} is not like MIN,MAX", field=RANGE_HEADER)
    return int(found[1]), int(found[2])


async def limited(blocks: AsyncIterator[bytes], sizes: Sizes) -> AsyncIterator[bytes]:
    """The same blocks.

    Raises:
        TooLarge: as soon as they are more than they may be.
        TooSmall: at their end.
    """
    size, (least, most) = 0, sizes
    async for block in blocks:
        size += len(block)
        if size > most:
            raise TooLarge(f"Content-length exceeds upper bound on range: {size} > {most}")
        yield block
    if size < least:
        raise TooSmall(f"Content-length smaller than lower bound on range: {size} < {least}")
