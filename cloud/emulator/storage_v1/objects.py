"""``storage.objects.*`` except uploads."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from cloud.emulator.rest.field_mask import parse_fields
from cloud.emulator.storage_v1 import custom_time, downloads, keeping, messages
from cloud.emulator.storage_v1.bodies import is_empty
from cloud.emulator.storage_v1.call import Call, whole_number
from cloud.emulator.storage_v1.entity_tags import check_tag
from cloud.engine.storage import policy
from cloud.engine.storage.keeping import ObjectHeld, RetentionPolicyNotMet, retired
from cloud.engine.storage.listing import ListQuery
from cloud.engine.storage.objects import NewObject
from cloud.engine.storage.preconditions import ConditionNotMet, Preconditions
from cloud.engine.storage.records import Attributes, BucketRecord, ObjectRecord
from cloud.engine.storage.roles import Role
from cloud.errors import InvalidArgument, NotFound
from cloud.resources import Json

_PAGE = 1000


async def list_objects(call: Call) -> Json:
    if call.flag("softDeleted") and call.flag("versions"):
        raise InvalidArgument("either versions or softDeleted, not both", field="softDeleted")
    query = ListQuery(
        prefix=call.query.get("prefix", ""),
        delimiter=call.query.get("delimiter", ""),
        start_offset=call.query.get("startOffset", ""),
        end_offset=call.query.get("endOffset", ""),
        max_results=min(call.integer("maxResults") or _PAGE, _PAGE),
        page_token=call.query.get("pageToken", ""),
        include_trailing_delimiter=call.flag("includeTrailingDelimiter"),
        match_glob=call.query.get("matchGlob", ""),
        has_versions=call.flag("versions"),
        is_soft_deleted=call.flag("softDeleted"),
    )
    page = call.storage.objects.list_page(call.principal, call.path["bucket"], query)
    bucket = call.storage.buckets.lookup(call.path["bucket"])
    answer = {
        "kind": "storage#objects",
        "nextPageToken": page.next_page_token,
        "prefixes": page.prefixes,
        "items": [object_answer(call, record, bucket) for record in await _shown(call, page.items)],
    }
    return {name: value for name, value in answer.items() if value}


async def _shown(call: Call, records: list[ObjectRecord]) -> list[ObjectRecord]:
    """``records``, with their hashes unless ``fields`` leaves these out, as TensorFlow does: computing them reads all
    bytes of a public bucket's objects."""
    mask = parse_fields(call.query["fields"]) if call.query.get("fields") else {}
    items = (mask.get("items", mask.get("*")) or {}) if mask else {}
    is_wanted = not mask or ({"items", "*"} & mask.keys() and (not items or {"md5Hash", "crc32c", "*"} & items.keys()))
    return await call.storage.objects.hashed(records) if is_wanted else records


async def get(call: Call) -> web.StreamResponse | Json:
    if call.flag("softDeleted"):
        return _get_soft_deleted(call)
    if call.query.get("alt") == "media":
        return await downloads.get(call)
    [record] = await call.storage.objects.hashed([call.find_object()])
    check_tag(call.request, messages.object_tag(record))
    return object_answer(call, record)


def _get_soft_deleted(call: Call) -> Json:
    if call.query.get("alt") == "media":
        raise InvalidArgument("The bytes of a soft-deleted object cannot be read: restore it.", field="softDeleted")
    generation = call.integer("generation")
    if generation is None:
        raise InvalidArgument("You must specify a generation.", field="generation")
    return object_answer(
        call, call.storage.copies.soft_deleted(call.principal, call.path["bucket"], call.path["object"], generation)
    )


async def patch(call: Call) -> Json:
    return await _change(call, replace_all=False)


async def update(call: Call) -> Json:
    return await _change(call, replace_all=True)


async def _change(call: Call, *, replace_all: bool) -> Json:
    resource = await call.json("Object")
    objects, bucket, name = call.storage.objects, call.path["bucket"], call.path["object"]
    generation = call.integer("generation")
    current = objects.get(call.principal, bucket, name, generation=generation, permission="storage.objects.update")
    if not resource and not replace_all and "predefinedAcl" not in call.query:
        # Nothing is asked for: nothing is changed, nor its metageneration.
        call.conditions().check(current)
        return object_answer(call, current, full=True)
    if replace_all:
        before = current.attributes
        cleared = asdict(Attributes(storage_class=before.storage_class, custom_time=before.custom_time))
        changes = cleared | messages.attribute_changes(resource, {})
    else:
        changes = messages.attribute_changes(resource, current.attributes.metadata)
    if "custom_time" in changes:
        custom_time.check_change(current.attributes.custom_time, changes["custom_time"])
    changed = objects.patch(
        call.principal,
        bucket,
        name,
        changes,
        acl=_acl(call, resource, "predefinedAcl", owner=current.owner),
        kept=_kept(call, resource, current, bucket),
        conditions=call.conditions(),
        generation=generation,
    )
    return object_answer(call, changed, full=True)


async def delete(call: Call) -> None:
    conditions, generation = call.conditions(), call.generation()
    bucket, name = call.path["bucket"], call.path["object"]
    call.storage.objects.delete(call.principal, bucket, name, conditions=conditions, generation=generation)


async def copy(call: Call) -> Json:
    record, full = await _copy(call)
    return object_answer(call, record, full=full)


async def rewrite(call: Call) -> Json:
    """Always complete after one call."""
    record, full = await _copy(call)
    return {
        "kind": "storage#rewriteResponse",
        "totalBytesRewritten": str(record.size),
        "objectSize": str(record.size),
        "done": True,
        "resource": object_answer(call, record, full=full),
    }


