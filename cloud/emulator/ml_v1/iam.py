"""Access to ML Engine: the project's owner has all permissions, others those of a job's or model's policy.

Roles and permissions: https://cloud.google.com/ai-platform/training/docs/access-control.
"""

import re
from collections.abc import Awaitable, Callable, Mapping

from cloud.emulator.ml_v1.project import Project
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.records import Record
from cloud.engine.principal import Principal
from cloud.errors import Aborted, InvalidArgument, NotFound
from cloud.resources import Json

_JOB = frozenset(
    f"ml.jobs.{verb}" for verb in ("get", "list", "create", "update", "cancel", "getIamPolicy", "setIamPolicy")
)
_VERSION = frozenset(f"ml.versions.{verb}" for verb in ("get", "list", "create", "update", "delete", "predict"))
_MODEL = _VERSION | {
    f"ml.models.{verb}"
    for verb in ("get", "list", "create", "update", "delete", "predict", "getIamPolicy", "setIamPolicy")
}
_VIEWED = frozenset(
    {"ml.jobs.get", "ml.jobs.list", "ml.models.get", "ml.models.list", "ml.versions.get", "ml.versions.list"}
)
PERMISSIONS: Mapping[str, frozenset[str]] = {"jobs": _JOB, "models": _MODEL}
"""All permissions on a resource of a collection."""
ROLES: Mapping[str, frozenset[str]] = {
    "roles/ml.admin": _JOB | _MODEL,
    "roles/ml.developer": _VIEWED | {"ml.jobs.create", "ml.models.create", "ml.models.predict", "ml.versions.predict"},
    "roles/ml.viewer": _VIEWED,
    "roles/ml.jobOwner": _JOB,
    "roles/ml.modelOwner": _MODEL,
    "roles/ml.modelUser": frozenset(
        {"ml.models.get", "ml.models.predict", "ml.versions.get", "ml.versions.list", "ml.versions.predict"}
    ),
}
_MEMBER = re.compile(r"allUsers|allAuthenticatedUsers|(user|serviceAccount|group|domain):[^\s:]+")
_ROLE = re.compile(r"(projects/[^/\s]+/|organizations/[^/\s]+/)?roles/[\w.]+")


class AccessMethods:
    """The IAM methods of jobs and models."""

    def __init__(self, project: Project) -> None:
        self._project, self._records = project, project.records

    async def granted(self, call: Call) -> frozenset[str]:
        """The caller's permissions on the resource of the request; none on one that does not exist."""
        if len(call.ids) < 2 or _collection(call) not in PERMISSIONS:
            return frozenset()
        try:
            return granted((await self._record(call)).policy, call.principal)
        except NotFound:
            return frozenset()

    async def get_policy(self, call: Call) -> Json:
        version = call.query.get("options.requestedPolicyVersion", 0)
        if version not in (0, 1, 3):
            raise InvalidArgument(f"0, 1 or 3, not {version}", field="options.requested_policy_version")
        return _json(await self._record(call))

    async def set_policy(self, call: Call) -> Json:
        policy = call.body.get("policy", {})
        _check(policy)
        record = await self._record(call)
        if policy.get("etag", record.policy_etag) != record.policy_etag:
            raise Aborted(
                "There were concurrent policy changes. "
                "Please retry the whole read-modify-write with exponential backoff."
            )
        kept = {name: value for name, value in policy.items() if name != "etag"} | {"version": policy.get("version", 1)}
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
        held = known if call.principal.is_project_owner else granted(record.policy, call.principal)
        answer = [permission for permission in dict.fromkeys(wanted) if permission in held]
        return {"permissions": answer} if answer else {}

    async def _record(self, call: Call) -> Record:
        """Of the job or model in the call's name; of a version, its model."""
        collection, resource = _collection(call), call.ids[1]
        find: Callable[[str], Awaitable[Json]] = getattr(self._project.backend, f"get_{collection.removesuffix('s')}")
        return self._records.of(f"{collection}/{resource}", (await find(resource)).create_time)


def granted(policy: Mapping[str, Json], principal: Principal) -> frozenset[str]:
    """The permissions of ``principal`` by a policy. Bindings with a condition grant nothing: none is evaluated."""
    who = {"allUsers"} if principal.is_anonymous else {"allUsers", "allAuthenticatedUsers"}
    who |= {f"user:{principal.email}", f"serviceAccount:{principal.email}"}
    held = [
        ROLES.get(binding.get("role", ""), frozenset[str]())
        for binding in policy.get("bindings", ())
        if "condition" not in binding and who & set(binding.get("members", ()))
    ]
    return frozenset[str]().union(*held)


def _collection(call: Call) -> str:
    return call.name.split("/")[2]


def _check(policy: Mapping[str, Json]) -> None:
    for binding in policy.get("bindings", ()):
        if not _ROLE.fullmatch(binding.get("role", "")):
            raise InvalidArgument(
                f"Role {binding.get('role', '')[:100]!r} is not supported for this resource.",
                field="policy.bindings.role",
            )
        for member in binding.get("members", ()):
            if not _MEMBER.fullmatch(member):
                raise InvalidArgument(
                    f"The member {member[:100]!r} is of an unknown type. Set a valid type prefix for the member.",
                    field="policy.bindings.members",
                )


def _json(record: Record) -> Json:
    return dict(record.policy) | {"etag": record.policy_etag}
