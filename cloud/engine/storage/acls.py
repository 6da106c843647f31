"""The access control lists themselves: read and changed entry by entry."""

from dataclasses import dataclass

from cloud.engine.principal import Principal
from cloud.engine.storage import policy
from cloud.engine.storage.buckets import Buckets
from cloud.engine.storage.objects import Objects
from cloud.engine.storage.policy import Acl
from cloud.engine.storage.records import BucketRecord, Records
from cloud.errors import NotFound


@dataclass(frozen=True, slots=True)
class AclTarget:
    """A bucket's own list, its list for new objects (``is_default``), or an object's."""

    bucket: str
    object_name: str | None = None
    is_default: bool = False
    generation: int | None = None
    """The object's, where it matters."""

    @property
    def of_object(self) -> bool:
        """Whether the list has the roles of objects."""
        return self.is_default or self.object_name is not None


class AccessControls:
    def __init__(self, records: Records, buckets: Buckets, objects: Objects) -> None:
        self._records = records
        self._buckets = buckets
        self._objects = objects

    def entries(self, principal: Principal, target: AclTarget) -> Acl:
        """Raises:
        NotFound: no such bucket or object.
        ListsDisabled: the bucket has uniform bucket-level access.
        """
        bucket, acl, _ = self._read(principal, target, "getIamPolicy")
        of_object = target.object_name is not None
        policy.check_lists_count(
            bucket.access, policy.CANNOT_GET_OF_OBJECT if of_object else policy.CANNOT_GET_OF_BUCKET
        )
        return acl

    def put(self, principal: Principal, target: AclTarget, entity: str, role: str) -> None:
        """Give ``entity`` this role instead of the one it had.

        Raises:
            InvalidArgument: no such kind of entity, or no role of that name here.
            ListsDisabled: the bucket has uniform bucket-level access.
            PublicAccessPrevented: the entity is everyone.
            PermissionDenied: also where the entity is the owner, and would own no more.
        """
        bucket, acl, owner = self._for_change(principal, target)
        checked = policy.check_role(role, of_object=target.of_object)
        policy.check_not_public(bucket.access, policy.check_entity(entity))
        policy.check_owner_stays(owner, entity, checked)
        self._write(target, {**acl, entity: checked})

    def remove(self, principal: Principal, target: AclTarget, entity: str) -> None:
        """Raises:
        NotFound: ``entity`` has no role.
        ListsDisabled: the bucket has uniform bucket-level access.
        PermissionDenied: also where ``entity`` is the owner.
        """
        _, acl, owner = self._for_change(principal, target)
        if entity not in acl:
            raise NotFound(f"The specified ACL entry could not be found: {entity!r}")
        policy.check_owner_stays(owner, entity, None)
        self._write(target, {other: role for other, role in acl.items() if other != entity})

    def _for_change(self, principal: Principal, target: AclTarget) -> tuple[BucketRecord, Acl, str]:
        bucket, acl, owner = self._read(principal, target, "setIamPolicy")
        of_object = target.object_name is not None
        policy.check_lists_count(
            bucket.access, policy.CANNOT_CHANGE_OF_OBJECT if of_object else policy.CANNOT_CHANGE_OF_BUCKET
        )
        return bucket, acl, owner

    def _read(self, principal: Principal, target: AclTarget, verb: str) -> tuple[BucketRecord, Acl, str]:
        """The bucket, the list, and the entity that must stay its owner: empty in a list for new objects."""
        if target.object_name is not None:
            permission = f"storage.objects.{verb}"
            record = self._objects.get(
                principal, target.bucket, target.object_name, generation=target.generation, permission=permission
            )
            return self._buckets.known(target.bucket), record.acl, record.owner_entity
        bucket = self._buckets.find(principal, f"storage.buckets.{verb}", target.bucket)
        return (bucket, bucket.default_acl, "") if target.is_default else (bucket, bucket.acl, self._buckets.owner)

    def _write(self, target: AclTarget, acl: Acl) -> None:
        if target.object_name is not None:
            self._objects.put_acl(target.bucket, target.object_name, acl)
            return
        bucket = self._buckets.known(target.bucket)
        field = "default_acl" if target.is_default else "acl"
        self._records.put_bucket(bucket.changed(**{field: acl}))
