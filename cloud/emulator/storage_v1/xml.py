"""The XML API: objects at ``/BUCKET/OBJECT`` or at ``BUCKET.storage.googleapis.com/OBJECT``.

https://cloud.google.com/storage/docs/xml-api/reference-methods. TensorFlow reads objects by it.
"""

from aiohttp import web

from cloud.emulator.storage_v1.call import Call
from cloud.emulator.storage_v1.sizes import RANGE_HEADER, limited, parse_range
from cloud.emulator.storage_v1.uploads import store, with_announced_hashes
from cloud.emulator.storage_v1.xml_headers import created, new_object


async def put(call: Call) -> web.StreamResponse:
    """Create an object.

    Raises:
        InvalidArgument: a header is wrong, or the size is not within ``x-goog-content-length-range``.
    """
    # Stored as sent: in the XML API Content-Encoding belongs to the object.
    body = limited(call.request.content.iter_any(), parse_range(call.request.headers.get(RANGE_HEADER)))
    return created(await store(call, with_announced_hashes(new_object(call), call.request), body))
