"""Access to ML Engine by the policies of jobs and models, beside that of the project.

Roles and permissions: https://cloud.google.com/ai-platform/training/docs/access-control.
"""

from collections.abc import Awaitable, Callable, Mapping

from cloud.emulator.ml_v1.project import Project
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.records import Record
from cloud.engine.principal import Principal
from cloud.engine.project import etags, policy
from cloud.errors import InvalidArgument, NotFound
from cloud.resources import Json

_VERBS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "jobs": {"jobs": ("get", "list", "create", "update", "cancel", "getIamPolicy", "setIamPolicy")},
    "models": {
        "versions": ("get", "list", "create", "update", "delete", "predict"),
        "models": ("get", "list", "create", "update", "delete", "predict", "getIamPolicy", "setIamPolicy"),
    },
}
PERMISSIONS: Mapping[str, frozenset[str]] = {
    collection: frozenset(f"ml.{kind}.{verb}" for kind, verbs in kinds.items() for verb in verbs)
    for collection, kinds in _VERBS.items()
}
"""All permissions on a resource of a collection."""


class AccessMethods:
    """The IAM methods of jobs and models.

    Args:
        allows: whether a caller has a permission on the whole project.
    """

    def __init__(self, project: Project, allows: Callable[[Principal, str], bool]) -> None:
        self._project, self._records, self._allows = project, project.records, allows

    async def grants(self, call: Call, permission: str) -> bool:
        """Whether the policy of the request's resource gives the caller ``permission``; never if it does not exist."""
        if len(call.ids) < 2 or permission not in PERMISSIONS.get(_collection(call), ()):
            return False
        try:
            return policy.grants((await self._record(call)).policy.get("bindings", ()), call.principal, permission)
        except NotFound:
            return False

    async def get_policy(self, call: Call) -> Json:
        version = call.query.get("options.requestedPolicyVersion", 0)
        if version not in (0, 1, 3):
            raise InvalidArgument(f"0, 1 or 3, not {version}", field="options.requested_policy_version")
        return _json(await self._record(call))

    async def set_policy(self, call: Call) -> Json:
        given = call.body.get("policy", {})
        policy.check_bindings(given.get("bindings", ()))
        record = await self._record(call)
        etags.check(given.get("etag"), record.policy_etag)
        kept = {name: value for name, value in given.items() if name != "etag"} | {"version": given.get("version", 1)}
        return _json(self._records.set_policy(record, kept))

    async def test_permissions(self, call: Call) -> Json:
        wanted = call.body.get("permissions", [])
        known = PERMISSIONS[_collection(call)]
        for permission in wanted:
            if permission not in known:
                raise InvalidArgument(
                    f"Permission {permission[:100]} is not valid for this resource.", field="permissions"
                )
        record = await self._record(call)
        bindings, caller = record.policy.get("bindings", ()), call.principal
        answer = [
            permission
            for permission in dict.fromkeys(wanted)
            if self._allows(caller, permission) or policy.grants(bindings, caller, permission)
        ]
        return {"permissions": answer} if answer else {}

    async def _record(self, call: Call) -> Record:
        """Of the job or model in the call's name; of a version, its model."""
        collection, resource = _collection(call), call.ids[1]
        find: Callable[[str], Awaitable[Json]] = getattr(self._project.backend, f"get_{collection.removesuffix('s')}")
        return self._records.of(f"{collection}/{resource}", (await find(resource)).create_time)


def _collection(call: Call) -> str:
    return call.name.split("/")[2]


def _json(record: Record) -> Json:
    return dict(record.policy) | {"etag": record.policy_etag}
