"""Cloud Storage's methods: a handler for each method id of the discovery document, and the dispatch of a request.

JSON API: https://cloud.google.com/storage/docs/json_api/v1, XML API: https://cloud.google.com/storage/docs/xml-api.
"""

import functools
from collections.abc import Mapping
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
    restore,
    uploads,
    xml_routes,
)
from cloud.emulator.storage_v1.addresses import json_path
from cloud.emulator.storage_v1.bucket_host import bucket_of_host
from cloud.emulator.storage_v1.call import Call
from cloud.emulator.storage_v1.repeats import Repeats
from cloud.emulator.storage_v1.route import Handler, Route
from cloud.emulator.storage_v1.signatures.signers import Signers
from cloud.emulator.storage_v1.unimplemented import refuse
from cloud.engine.disk import disk_full
from cloud.engine.principal import Principal
from cloud.engine.storage.service import StorageService
from cloud.errors import NotFound, Unavailable, Unimplemented
from cloud.resources import Json

DOCUMENT = bodies.DOCUMENT
_UPLOAD = "/upload/storage/v1/b/{bucket}/o"
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
    Route("storage.buckets.restore", buckets.restore),
    Route("storage.buckets.lockRetentionPolicy", buckets.lock_retention_policy),
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
    Route("storage.objects.restore", restore.restore_object),
    Route("storage.objects.bulkRestore", restore.bulk_restore),
    Route("storage.buckets.operations.get", restore.get_operation),
    Route("storage.buckets.operations.list", restore.list_operations),
    Route("storage.buckets.operations.cancel", restore.cancel_operation),
    Route("storage.projects.serviceAccount.get", buckets.service_account),
    *(Route(f"storage.{kind}.{name}", _IAM_METHODS[name]) for kind in ("buckets", "objects") for name in _IAM_METHODS),
    *(
        Route(f"storage.{kind}AccessControls.{name}", handler)
        for kind in ("bucket", "defaultObject", "object")
        for name, handler in _ACL_METHODS.items()
    ),
)
"""Every method that is served."""


class StorageV1:
    """The JSON API and the XML API of Cloud Storage.

    Args:
        signers: verifies the signatures of forms.
    """

    def __init__(self, storage: StorageService, signers: Signers) -> None:
        self._storage, self._signers = storage, signers
        self._repeats = Repeats()
        self._operations: dict[str, Json] = {}

    def method_id(self, request: web.Request) -> str:
        return _match(request)[0].method_id

    async def handle(self, request: web.Request, principal: Principal) -> web.StreamResponse:
        """Answer one request.

        Raises:
            CloudError: what the engine raises; also when the disk is full.
        """
        features.check_request(request)
        return await self._repeats.answer(request, principal, functools.partial(self._perform, request, principal))

    async def _perform(self, request: web.Request, principal: Principal) -> web.StreamResponse:
        try:
            route, path, is_xml = _match(request)
            parts = (path, route.method_id, is_xml, self._signers, self._operations)
            call = Call(request, principal, self._storage, *parts)
            answer = await route.handler(call)
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
        return xml_routes.find_route(request, bucket, name), {"bucket": bucket, "object": name}, True
    path = json_path(request.rel_url.raw_path) or ""
    if path.startswith("/v0"):
        raise Unimplemented("Firebase's own API for files (/v0) is not emulated: use that of Cloud Storage.")
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
    path, bucket = request.rel_url.raw_path, bucket_of_host(request.host)
    if bucket is None and json_path(path):
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
