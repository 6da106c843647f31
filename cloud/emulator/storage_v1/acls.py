"""``storage.bucketAccessControls.*``, ``storage.defaultObjectAccessControls.*``, ``storage.objectAccessControls.*``."""

from typing import Any

from cloud.emulator.storage_v1 import messages
from cloud.emulator.storage_v1.call import Call
from cloud.engine.storage.acls import AclTarget
from cloud.errors import InvalidArgument, NotFound
from cloud.resources import Json


async def list_entries(call: Call) -> Json:
    target = _target(call)
    kind = "storage#objectAccessControls" if target.of_object else "storage#bucketAccessControls"
    acl, target = call.storage.acls.entries(call.principal, target)
    if target.is_default:
        call.conditions().check(call.storage.buckets.lookup(target.bucket), reading=True)
    return {"kind": kind, "items": messages.acl_items(acl, target, call.base_url)}


async def get(call: Call) -> Json:
    return _entry(call, call.path["entity"])


async def insert(call: Call) -> Json:
    resource = await call.json("ObjectAccessControl")
    return _put(call, _required(resource, "entity"), resource)


async def update(call: Call) -> Json:
    return _put(call, call.path["entity"], await call.json("ObjectAccessControl"))


async def delete(call: Call) -> None:
    call.storage.acls.remove(call.principal, _target(call), call.path["entity"])


def _put(call: Call, entity: str, resource: dict[str, Any]) -> Json:
    call.storage.acls.put(call.principal, _target(call), entity, _required(resource, "role"))
    return _entry(call, entity)


def _entry(call: Call, entity: str) -> Json:
    acl, target = call.storage.acls.entries(call.principal, _target(call))
    role = acl.get(entity)
    if role is None:
        raise NotFound(f"The specified ACL entry could not be found: {entity!r}")
    return messages.acl_item(entity, role, target, call.base_url)


def _target(call: Call) -> AclTarget:
    is_default = call.method_id.startswith("storage.defaultObjectAccessControls.")
    return AclTarget(call.path["bucket"], call.path.get("object"), is_default, call.integer("generation"))


def _required(resource: dict[str, Any], field: str) -> str:
    if not resource.get(field):
        raise InvalidArgument(f"Required: {field}", field=field)
    return str(resource[field])
