"""Decompressive transcoding: an object stored as gzip is decompressed for clients that do not accept gzip.

https://cloud.google.com/storage/docs/transcoding.
"""

import zlib
from collections.abc import AsyncIterator, Mapping

from cloud.engine.storage.records import Attributes
from cloud.errors import InvalidArgument

MAGIC = b"\x1f\x8b"
"""The first bytes of gzip (RFC 1952): nothing else is decompressed, whatever its ``Content-Encoding``."""

_BLOCK = 1 << 18
_GZIP = zlib.MAX_WBITS | 16


def is_wanted(request: Mapping[str, str], attributes: Attributes) -> bool:
    """Whether an object is decompressed for this request.

    Args:
        request: the request's headers.
    """
    return (
        attributes.content_encoding == "gzip"
        and "gzip" not in request.get("Accept-Encoding", "").lower()
        and "no-transform" not in (attributes.cache_control or "").lower()
    )


async def gunzipped(blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Decompress ``blocks``, streamed, in bounded memory.

    Raises:
        InvalidArgument: they are not gzip, or truncated.
    """
    inflating = zlib.decompressobj(_GZIP)
    try:
        async for rest in blocks:
            while rest:
                if inflating.eof:  # a gzip file may have several members
                    inflating = zlib.decompressobj(_GZIP)
                if block := inflating.decompress(rest, _BLOCK):
                    yield block
                rest = inflating.unused_data if inflating.eof else inflating.unconsumed_tail
        if not inflating.eof:
            raise InvalidArgument("the gzip ends too early", field="body")
    except zlib.error as error:
        raise InvalidArgument(f"this is not gzip: {error}", field="body") from error
