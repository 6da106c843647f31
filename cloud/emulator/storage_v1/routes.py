"""Cloud Storage's methods: a handler for each method id of the discovery document, and the dispatch of a request.

JSON API: https://cloud.google.com/storage/docs/json_api/v1, XML API: https://cloud.google.com/storage/docs/xml-api.
"""

import functools
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote

from aiohttp import web

from cloud.emulator.rest.discovery import load
from cloud.emulator.rest.responses import json_answer
from cloud.emulator.storage_v1 import (
    acls,
    bodies,
    buckets,
    downloads,
    features,
    iam,
    objects,
    signatures,
    uploads,
    xml,
    xml_list,
)
from cloud.emulator.storage_v1.call import Call
from cloud.emulator.storage_v1.unimplemented import not_in_xml, refuse
from cloud.engine.disk import disk_full
from cloud.engine.principal import Principal
from cloud.engine.storage.service import StorageService
from cloud.errors import NotFound, Unavailable
from cloud.resources import Json

Handler = Callable[[Call], Awaitable[web.StreamResponse | Json | None]]
"""Returns the JSON of a response, None for 204, or a whole response."""

DOCUMENT = bodies.DOCUMENT
_UPLOAD = "/upload/storage/v1/b/{bucket}/o"
_JSON_API = re.compile(r"/(?:(?:(?:resumable/)?upload|download)/)?storage/v1(?:/|$)")


@dataclass(frozen=True, slots=True)
class Route:
    method_id: str
    """Google's, as in the discovery document ``storage.v1``."""
    handler: Handler
    media: tuple[str, str] | None = None
    """HTTP method and path of a request for bytes; where other requests go is in the discovery document."""


_ACL_METHODS: Mapping[str, Handler] = {
    "list": acls.list_entries,
    "insert": acls.insert,
    "get": acls.get,
    "patch": acls.update,
    "update": acls.update,
    "delete": acls.delete,
}
_IAM_METHODS: Mapping[str, Handler] = {
    "getIamPolicy": iam.get_policy,
    "setIamPolicy": iam.set_policy,
    "testIamPermissions": iam.test_permissions,
}
ROUTES = (
    Route("storage.buckets.list", buckets.list_buckets),
    Route("storage.buckets.insert", buckets.insert),
    Route("storage.buckets.get", buckets.get),
    Route("storage.buckets.patch", buckets.patch),
    Route("storage.buckets.update", buckets.update),
    Route("storage.buckets.delete", buckets.delete),
    Route("storage.buckets.getStorageLayout", buckets.storage_layout),
    Route("storage.managedFolders.list", buckets.managed_folders),
    Route("storage.objects.list", objects.list_objects),
    Route("storage.objects.insert", uploads.insert_empty),
    Route("storage.objects.insert", uploads.insert, media=("POST", _UPLOAD)),
    Route("storage.objects.insert", uploads.resume, media=("PUT", _UPLOAD)),
    Route("storage.objects.insert", uploads.cancel, media=("DELETE", _UPLOAD)),
    Route("storage.objects.get", objects.get),
    Route("storage.objects.get", downloads.get, media=("GET", "/download/storage/v1/b/{bucket}/o/{object}")),
    Route("storage.objects.patch", objects.patch),
    Route("storage.objects.update", objects.update),
    Route("storage.objects.delete", objects.delete),
    Route("storage.objects.compose", objects.compose),
    Route("storage.objects.move", objects.move),
    Route("storage.objects.copy", objects.copy),
    Route("storage.objects.rewrite", objects.rewrite),
    Route("storage.projects.serviceAccount.get", buckets.service_account),
    *(Route(f"storage.{kind}.{name}", _IAM_METHODS[name]) for kind in ("buckets", "objects") for name in _IAM_METHODS),
    *(
        Route(f"storage.{kind}AccessControls.{name}", handler)
        for kind in ("bucket", "defaultObject", "object")
        for name, handler in _ACL_METHODS.items()
    ),
)
"""Every method that is served."""
_XML_ROUTES = {
    ("GET", "object"): Route("storage.objects.get", downloads.get),
    ("HEAD", "object"): Route("storage.objects.get", downloads.get),
    ("PUT", "object"): Route("storage.objects.insert", xml.put),
    ("DELETE", "object"): Route("storage.objects.delete", objects.delete),
    ("GET", "bucket"): Route("storage.objects.list", xml_list.list_objects),
    ("HEAD", "bucket"): Route("storage.objects.list", xml_list.list_objects),
}
"""The XML API's, with the ids of the JSON API's methods that do the same."""


