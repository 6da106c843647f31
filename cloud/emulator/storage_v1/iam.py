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
from cloud.errors import InvalidArgument
from cloud.resources import Json

_PERMISSIONS = ("storage.buckets.", "storage.objects.", "storage.managedFolders.", "storage.multipartUploads.")


async def get_policy(call: Call) -> Json:
    return _answer(call, call.storage.iam.get(call.principal, _target(call)))


async def set_policy(call: Call) -> Json:
    resource = await call.json("Policy")
    if not resource:
        raise InvalidArgument("A policy to update must be provided.", field="policy")
    version = messages.version_of(str(resource["etag"])) if resource.get("etag") else None
    bindings = bindings_from_json(resource, call.storage.members)
    return _answer(call, call.storage.iam.set(call.principal, _target(call), bindings, version))


async def test_permissions(call: Call) -> Json:
    permissions = call.request.query.getall("permissions", [])
    for permission in permissions:
        if not permission.startswith(_PERMISSIONS):
            raise InvalidArgument(f"Invalid permission {permission[:100]!r}", field="permissions")
    held = call.storage.iam.test(call.principal, _target(call), permissions)
    answer: dict[str, Any] = {"kind": "storage#testIamPermissionsResponse"}
    return answer | {"permissions": held} if held else answer


def _target(call: Call) -> PolicyTarget:
    return PolicyTarget(call.path["bucket"], call.path.get("object"), call.integer("generation"))


def _answer(call: Call, policy: IamPolicy) -> Json:
    resource = f"projects/_/buckets/{call.path['bucket']}"
    if "object" in call.path:
        resource += f"/objects/{call.path['object']}"
    return {
        "kind": "storage#policy",
        "resourceId": resource,
        "version": 1,
        "etag": messages.etag(*policy.version),
        "bindings": [
            {"role": role, "members": list(map(call.storage.members.member, entities))}
            for role, entities in policy.bindings.items()
            if entities
        ],
    }


def bindings_from_json(resource: Mapping[str, Any], members: Members) -> Bindings:
    """The bindings of a policy; several bindings of one role are merged.

    Raises:
        InvalidArgument: a binding is incomplete or has a condition, or a member is invalid.
    """
    bindings: dict[str, tuple[str, ...]] = {}
    for binding in resource.get("bindings") or ():
        role, given = binding.get("role"), binding.get("members")
        if role is None or given is None:
            raise InvalidArgument("each binding has a role and a list of members", field="policy.bindings")
        if binding.get("condition"):
            raise InvalidArgument("IAM conditions are not emulated: grant without one.", field="policy.bindings")
        entities = (*bindings.get(role, ()), *map(members.entity, given))
        bindings[role] = tuple(sorted(set(entities)))
    return bindings
