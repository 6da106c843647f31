"""gzip of single objects and requests, and decompressive transcoding: what is stored as gzip reaches whoever takes no
gzip as what was compressed.

https://cloud.google.com/storage/docs/transcoding.
"""

import zlib
from collections.abc import AsyncIterator, Mapping

from cloud.engine.storage.records import Attributes
from cloud.errors import InvalidArgument

MAGIC = b"\x1f\x8b"
"""What gzip begins with (RFC 1952): nothing else is decompressed, whatever it is called."""

_BLOCK = 1 << 18
_GZIP = zlib.MAX_WBITS | 16


def is_wanted(request: Mapping[str, str], attributes: Attributes) -> bool:
    """Whether an object that says so is to be decompressed.

    Args:
        request: its headers.
    """
    return (
        attributes.content_encoding == "gzip"
        and "gzip" not in request.get("Accept-Encoding", "").lower()
        and "no-transform" not in (attributes.cache_control or "").lower()
    )


async def gunzipped(blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What ``blocks`` are the compressed form of, a few at a time, however much it is.

    Raises:
        InvalidArgument: they are not gzip, or end too early.
    """
    inflating = zlib.decompressobj(_GZIP)
    try:
        async for rest in blocks:
            while rest:
                if inflating.eof:  # gzip may be followed by gzip
                    inflating = zlib.decompressobj(_GZIP)
                if block := inflating.decompress(rest, _BLOCK):
                    yield block
                rest = inflating.unused_data if inflating.eof else inflating.unconsumed_tail
        if not inflating.eof:
            raise InvalidArgument("the gzip ends too early", field="body")
    except zlib.error as error:
        raise InvalidArgument(f"this is not gzip: {error}", field="body") from error
