"""``storage.objects.*`` except uploads."""

from dataclasses import asdict
from typing import Any

from aiohttp import web

from cloud.emulator.storage_v1 import messages
from cloud.emulator.storage_v1.call import Call
from cloud.emulator.storage_v1.downloads import Downloads
from cloud.emulator.storage_v1.entity_tags import check_tag, json_tag
from cloud.engine.storage import policy
from cloud.engine.storage.listing import ListQuery
from cloud.engine.storage.objects import NewObject
from cloud.engine.storage.preconditions import Preconditions
from cloud.engine.storage.records import Attributes, ObjectRecord
from cloud.engine.storage.roles import Role
from cloud.engine.storage.service import StorageService
from cloud.errors import InvalidArgument, NotFound
from cloud.resources import Json

_PAGE = 1000


class ObjectMethods:
    def __init__(self, storage: StorageService, downloads: Downloads) -> None:
        self._storage = storage
        self._objects = storage.objects
        self._downloads = downloads

    async def list(self, call: Call) -> Json:
        if call.flag("softDeleted"):
            self._storage.buckets.find(call.principal, "storage.objects.list", call.path["bucket"])
            return {"kind": "storage#objects"}
        page = self._objects.list_page(
            call.principal,
            call.path["bucket"],
            ListQuery(
                prefix=call.query.get("prefix", ""),
                delimiter=call.query.get("delimiter", ""),
                start_offset=call.query.get("startOffset", ""),
                end_offset=call.query.get("endOffset", ""),
                max_results=min(call.integer("maxResults") or _PAGE, _PAGE),
                page_token=call.query.get("pageToken", ""),
                include_trailing_delimiter=call.flag("includeTrailingDelimiter"),
                match_glob=call.query.get("matchGlob", ""),
            ),
        )
        answer: dict[str, Any] = {"kind": "storage#objects"}
        if page.next_page_token:
            answer["nextPageToken"] = page.next_page_token
        if page.prefixes:
            answer["prefixes"] = page.prefixes
        if page.items:
            answer["items"] = [self._answer(call, record) for record in page.items]
        return answer

    async def get(self, call: Call) -> web.StreamResponse | Json:
        if call.flag("softDeleted"):
            raise NotFound("No such object: none is kept that was deleted")
        if call.query.get("alt") == "media":
            return await self._downloads.get(call)
        record = self._objects.get(
            call.principal,
            call.path["bucket"],
            call.path["object"],
            conditions=call.conditions(),
            generation=call.integer("generation"),
        )
        check_tag(call.request.headers, json_tag(record))
        return self._answer(call, record)

    async def patch(self, call: Call) -> Json:
        return await self._change(call, replace_all=False)

    async def update(self, call: Call) -> Json:
        return await self._change(call, replace_all=True)

    async def _change(self, call: Call, *, replace_all: bool) -> Json:
        resource = await call.json()
        bucket, name = call.path["bucket"], call.path["object"]
        generation = call.integer("generation")
        current = self._objects.get(
            call.principal, bucket, name, generation=generation, permission="storage.objects.update"
        )
        if replace_all:
            cleared = asdict(Attributes(storage_class=current.attributes.storage_class))
            changes = cleared | messages.attribute_changes(resource, {})
        else:
            changes = messages.attribute_changes(resource, current.attributes.metadata)
        changed = self._objects.patch(
            call.principal,
            bucket,
            name,
            changes,
            acl=object_acl(call, self._storage.project_number, resource, "predefinedAcl", owner=current.owner),
            conditions=call.conditions(),
            generation=generation,
        )
        return self._answer(call, changed)

    async def delete(self, call: Call) -> None:
        self._objects.delete(
            call.principal,
            call.path["bucket"],
            call.path["object"],
            conditions=call.conditions(),
            generation=call.integer("generation"),
        )

    async def copy(self, call: Call) -> Json:
        return self._answer(call, await self._copy(call))

    async def rewrite(self, call: Call) -> Json:
        """Always complete after one call."""
        record = await self._copy(call)
        return {
            "kind": "storage#rewriteResponse",
            "totalBytesRewritten": str(record.size),
            "objectSize": str(record.size),
            "done": True,
            "resource": self._answer(call, record),
        }

    async def _copy(self, call: Call) -> ObjectRecord:
        resource = await call.json()
        source = self._objects.get(
            call.principal,
            call.path["sourceBucket"],
            call.path["sourceObject"],
            conditions=call.conditions("Source"),
            generation=call.integer("sourceGeneration"),
        )
        new = self._destination(call, resource)
        return await self._objects.copy(call.principal, source, new, keep_attributes=not resource)

    async def move(self, call: Call) -> Json:
        new = NewObject(call.path["bucket"], call.path["destinationObject"], conditions=call.conditions())
        record = await self._objects.move(
            call.principal,
            new,
            call.path["sourceObject"],
            conditions=call.conditions("Source"),
            generation=call.integer("sourceGeneration"),
        )
        return self._answer(call, record)

    async def compose(self, call: Call) -> Json:
        request = await call.json()
        sources, destination = request.get("sourceObjects"), request.get("destination") or {}
        if not isinstance(sources, list) or not isinstance(destination, dict):
            raise InvalidArgument("Required: a list of the objects to compose", field="sourceObjects")
        new = self._destination(call, destination)
        record = await self._objects.compose(call.principal, new, [_source(source) for source in sources])
        return self._answer(call, record)

    def _destination(self, call: Call, resource: dict[str, Any]) -> NewObject:
        return NewObject(
            call.path["destinationBucket"],
            call.path["destinationObject"],
            messages.attributes_from_json(resource),
            object_acl(call, self._storage.project_number, resource, "destinationPredefinedAcl"),
            call.conditions(),
        )

    def _answer(self, call: Call, record: ObjectRecord) -> Json:
        return object_answer(self._storage, call, record)


