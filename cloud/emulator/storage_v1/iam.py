"""``getIamPolicy``, ``setIamPolicy`` and ``testIamPermissions`` of buckets and of objects.

Shapes: https://cloud.google.com/storage/docs/json_api/v1/buckets/getIamPolicy and discovery document ``storage.v1``.
"""

from collections.abc import Mapping
from typing import Any

from cloud.emulator.storage_v1 import messages
from cloud.emulator.storage_v1.call import Call
from cloud.engine.storage.iam import IamPolicy, PolicyTarget
from cloud.engine.storage.members import Members
from cloud.engine.storage.policy import Bindings
from cloud.engine.storage.service import StorageService
from cloud.errors import InvalidArgument
from cloud.resources import Json

_PERMISSIONS = ("storage.buckets.", "storage.objects.", "storage.managedFolders.", "storage.multipartUploads.")


class IamMethods:
    def __init__(self, storage: StorageService) -> None:
        self._policies = storage.iam
        self._members = storage.members

    async def get(self, call: Call) -> Json:
        target = _target(call)
        return policy_to_json(self._policies.get(call.principal, target), target, self._members)

    async def set(self, call: Call) -> Json:
        resource = await call.json()
        if not resource:
            raise InvalidArgument("A policy to update must be provided.", field="policy")
        target = _target(call)
        version = messages.version_of(str(resource["etag"])) if resource.get("etag") else None
        changed = self._policies.set(call.principal, target, bindings_from_json(resource, self._members), version)
        return policy_to_json(changed, target, self._members)

    async def test(self, call: Call) -> Json:
        permissions = call.request.query.getall("permissions", [])
        for permission in permissions:
            if not permission.startswith(_PERMISSIONS):
                raise InvalidArgument(f"Invalid permission {permission[:100]!r}", field="permissions")
        held = self._policies.test(call.principal, _target(call), permissions)
        answer: dict[str, Any] = {"kind": "storage#testIamPermissionsResponse"}
        return answer | {"permissions": held} if held else answer


def _target(call: Call) -> PolicyTarget:
    return PolicyTarget(call.path["bucket"], call.path.get("object"), call.integer("generation"))


def policy_to_json(policy: IamPolicy, target: PolicyTarget, members: Members) -> Json:
    resource = f"projects/_/buckets/{target.bucket}"
    if target.object_name is not None:
        resource += f"/objects/{target.object_name}"
    return {
        "kind": "storage#policy",
        "resourceId": resource,
        "version": 1,
        "etag": messages.etag(*policy.version),
        "bindings": [
            {"role": role, "members": [members.member(entity) for entity in entities]}
            for role, entities in policy.bindings.items()
            if entities
        ],
    }


def bindings_from_json(resource: Mapping[str, Any], members: Members) -> Bindings:
    """The bindings of a policy; several bindings of one role are merged.

    Raises:
        InvalidArgument: the policy is malformed, a member is invalid, or a binding has a condition.
    """
    bindings: dict[str, tuple[str, ...]] = {}
    given = [] if resource.get("bindings") is None else resource["bindings"]
    if not isinstance(given, list):
        raise InvalidArgument("a list is expected", field="policy.bindings")
    for binding in given:
        role = binding.get("role") if isinstance(binding, dict) else None
        members_ = binding.get("members") if isinstance(binding, dict) else None
        if not isinstance(role, str) or not isinstance(members_, list) or not all(isinstance(m, str) for m in members_):
            raise InvalidArgument("each binding has a role and a list of members", field="policy.bindings")
        if binding.get("condition"):
            raise InvalidArgument("IAM conditions are not emulated: grant without one.", field="policy.bindings")
        entities = (*bindings.get(role, ()), *map(members.entity, members_))
        bindings[role] = tuple(sorted(set(entities)))
    return bindings
