"""The XML API: ``/BUCKET/OBJECT``, or ``OBJECT`` at ``BUCKET.storage.googleapis.com``; objects, and lists of them.

https://cloud.google.com/storage/docs/xml-api/reference-methods. TensorFlow reads this way.
"""

from aiohttp import web

from cloud.emulator.storage_v1 import messages
from cloud.emulator.storage_v1.call import Call
from cloud.emulator.storage_v1.downloads import Downloads, media_headers
from cloud.emulator.storage_v1.entity_tags import xml_tag
from cloud.emulator.storage_v1.uploads import UploadMethods, with_hashes
from cloud.emulator.storage_v1.xml_list import is_plain_list, listed
from cloud.engine.principal import Principal
from cloud.engine.storage import policy
from cloud.engine.storage.objects import NewObject
from cloud.engine.storage.preconditions import Preconditions
from cloud.engine.storage.service import StorageService
from cloud.errors import InvalidArgument, Unimplemented

_BUCKET_HOST = ".storage.googleapis.com"
_CONDITIONS = {
    "x-goog-if-generation-match": "generation_match",
    "x-goog-if-generation-not-match": "generation_not_match",
    "x-goog-if-metageneration-match": "metageneration_match",
    "x-goog-if-metageneration-not-match": "metageneration_not_match",
}
_PREDEFINED = {
    "private": "private",
    "project-private": "projectPrivate",
    "public-read": "publicRead",
    "authenticated-read": "authenticatedRead",
    "bucket-owner-read": "bucketOwnerRead",
    "bucket-owner-full-control": "bucketOwnerFullControl",
}
_METADATA = "x-goog-meta-"
_ATTRIBUTES = {
    "Content-Type": "contentType",
    "Content-Encoding": "contentEncoding",
    "Content-Disposition": "contentDisposition",
    "Content-Language": "contentLanguage",
    "Cache-Control": "cacheControl",
    "x-goog-custom-time": "customTime",
    "x-goog-storage-class": "storageClass",
}


class XmlMethods:
    def __init__(self, storage: StorageService) -> None:
        self._storage = storage
        self._downloads = Downloads(storage)
        self._uploads = UploadMethods(storage)

    async def handle(self, request: web.Request, bucket: str, name: str, principal: Principal) -> web.StreamResponse:
        """Answer a request for one object, or for the list of a bucket's.

        Raises:
            Unimplemented: any other method.
        """
        call = Call(request, principal, {"bucket": bucket, "object": name})
        if name:
            match request.method:
                case "GET" | "HEAD":
                    return await self._downloads.get(call, _conditions(request))
                case "PUT":
                    return await self._put(call)
                case "DELETE":
                    conditions, generation = _conditions(request), call.integer("generation")
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
        said = {field: headers[name] for name, field in _ATTRIBUTES.items() if name in headers}
        metadata = {
            name.lower().removeprefix(_METADATA): value
            for name, value in headers.items()
            if name.lower().startswith(_METADATA)
        }
        attributes = messages.attributes_from_json({**said, "metadata": metadata})
        new = NewObject(call.path["bucket"], call.path["object"], attributes, acl, _conditions(call.request))
        new = with_hashes(call.request, new)
        self._storage.objects.check_insert(call.principal, new)
        # Stored as it is sent: here Content-Encoding is the object's.
        record = await self._uploads.store(call, new, call.request.content.iter_any())
        told = {
            name: value
            for name, value in media_headers(record, xml_tag(record)).items()
            if name.startswith(("ETag", "X-Goog-")) and not name.startswith("X-Goog-Meta-")
        }
        return web.Response(headers=told)


def xml_method_id(verb: str, *, of_object: bool) -> str:
    """The method of the JSON API that does the same."""
    verbs = {"GET": "get", "HEAD": "get", "PUT": "insert", "DELETE": "delete"} if of_object else {"GET": "list"}
    return f"storage.objects.{verbs.get(verb, verb)}"


def _conditions(request: web.Request) -> Preconditions:
    given = {}
    for header, field in _CONDITIONS.items():
        text = request.headers.get(header)
        if text is None:
            continue
        if not text.isascii() or not text.isdigit() or len(text) > 19:
            raise InvalidArgument(f"a whole number is expected, not {text[:100]!r}", field=header)
        given[field] = int(text)
    return Preconditions(**given)


def bucket_of_host(host: str) -> str | None:
    """The bucket that a host name stands for, None for the API's own host."""
    host = host.partition(":")[0].lower()
    return host.removesuffix(_BUCKET_HOST) if host.endswith(_BUCKET_HOST) else None
