"""The XML API: objects, and lists of them, at ``/BUCKET/OBJECT`` or at ``BUCKET.storage.googleapis.com/OBJECT``.

https://cloud.google.com/storage/docs/xml-api/reference-methods. TensorFlow reads objects by it.
"""

from dataclasses import replace

from aiohttp import web

from cloud.emulator.storage_v1 import messages
from cloud.emulator.storage_v1.call import Call
from cloud.emulator.storage_v1.downloads import Downloads, media_headers
from cloud.emulator.storage_v1.entity_tags import xml_tag
from cloud.emulator.storage_v1.uploads import UploadMethods, announced_hashes
from cloud.emulator.storage_v1.xml_list import is_plain_list, listed
from cloud.engine.principal import Principal
from cloud.engine.storage import policy
from cloud.engine.storage.objects import NewObject
from cloud.engine.storage.service import StorageService
from cloud.errors import Unimplemented

_BUCKET_HOST = ".storage.googleapis.com"
_PREDEFINED = {
    "private": "private",
    "project-private": "projectPrivate",
    "public-read": "publicRead",
    "authenticated-read": "authenticatedRead",
    "bucket-owner-read": "bucketOwnerRead",
    "bucket-owner-full-control": "bucketOwnerFullControl",
}
_METADATA = "x-goog-meta-"


class XmlMethods:
    def __init__(self, storage: StorageService) -> None:
        self._storage = storage
        self._downloads = Downloads(storage)
        self._uploads = UploadMethods(storage)

    async def handle(self, request: web.Request, bucket: str, name: str, principal: Principal) -> web.StreamResponse:
        """Answer a request for an object, or for a list of a bucket's objects.

        Raises:
            Unimplemented: any other method.
        """
        call = Call(request, principal, {"bucket": bucket, "object": name})
        if name:
            match request.method:
                case "GET" | "HEAD":
                    return await self._downloads.get(call, call.header_conditions())
                case "PUT":
                    return await self._put(call)
                case "DELETE":
                    conditions, generation = call.header_conditions(), call.integer("generation")
                    self._storage.objects.delete(principal, bucket, name, conditions=conditions, generation=generation)
                    return web.Response(status=204)
        elif bucket and request.method in ("GET", "HEAD") and is_plain_list(request.query):
            return listed(self._storage, call)
        raise Unimplemented(f"{request.method} of {'an object' if name else 'a bucket'} in the XML API is not emulated")

    async def _put(self, call: Call) -> web.StreamResponse:
        headers = call.request.headers
        for unsupported in ("x-goog-copy-source", "x-goog-resumable", "x-goog-copy-source-generation"):
            if unsupported in headers:
                raise Unimplemented(f"{unsupported} in the XML API is not emulated")
        acl = None
        if "x-goog-acl" in headers:
            predefined = _PREDEFINED.get(headers["x-goog-acl"], headers["x-goog-acl"])
            number = self._storage.project_number
            acl = policy.predefined_acl(predefined, call.principal.email, number, of_object=True)
        resource = {name: headers[header] for name, (_, header) in messages.ATTRIBUTES.items() if header in headers}
        metadata = {
            name.lower().removeprefix(_METADATA): value
            for name, value in headers.items()
            if name.lower().startswith(_METADATA)
        }
        attributes = messages.attributes_from_json({**resource, "metadata": metadata})
        new = NewObject(call.path["bucket"], call.path["object"], attributes, acl, call.header_conditions())
        new = replace(new, **announced_hashes(call.request))
        # Stored as sent: in the XML API Content-Encoding belongs to the object.
        record = await self._uploads.store(call, new, call.request.content.iter_any())
        response_headers = {
            name: value
            for name, value in media_headers(record, xml_tag(record)).items()
            if name.startswith(("ETag", "X-Goog-")) and not name.startswith("X-Goog-Meta-")
        }
        return web.Response(headers=response_headers)


def xml_method_id(verb: str, *, of_object: bool) -> str:
    """The id of the JSON API's method that does the same."""
    verbs = {"GET": "get", "HEAD": "get", "PUT": "insert", "DELETE": "delete"} if of_object else {"GET": "list"}
    return f"storage.objects.{verbs.get(verb, verb)}"


def bucket_of_host(host: str) -> str | None:
    """The bucket in a host name; None for the API's own host."""
    host = host.partition(":")[0].lower()
    return host.removesuffix(_BUCKET_HOST) if host.endswith(_BUCKET_HOST) else None