class StorageV1:
    """The JSON API and the XML API of Cloud Storage."""

    def __init__(self, storage: StorageService) -> None:
        self._storage = storage

    def method_id(self, request: web.Request) -> str:
        return _match(request)[0].method_id

    async def handle(self, request: web.Request, principal: Principal) -> web.StreamResponse:
        """Answer one request.

        Raises:
            CloudError: what the engine raises; also when the disk is full.
        """
        features.check_request(request)
        await signatures.check_form(request, datetime.now(UTC))
        try:
            route, path, is_xml = _match(request)
            answer = await route.handler(Call(request, principal, self._storage, path, route.method_id, is_xml))
        except ConnectionError:
            raise
        except OSError as error:
            # No success was reported yet: an upload is accepted only after its bytes are stored.
            reason = f"the state folder cannot be used: {error.strerror or error}"
            raise disk_full(error) or Unavailable(reason) from error
        if isinstance(answer, web.StreamResponse):
            return answer
        if answer is None:
            return web.Response(status=204)
        return json_answer(answer, {"fields": request.query.get("fields"), "prettyPrint": False})


def _match(request: web.Request) -> tuple[Route, Mapping[str, str], bool]:
    """The method that is requested, the parameters in the path, and whether it is the XML API's.

    Raises:
        NotFound: the JSON API has no such method.
        Unimplemented: it is one of the XML API's others.
    """
    verb = request.method
    if address := _xml_path(request):
        bucket, name = map(unquote_name, address)
        kind = "object" if name else "bucket"
        if (verb, kind) not in _XML_ROUTES:
            raise not_in_xml(f"{verb} of {'an object' if name else 'a bucket'}")
        return _XML_ROUTES[verb, kind], {"bucket": bucket, "object": name}, True
    # Older discovery documents, and gsutil still, start uploads below /resumable.
    path = request.rel_url.raw_path.removeprefix("/resumable")
    segments = path.split("/")
    for pattern, route in _patterns().get((verb, len(segments)), ()):
        names: dict[str, str] = {}
        for wanted, segment in zip(pattern, segments, strict=True):
            if wanted.startswith("{"):
                names[wanted[1:-1]] = unquote_name(segment)
            elif wanted != segment:
                break
        else:
            return route, names, False
    raise NotFound(f"Not Found: {verb} {path[:300]} is no method of storage.v1")


@functools.cache
def _patterns() -> Mapping[tuple[str, int], list[tuple[list[str], Route]]]:
    """Paths, split into segments, by HTTP method and number of segments."""
    served = {route.method_id: route for route in ROUTES if route.media is None}
    places = [(*route.media, route) for route in ROUTES if route.media] + [
        (method.http_method, f"/storage/v1/{method.path}", served.get(method.id) or Route(method.id, refuse))
        for method in load(DOCUMENT).methods.values()
    ]
    patterns: dict[tuple[str, int], list[tuple[list[str], Route]]] = {}
    for verb, path, route in places:
        pattern = path.split("/")
        patterns.setdefault((verb, len(pattern)), []).append((pattern, route))
    return patterns


def _xml_path(request: web.Request) -> tuple[str, str] | None:
    """Bucket and object, still quoted, of a request of the XML API; None for one of the JSON API.

    The raw path is used: an object's name may hold characters that are quoted, among them "/", and "..".
    """
    path, bucket = request.rel_url.raw_path, xml.bucket_of_host(request.host)
    if bucket is None and _JSON_API.match(path):
        return None
    bucket, _, name = (path if bucket is None else f"/{bucket}{path}")[1:].partition("/")
    return bucket, name


def unquote_name(segment: str) -> str:
    """Raises:
    NotFound: not UTF-8: nothing has such a name.
    """
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise NotFound(f"not UTF-8: {segment[:300]!r}") from None
