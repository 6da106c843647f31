"""The XML API: objects, and lists of them, at ``/BUCKET/OBJECT`` or at ``BUCKET.storage.googleapis.com/OBJECT``.

https://cloud.google.com/storage/docs/xml-api/reference-methods. TensorFlow reads objects by it.
"""

from dataclasses import replace

from aiohttp import web

from cloud.emulator.storage_v1 import messages
from cloud.emulator.storage_v1.call import Call
from cloud.emulator.storage_v1.downloads import media_headers
from cloud.emulator.storage_v1.entity_tags import xml_tag
from cloud.emulator.storage_v1.unimplemented import not_in_xml
from cloud.emulator.storage_v1.uploads import announced_hashes, store
from cloud.engine.storage import policy
from cloud.engine.storage.objects import NewObject

_BUCKET_HOST = ".storage.googleapis.com"
_METADATA = "x-goog-meta-"


async def put(call: Call) -> web.StreamResponse:
    """Create an object.

    Raises:
        Unimplemented: it is copied, or the upload is resumable.
    """
    headers = call.request.headers
    for unsupported in ("x-goog-copy-source", "x-goog-resumable", "x-goog-copy-source-generation"):
        if unsupported in headers:
            raise not_in_xml(unsupported)
    acl = None
    if "x-goog-acl" in headers:
        # The JSON API's names are in camel case: publicRead for public-read.
        first, *words = headers["x-goog-acl"].split("-")
        name = first + "".join(map(str.capitalize, words))
        acl = policy.predefined_acl(name, call.principal.email, call.storage.project_number, of_object=True)
    resource = {name: headers[header] for name, (_, header) in messages.ATTRIBUTES.items() if header in headers}
    metadata = {
        name.lower().removeprefix(_METADATA): value
        for name, value in headers.items()
        if name.lower().startswith(_METADATA)
    }
    attributes = messages.attributes_from_json({**resource, "metadata": metadata})
    new = NewObject(call.path["bucket"], call.path["object"], attributes, acl, call.conditions())
    # Stored as sent: in the XML API Content-Encoding belongs to the object.
    record = await store(call, replace(new, **announced_hashes(call.request)), call.request.content.iter_any())
    response_headers = {
        name: value
        for name, value in media_headers(record, xml_tag(record)).items()
        if name.startswith(("ETag", "X-Goog-")) and not name.startswith("X-Goog-Meta-")
    }
    return web.Response(headers=response_headers)


def bucket_of_host(host: str) -> str | None:
    """The bucket in a host name; None for the API's own host."""
    host = host.partition(":")[0].lower()
    return host.removesuffix(_BUCKET_HOST) if host.endswith(_BUCKET_HOST) else None