async def _copy(call: Call) -> tuple[ObjectRecord, bool]:
    """The copy, and whether it is shown with its ACL unless the query says otherwise."""
    resource = await call.json("Object")
    source = call.storage.objects.get(
        call.principal,
        call.path["sourceBucket"],
        call.path["sourceObject"],
        conditions=call.conditions("Source"),
        generation=call.integer("sourceGeneration"),
    )
    new = _destination(call, resource)
    keep = is_empty(resource, "Object")
    copied = await call.storage.copies.copy(call.principal, source, new, keep_attributes=keep)
    return copied, messages.has_acl(resource)


async def move(call: Call) -> Json:
    record = await call.storage.copies.move(
        call.principal,
        NewObject(call.path["bucket"], call.path["destinationObject"], conditions=call.conditions()),
        call.path["sourceObject"],
        conditions=call.conditions("Source"),
        generation=call.integer("sourceGeneration"),
    )
    return object_answer(call, record)


async def compose(call: Call) -> Json:
    request = await call.json("ComposeRequest")
    sources, destination = request.get("sourceObjects"), request.get("destination") or {}
    if sources is None:
        raise InvalidArgument("Required: a list of the objects to compose", field="sourceObjects")
    new, given = _destination(call, destination), list(map(_source, sources))
    if not request.get("deleteSourceObjects"):
        # The method has no projection: https://github.com/googleapis/google-cloud-go, TestIntegration_PredefinedACLs.
        return object_answer(call, await call.storage.copies.compose(call.principal, new, given), full=True)
    objects = call.storage.objects
    found = {
        (name, number): objects.get(
            call.principal, new.bucket, name, generation=number, permission="storage.objects.delete"
        )
        for name, number, _ in given
    }
    bucket, now = call.storage.buckets.lookup(new.bucket), datetime.now(UTC)
    for (_, number), source in found.items():
        retired(source, bucket, now, for_good=number is not None)  # refused before anything is done
    record = await call.storage.copies.compose(call.principal, new, given)
    for (name, number), source in found.items():
        try:
            # A version that was named goes for good, as by a deletion that names it.
            unchanged = Preconditions(generation_match=source.generation)
            objects.delete(call.principal, new.bucket, name, conditions=unchanged, generation=number)
        except (ConditionNotMet, NotFound, ObjectHeld, RetentionPolicyNotMet):
            continue  # replaced, by this or another request, deleted, or to be kept since then
    return object_answer(call, record, full=True)


def _destination(call: Call, resource: dict[str, Any]) -> NewObject:
    return NewObject(
        call.path["destinationBucket"],
        call.path["destinationObject"],
        messages.attributes_from_json(resource),
        _acl(call, resource, "destinationPredefinedAcl"),
        call.conditions(),
        **_kept(call, resource, None, call.path["destinationBucket"]),
    )


def _kept(call: Call, resource: dict[str, Any], current: ObjectRecord | None, name: str) -> dict[str, Any]:
    """Holds and retention, as fields of a record.

    Args:
        name: of the object's bucket.
    """
    bucket, override = call.storage.buckets.lookup(name), call.flag("overrideUnlockedRetention")
    changes = keeping.object_changes(resource, current, bucket, datetime.now(UTC), override=override)
    if "retention" in changes:
        for permission in keeping.retention_permissions(current.retention if current else None, changes["retention"]):
            call.storage.guard.require(call.principal, permission, bucket, current.acl if current else None)
    return changes


def object_answer(call: Call, record: ObjectRecord, bucket: BucketRecord | None = None, *, full: bool = False) -> Json:
    """
    Args:
        bucket: the object's, if it is known.
        full: the method's default for ``projection``.
    """
    bucket = bucket or call.storage.buckets.lookup(record.bucket)
    full = call.wants_acls(default=full) and bucket.uniform_since is None
    return messages.object_to_json(record, call.base_url, full=full, bucket=bucket)


def new_object(call: Call, resource: dict[str, Any]) -> NewObject:
    """The object that an insert describes: its query takes precedence over its resource.

    Raises:
        InvalidArgument: no name, or an invalid field.
    """
    name = call.query.get("name") or resource.get("name")
    if name is None:
        raise InvalidArgument("Required: the object's name", field="name")
    if "contentEncoding" in call.query:
        resource = {**resource, "contentEncoding": call.query["contentEncoding"]}
    return NewObject(
        call.path["bucket"],
        name,
        messages.attributes_from_json(resource),
        _acl(call, resource, "predefinedAcl"),
        call.conditions(),
        resource.get("md5Hash"),
        resource.get("crc32c"),
        **_kept(call, resource, None, call.path["bucket"]),
    )


def _acl(call: Call, resource: dict[str, Any], predefined: str, *, owner: str | None = None) -> dict[str, Role] | None:
    """The ACL in a request, predefined or in the resource; None for the bucket's default.

    Args:
        owner: of an existing object; the caller owns a new one.
    """
    if name := call.query.get(predefined):
        owner = call.principal.email if owner is None else owner
        return policy.predefined_acl(name, owner, call.storage.project_number, of_object=True)
    return messages.acl_from_json(resource.get("acl"), of_object=True)


def _source(source: Json) -> tuple[str, int | None, Preconditions]:
    if source.get("name") is None:
        raise InvalidArgument("each source has a name", field="sourceObjects.name")
    given = {
        "generation": source.get("generation"),
        "objectPreconditions.ifGenerationMatch": (source.get("objectPreconditions") or {}).get("ifGenerationMatch"),
    }
    generation, match = (
        None if value is None else whole_number(str(value), f"sourceObjects.{field}") for field, value in given.items()
    )
    return source["name"], generation, Preconditions(generation_match=match)
