"""Cloud Storage's methods: one table from Google's method ids to handlers, and the way of a request through it.

JSON API: https://cloud.google.com/storage/docs/json_api/v1, XML API: https://cloud.google.com/storage/docs/xml-api.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

import orjson
from aiohttp import web

from cloud.emulator.rest.field_mask import apply_fields, parse_fields
from cloud.emulator.storage_v1 import features
from cloud.emulator.storage_v1.acls import AclMethods
from cloud.emulator.storage_v1.buckets import BucketMethods
from cloud.emulator.storage_v1.call import Call
from cloud.emulator.storage_v1.downloads import Downloads
from cloud.emulator.storage_v1.iam import IamMethods
from cloud.emulator.storage_v1.objects import ObjectMethods
from cloud.emulator.storage_v1.unimplemented import REFUSED, Refused
from cloud.emulator.storage_v1.uploads import UploadMethods
from cloud.emulator.storage_v1.xml import XmlMethods, bucket_of_host, xml_method_id
from cloud.engine.disk import disk_full
from cloud.engine.principal import Principal
from cloud.engine.storage.service import StorageService
from cloud.errors import NotFound, Unauthenticated, Unavailable, Unimplemented
from cloud.resources import Json

Handler = Callable[[Call], Awaitable[web.StreamResponse | Json | None]]
"""Answers a call: a response of its own, JSON, or None for 204."""

_JSON_API = re.compile(r"/(?:(?:(?:resumable/)?upload|download)/)?storage/v1(?:/|$)")
_SIGNATURES = frozenset({"X-Goog-Signature", "Signature"})
"""Parameters of signed URLs, versions 4 and 2 (https://cloud.google.com/storage/docs/access-control/signed-urls)."""


@dataclass(frozen=True, slots=True)
class Route:
    method_id: str
    """Google's, as in the discovery document ``storage.v1``."""
    verb: str
    path: str
    handler: Handler


def routes(storage: StorageService) -> list[Route]:
    """Every method that is served."""
    downloads = Downloads(storage)
    buckets, objects, acls = BucketMethods(storage), ObjectMethods(storage, downloads), AclMethods(storage)
    uploads, iam = UploadMethods(storage), IamMethods(storage)
    b, o = "/storage/v1/b", "/storage/v1/b/{bucket}/o"
    item, upload = f"{o}/{{object}}", "/upload/storage/v1/b/{bucket}/o"
    table = [
        Route("storage.buckets.list", "GET", b, buckets.list),
        Route("storage.buckets.insert", "POST", b, buckets.insert),
        Route("storage.buckets.get", "GET", f"{b}/{{bucket}}", buckets.get),
        Route("storage.buckets.patch", "PATCH", f"{b}/{{bucket}}", buckets.patch),
        Route("storage.buckets.update", "PUT", f"{b}/{{bucket}}", buckets.update),
        Route("storage.buckets.delete", "DELETE", f"{b}/{{bucket}}", buckets.delete),
        Route("storage.buckets.getStorageLayout", "GET", f"{b}/{{bucket}}/storageLayout", buckets.storage_layout),
        Route("storage.managedFolders.list", "GET", f"{b}/{{bucket}}/managedFolders", buckets.managed_folders),
        Route("storage.objects.list", "GET", o, objects.list),
        Route("storage.objects.insert", "POST", o, objects.insert_empty),
        Route("storage.objects.insert", "POST", upload, uploads.insert),
        Route("storage.objects.insert", "PUT", upload, uploads.resume),
        Route("storage.objects.insert", "DELETE", upload, uploads.cancel),
        Route("storage.objects.get", "GET", item, objects.get),
        Route("storage.objects.get", "GET", f"/download{item}", downloads.get),
        Route("storage.objects.patch", "PATCH", item, objects.patch),
        Route("storage.objects.update", "PUT", item, objects.update),
        Route("storage.objects.delete", "DELETE", item, objects.delete),
        Route("storage.objects.compose", "POST", f"{item}/compose", objects.compose),
        Route("storage.objects.move", "POST", f"{item}/moveTo/o/{{to_object}}", objects.move),
        Route("storage.objects.copy", "POST", f"{item}/copyTo/b/{{to_bucket}}/o/{{to_object}}", objects.copy),
        Route("storage.objects.rewrite", "POST", f"{item}/rewriteTo/b/{{to_bucket}}/o/{{to_object}}", objects.rewrite),
        Route(
            "storage.projects.serviceAccount.get",
            "GET",
            "/storage/v1/projects/{project}/serviceAccount",
            buckets.service_account,
        ),
    ]
    for kind, path in (("buckets", f"{b}/{{bucket}}"), ("objects", item)):
        table += [
            Route(f"storage.{kind}.getIamPolicy", "GET", f"{path}/iam", iam.get),
            Route(f"storage.{kind}.setIamPolicy", "PUT", f"{path}/iam", iam.set),
            Route(f"storage.{kind}.testIamPermissions", "GET", f"{path}/iam/testPermissions", iam.test),
        ]
    for kind, path in (
        ("bucketAccessControls", f"{b}/{{bucket}}/acl"),
        ("defaultObjectAccessControls", f"{b}/{{bucket}}/defaultObjectAcl"),
        ("objectAccessControls", f"{item}/acl"),
    ):
        table += [
            Route(f"storage.{kind}.list", "GET", path, acls.list),
            Route(f"storage.{kind}.insert", "POST", path, acls.insert),
            Route(f"storage.{kind}.get", "GET", f"{path}/{{entity}}", acls.get),
            Route(f"storage.{kind}.patch", "PATCH", f"{path}/{{entity}}", acls.update),
            Route(f"storage.{kind}.update", "PUT", f"{path}/{{entity}}", acls.update),
            Route(f"storage.{kind}.delete", "DELETE", f"{path}/{{entity}}", acls.delete),
        ]
    return table


def refusals() -> list[Route]:
    """A route for each method of Google's that is not emulated."""
    return [
        Route(f"storage.{group.resource}.{name}", verb, f"/storage/v1/{path}", _refuse(group, name))
        for group in REFUSED
        for name, verb, path in group.methods
    ]


def _refuse(group: Refused, name: str) -> Handler:
    async def refuse(_: Call) -> None:
        raise Unimplemented(f"storage.{group.resource}.{name} is not emulated: {group.reason}.")

    return refuse


class StorageV1:
    """The one front door to Cloud Storage."""

    def __init__(self, storage: StorageService) -> None:
        self._xml = XmlMethods(storage)
        self._routes: dict[tuple[str, int], list[tuple[list[str], Route]]] = {}
        for route in (*routes(storage), *refusals()):
            pattern = route.path.split("/")
            self._routes.setdefault((route.verb, len(pattern)), []).append((pattern, route))

    def method_id(self, request: web.Request) -> str:
        """Of the XML API's requests: of those in the JSON API that do the same."""
        if place := _xml_place(request):
            return xml_method_id(request.method, of_object=bool(place[1]))
        return self._match(request)[0].method_id

    async def handle(self, request: web.Request, principal: Principal) -> web.StreamResponse:
        """Answer one request.

        Raises:
            CloudError: as the engine's verbs say; also when the disk is full.
        """
        features.check_request(request)
        try:
            if place := _xml_place(request):
                bucket, name = map(unquote_name, place)
                return await self._xml.handle(request, bucket, name, principal)
            route, names = self._match(request)
            answer = await route.handler(Call(request, principal, names))
        except ConnectionError:
            raise
        except Unauthenticated as error:
            if _SIGNATURES & request.query.keys():
                raise Unimplemented("Signed URLs are not emulated: send an access token.") from error
            raise
        except OSError as error:
            # Nothing was promised yet: an upload is accepted only after its bytes are stored.
            reason = f"the state folder cannot be used: {error.strerror or error}"
            raise disk_full(error) or Unavailable(reason) from error
        if isinstance(answer, web.StreamResponse):
            return answer
        return json_response(answer, request.query.get("fields"))

    def _match(self, request: web.Request) -> tuple[Route, Mapping[str, str]]:
        # Below /resumable uploads began in older discovery documents, and gsutil begins them still.
        verb, path = request.method, request.rel_url.raw_path.removeprefix("/resumable")
        segments = path.split("/")
        for pattern, route in self._routes.get((verb, len(segments)), ()):
            names: dict[str, str] = {}
            for wanted, segment in zip(pattern, segments, strict=True):
                if wanted.startswith("{"):
                    names[wanted[1:-1]] = unquote_name(segment)
                elif wanted != segment:
                    break
            else:
                return route, names
        raise NotFound(f"Not Found: {verb} {path[:300]} is no method of storage.v1")


def _xml_place(request: web.Request) -> tuple[str, str] | None:
    """Bucket and object, still quoted, of a request of the XML API; None for one of the JSON API.

    The path counts as it was sent: an object's name may hold what quoting is for, "/" and ".." among it.
    """
    path, bucket = request.rel_url.raw_path, bucket_of_host(request.host)
    if bucket is None and _JSON_API.match(path):
        return None
    bucket, _, name = (path if bucket is None else f"/{bucket}{path}")[1:].partition("/")
    return bucket, name


def json_response(answer: Json | None, fields: str | None) -> web.Response:
    """The answer, cut down to what the ``fields`` parameter asks for; None is 204."""
    if answer is None:
        return web.Response(status=204)
    if fields:
        answer = apply_fields(parse_fields(fields), answer)
    return web.Response(body=orjson.dumps(answer), content_type="application/json", charset="utf-8")


def unquote_name(segment: str) -> str:
    """Raises:
    NotFound: not UTF-8: there cannot be anything of that name.
    """
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise NotFound(f"not UTF-8: {segment[:300]!r}") from None
