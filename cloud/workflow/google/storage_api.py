"""Cloud Storage's JSON API over any ``Backend``, as far as a run uses it: what a dry run has in Google's place."""

from collections.abc import Awaitable, Callable
from urllib.parse import unquote

from aiohttp import web

from cloud.backends.base import Backend
from cloud.emulator.rest.discovery import load
from cloud.engine.principal import Principal
from cloud.errors import Unimplemented
from cloud.names import GsUri
from cloud.resources import Access, Bucket, Json, StoredObject

_ACCESS = {"READER": Access.READ, "WRITER": Access.WRITE}
"""What a role in a bucket's access control list means."""


class StorageApi:
    """Args:
    service_agent: what ``storage.projects.serviceAccount.get`` answers.
    """

    def __init__(self, backend: Backend, service_agent: str) -> None:
        self._backend, self._service_agent = backend, service_agent
        self._handlers: dict[str, Callable[[web.Request, list[str]], Awaitable[Json]]] = {
            "storage.projects.serviceAccount.get": self._get_service_agent,
            "storage.buckets.insert": self._insert_bucket,
            "storage.buckets.get": self._get_bucket,
            "storage.buckets.delete": self._delete_bucket,
            "storage.bucketAccessControls.insert": self._grant,
            "storage.defaultObjectAccessControls.insert": self._grant_on_new,
            "storage.objects.insert": self._insert_object,
            "storage.objects.get": self._read_object,
            "storage.objects.list": self._list_objects,
            "storage.objects.delete": self._delete_object,
        }

    def method_id(self, request: web.Request) -> str:
        path = request.rel_url.raw_path.removeprefix("/upload").removeprefix("/storage/v1")
        return load("storage.v1").match(request.method, path)[0].id

    async def handle(self, request: web.Request, _: Principal) -> web.StreamResponse:
        method_id = self.method_id(request)
        if method_id not in self._handlers:
            raise Unimplemented(f"{method_id} is not part of a run.")
        path = request.rel_url.raw_path.removeprefix("/upload").removeprefix("/storage/v1/")
        answer = await self._handlers[method_id](request, [unquote(part) for part in path.split("/")])
        return web.Response(body=answer) if isinstance(answer, bytes) else web.json_response(answer)

    async def _get_service_agent(self, _: web.Request, __: list[str]) -> Json:
        return {"email_address": self._service_agent}

    # ---------------------------------------------------------------- buckets

    async def _insert_bucket(self, request: web.Request, _: list[str]) -> Json:
        body = await request.json()
        return _bucket(await self._backend.create_bucket(body["name"], location=body.get("location")))

    async def _get_bucket(self, _: web.Request, path: list[str]) -> Json:
        return _bucket(await self._backend.get_bucket(path[1]))

    async def _delete_bucket(self, _: web.Request, path: list[str]) -> Json:
        await self._backend.delete_bucket(path[1])
        return {}

    async def _grant(self, request: web.Request, path: list[str]) -> Json:
        body = await request.json()
        await self._backend.grant(path[1], body["entity"].removeprefix("user-"), _ACCESS[body["role"]])
        return body

    async def _grant_on_new(self, request: web.Request, path: list[str]) -> Json:
        body = await request.json()
        await self._backend.grant(path[1], body["entity"].removeprefix("user-"), Access.READ_NEW)
        return body

    # ---------------------------------------------------------------- objects

    async def _insert_object(self, request: web.Request, path: list[str]) -> Json:
        uri = GsUri(path[1], request.query["name"])
        return _object(await self._backend.write_object(uri, await request.read()))

    async def _read_object(self, _: web.Request, path: list[str]) -> Json:
        return await self._backend.read_object(GsUri(path[1], path[3]))

    async def _list_objects(self, request: web.Request, path: list[str]) -> Json:
        prefix, delimiter = request.query.get("prefix", ""), request.query.get("delimiter")
        found = [
            stored
            for stored in await self._backend.list_objects(GsUri(path[1]))
            if (name := stored.uri.path).startswith(prefix)
            and not (delimiter and delimiter in name.removeprefix(prefix))
        ]
        return {"items": list(map(_object, found))}

    async def _delete_object(self, _: web.Request, path: list[str]) -> Json:
        await self._backend.delete_objects(GsUri(path[1], path[3]))
        return {}


def _bucket(bucket: Bucket) -> Json:
    return {"name": bucket.name, "location": bucket.location, "timeCreated": bucket.create_time.isoformat()}


def _object(stored: StoredObject) -> Json:
    return {
        "name": stored.uri.path,
        "size": str(stored.size),
        "generation": str(stored.generation),
        "contentType": stored.content_type,
        "updated": stored.update_time.isoformat(),
    }
