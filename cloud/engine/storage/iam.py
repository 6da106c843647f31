"""IAM policies of buckets and objects, read and replaced as a whole.

The legacy roles in a policy and the entries of an ACL are the same grants
(https://cloud.google.com/storage/docs/access-control/iam#acls): a change of one shows in the other. An ACL has one
role for each entity, so of several legacy bucket roles the strongest, which includes the others, is kept. The legacy
*object* roles in a *bucket's* policy are not part of any ACL: they apply to all objects in it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from cloud.engine.principal import Principal
from cloud.engine.storage import policy
from cloud.engine.storage.buckets import Buckets
from cloud.engine.storage.database import Records
from cloud.engine.storage.guard import Guard
from cloud.engine.storage.objects import Objects
from cloud.engine.storage.policy import Acl, Bindings
from cloud.engine.storage.preconditions import NOT_MET, ConditionNotMet
from cloud.engine.storage.records import BucketRecord, ObjectRecord
from cloud.engine.storage.roles import BUCKET_ROLES, OBJECT_ROLES, ROLE_PERMISSIONS, Role
from cloud.errors import InvalidArgument

MAX_ENTITIES = 1500
"""Of one policy (https://cloud.google.com/iam/quotas)."""


@dataclass(frozen=True, slots=True)
class PolicyTarget:
    """A bucket, or an object in it."""

    bucket: str
    object_name: str | None = None
    generation: int | None = None
    """The object's, if it must match."""


@dataclass(frozen=True, slots=True)
class IamPolicy:
    bindings: Bindings
    """Sorted by role and entity."""
    version: tuple[int, ...]
    """Of the resource; changes with each write."""


class IamPolicies:
    def __init__(self, records: Records, guard: Guard, buckets: Buckets, objects: Objects) -> None:
        self._records = records
        self._guard = guard
        self._buckets = buckets
        self._objects = objects

    def get(self, principal: Principal, target: PolicyTarget) -> IamPolicy:
        """Raises:
        NotFound: no such bucket or object.
        AclsDisabled: it is an object's policy, and the bucket has uniform bucket-level access.
        """
        return _policy_of(self._find(principal, target, "getIamPolicy"))

    def set(
        self, principal: Principal, target: PolicyTarget, bindings: Bindings, version: tuple[int, ...] | None = None
    ) -> IamPolicy:
        """Replace all bindings.

        Args:
            version: of the policy that ``bindings`` is based on; None to replace any version.

        Raises:
            ConditionNotMet: the policy was changed since ``version``.
            InvalidArgument: a role that this resource does not support, or too many entities.
            PublicAccessPrevented: a public grant, and the bucket prevents public access.
            AclsDisabled: see ``get``.
        """
        record = self._find(principal, target, "setIamPolicy")
        policy.check_not_public(self._buckets.lookup(target.bucket).access, *_entities(bindings))
        if version is not None and version != _policy_of(record).version:
            raise ConditionNotMet(NOT_MET, field="etag")
        if sum(map(len, bindings.values())) > MAX_ENTITIES:
            raise InvalidArgument(f"a policy has at most {MAX_ENTITIES} members", field="policy.bindings")
        if isinstance(record, ObjectRecord):
            _check_roles(bindings, OBJECT_ROLES.values())
            return _policy_of(self._objects.put_acl(record.bucket, record.name, _acl_of(bindings, OBJECT_ROLES)))
        _check_roles(bindings, ROLE_PERMISSIONS)
        legacy = set(BUCKET_ROLES.values())
        changed = record.changed(
            acl=_acl_of(bindings, BUCKET_ROLES),
            bindings={role: entities for role, entities in bindings.items() if role not in legacy and entities},
        )
        self._records.put_bucket(changed)
        return _policy_of(changed)

    def replace(self, member: str, other: str) -> None:
        """Give the grants of one entity on buckets and objects to another one."""

        def named(entity: str) -> str:
            return other if entity.lower() == member.lower() else entity

        for record in self._records.buckets():
            changed = {
                "acl": {named(entity): role for entity, role in record.acl.items()},
                "default_acl": {named(entity): role for entity, role in record.default_acl.items()},
                "bindings": {role: tuple(map(named, entities)) for role, entities in record.bindings.items()},
            }
            if changed != {field: getattr(record, field) for field in changed}:
                self._records.put_bucket(record.changed(**changed))
            for listed in list(self._records.versions_from(record.name, "")):
                found = listed.record()
                acl = {named(entity): role for entity, role in found.acl.items()}
                if acl != found.acl:
                    self._objects.put_acl(record.name, found.name, acl, found.generation)

    def test(self, principal: Principal, target: PolicyTarget, permissions: Iterable[str]) -> list[str]:
        """Those of ``permissions`` that ``principal`` has. Requires no permission.

        Raises:
            NotFound: no such bucket.
        """
        bucket, object_acl = self._buckets.lookup(target.bucket), None
        if target.object_name is not None:
            record = self._records.object(target.bucket, target.object_name)
            # Without an object only the bucket's grants count, so that the result does not reveal whether it exists.
            object_acl = record.acl if record else None
        return [each for each in permissions if self._guard.permits(principal, each, bucket, object_acl)]

    def _find(self, principal: Principal, target: PolicyTarget, verb: str) -> BucketRecord | ObjectRecord:
        if target.object_name is None:
            return self._buckets.find(principal, f"storage.buckets.{verb}", target.bucket)
        record = self._objects.get(
            principal,
            target.bucket,
            target.object_name,
            generation=target.generation,
            permission=f"storage.objects.{verb}",
        )
        policy.check_acls_enabled(self._buckets.lookup(target.bucket).access, policy.CANNOT_GET_OF_OBJECT)
        return record


def _policy_of(record: BucketRecord | ObjectRecord) -> IamPolicy:
    if isinstance(record, ObjectRecord):
        return IamPolicy(_sorted(_grants_of(record.acl, OBJECT_ROLES)), (record.generation, record.metageneration))
    grants = {**_grants_of(record.acl, BUCKET_ROLES), **record.bindings}
    return IamPolicy(_sorted(grants), (record.metageneration,))


def _grants_of(acl: Acl, names: Mapping[Role, str]) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(entity for entity, held in acl.items() if held is role)
        for role, name in names.items()
        if role in acl.values()
    }


def _acl_of(bindings: Bindings, names: Mapping[Role, str]) -> dict[str, Role]:
    # From weak to strong: the last role of an entity is the one it keeps.
    return {entity: role for role, name in names.items() for entity in bindings.get(name, ())}


def _sorted(bindings: Bindings) -> Bindings:
    return {role: tuple(sorted(set(bindings[role]))) for role in sorted(bindings)}


def _entities(bindings: Bindings) -> set[str]:
    return {entity for entities in bindings.values() for entity in entities}


def _check_roles(bindings: Bindings, choice: Collection[str]) -> None:
    for role in bindings:
        if role not in choice:
            raise InvalidArgument(
                f"Role {role[:200]} is not supported for this resource: use {', '.join(sorted(choice))}",
                field="policy.bindings.role",
            )