def object_answer(storage: StorageService, call: Call, record: ObjectRecord) -> Json:
    full = call.query.get("projection") == "full" and storage.buckets.has_acls(record.bucket)
    return messages.object_to_json(record, call.base_url, full=full)


def new_object(call: Call, project_number: int, resource: dict[str, Any]) -> NewObject:
    """The object that an insert describes: its query takes precedence over its resource.

    Raises:
        InvalidArgument: no name, or an invalid field.
    """
    name = call.query.get("name") or resource.get("name")
    if not isinstance(name, str):
        raise InvalidArgument("Required: the object's name", field="name")
    if "contentEncoding" in call.query:
        resource = {**resource, "contentEncoding": call.query["contentEncoding"]}
    hashes = [resource.get(field) for field in ("md5Hash", "crc32c")]
    if not all(value is None or isinstance(value, str) for value in hashes):
        raise InvalidArgument("a hash is base64 text", field="md5Hash")
    return NewObject(
        call.path["bucket"],
        name,
        messages.attributes_from_json(resource),
        object_acl(call, project_number, resource, "predefinedAcl"),
        call.conditions(),
        *hashes,
    )


def object_acl(
    call: Call, project_number: int, resource: dict[str, Any], predefined: str, *, owner: str | None = None
) -> dict[str, Role] | None:
    """The ACL in a request, predefined or in the resource; None for the bucket's default.

    Args:
        owner: of an existing object; the caller owns a new one.
    """
    name = call.query.get(predefined)
    if name:
        return policy.predefined_acl(
            name, call.principal.email if owner is None else owner, project_number, of_object=True
        )
    return messages.acl_from_json(resource.get("acl"), of_object=True, field="acl")


def _source(source: Any) -> tuple[str, int | None, Preconditions]:
    if not isinstance(source, dict) or not isinstance(source.get("name"), str):
        raise InvalidArgument("each source has a name", field="sourceObjects.name")
    conditions = source.get("objectPreconditions") or {}
    try:
        wanted = conditions.get("ifGenerationMatch")
        match = None if wanted is None else int(wanted)
        generation = None if source.get("generation") is None else int(source["generation"])
    except (AttributeError, TypeError, ValueError):
        raise InvalidArgument("a generation is a whole number", field="sourceObjects.generation") from None
    return source["name"], generation, Preconditions(generation_match=match)
