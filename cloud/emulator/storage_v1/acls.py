"""``storage.bucketAccessControls.*``, ``storage.defaultObjectAccessControls.*``, ``storage.objectAccessControls.*``."""

from typing import Any

from cloud.emulator.storage_v1 import messages
from cloud.emulator.storage_v1.call import Call
from cloud.engine.storage.acls import AclTarget
from cloud.engine.storage.service import StorageService
from cloud.errors import InvalidArgument, NotFound
from cloud.resources import Json


class AclMethods:
    def __init__(self, storage: StorageService) -> None:
        self._acls = storage.acls
        self._buckets = storage.buckets

    async def list(self, call: Call) -> Json:
        target = _target(call)
        kind = "storage#objectAccessControls" if target.of_object else "storage#bucketAccessControls"
        acl = self._acls.entries(call.principal, target)
        if target.is_default:
            call.conditions().check(self._buckets.lookup(target.bucket), reading=True)
        return messages.list_to_json(kind, messages.acl_items(acl, target, call.base_url))

    async def get(self, call: Call) -> Json:
        return self._entry(call, call.path["entity"])

    async def insert(self, call: Call) -> Json:
        resource = await call.json()
        return self._put(call, _required(resource, "entity"), resource)

    async def update(self, call: Call) -> Json:
        return self._put(call, call.path["entity"], await call.json())

    async def delete(self, call: Call) -> None:
        self._acls.remove(call.principal, _target(call), call.path["entity"])

    def _put(self, call: Call, entity: str, resource: dict[str, Any]) -> Json:
        self._acls.put(call.principal, _target(call), entity, _required(resource, "role"))
        return self._entry(call, entity)

    def _entry(self, call: Call, entity: str) -> Json:
        target = _target(call)
        role = self._acls.entries(call.principal, target).get(entity)
        if role is None:
            raise NotFound(f"The specified ACL entry could not be found: {entity!r}")
        return messages.acl_item(entity, role, target, call.base_url)


def _target(call: Call) -> AclTarget:
    is_default = call.method_id.startswith("storage.defaultObjectAccessControls.")
    return AclTarget(call.path["bucket"], call.path.get("object"), is_default, call.integer("generation"))


def _required(resource: dict[str, Any], field: str) -> str:
    value = resource.get(field)
    if not isinstance(value, str) or not value:
        raise InvalidArgument(f"Required: {field}", field=field)
    return value
