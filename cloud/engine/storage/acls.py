"""Access control lists (ACLs), read and changed entry by entry."""

from dataclasses import dataclass, replace

from cloud.engine.principal import Principal
from cloud.engine.storage import policy
from cloud.engine.storage.buckets import Buckets
from cloud.engine.storage.database import Records
from cloud.engine.storage.objects import Objects
from cloud.engine.storage.policy import Acl
from cloud.engine.storage.records import BucketRecord
from cloud.errors import NotFound


@dataclass(frozen=True, slots=True)
class AclTarget:
    """The ACL of a bucket, its default ACL for new objects (``is_default``), or the ACL of an object."""

    bucket: str
    object_name: str | None = None
    is_default: bool = False
    generation: int | None = None
    """The object's, if it must match."""

    @property
    def of_object(self) -> bool:
        """Whether the ACL grants the roles of objects."""
        return self.is_default or self.object_name is not None


class AccessControls:
    def __init__(self, records: Records, buckets: Buckets, objects: Objects) -> None:
        self._records = records
        self._buckets = buckets
        self._objects = objects

    def entries(self, principal: Principal, target: AclTarget) -> tuple[Acl, AclTarget]:
        """The ACL, and its target with the generation of the object.

        Raises:
            NotFound: no such bucket or object.
            AclsDisabled: the bucket has uniform bucket-level access.
        """
        bucket, acl, _, generation = self._read(principal, target, "getIamPolicy")
        of_object = target.object_name is not None
        policy.check_acls_enabled(
            bucket.access, policy.CANNOT_GET_OF_OBJECT if of_object else policy.CANNOT_GET_OF_BUCKET
        )
        return acl, replace(target, generation=generation)

    def put(self, principal: Principal, target: AclTarget, entity: str, role: str) -> None:
        """Set the role of ``entity``.

        Raises:
            InvalidArgument: the entity or the role is invalid.
            AclsDisabled: the bucket has uniform bucket-level access.
            PublicAccessPrevented: the entity is public.
            PermissionDenied: also if it takes OWNER from the owner.
        """
        bucket, acl, owner = self._for_change(principal, target)
        checked = policy.check_role(role, of_object=target.of_object)
        policy.check_not_public(bucket.access, policy.check_entity(entity))
        policy.check_owner_stays(owner, entity, checked)
        self._write(target, {**acl, entity: checked})

    def remove(self, principal: Principal, target: AclTarget, entity: str) -> None:
        """Raises:
        NotFound: ``entity`` has no role.
        AclsDisabled: the bucket has uniform bucket-level access.
        PermissionDenied: also if ``entity`` is the owner.
        """
        _, acl, owner = self._for_change(principal, target)
        if entity not in acl:
            raise NotFound(f"The specified ACL entry could not be found: {entity!r}")
        policy.check_owner_stays(owner, entity, None)
        self._write(target, {other: role for other, role in acl.items() if other != entity})

    def _for_change(self, principal: Principal, target: AclTarget) -> tuple[BucketRecord, Acl, str]:
        bucket, acl, owner, _ = self._read(principal, target, "setIamPolicy")
        of_object = target.object_name is not None
        policy.check_acls_enabled(
            bucket.access, policy.CANNOT_CHANGE_OF_OBJECT if of_object else policy.CANNOT_CHANGE_OF_BUCKET
        )
        return bucket, acl, owner

    def _read(self, principal: Principal, target: AclTarget, verb: str) -> tuple[BucketRecord, Acl, str, int | None]:
        """The bucket, the ACL, the entity that must stay its owner, which is empty for a default ACL, and the
        object's generation."""
        if target.object_name is not None:
            permission = f"storage.objects.{verb}"
            record = self._objects.get(
                principal, target.bucket, target.object_name, generation=target.generation, permission=permission
            )
            return self._buckets.lookup(target.bucket), record.acl, record.owner_entity, record.generation
        bucket = self._buckets.find(principal, f"storage.buckets.{verb}", target.bucket)
        if target.is_default:
            return bucket, bucket.default_acl, "", None
        return bucket, bucket.acl, self._buckets.owner, None

    def _write(self, target: AclTarget, acl: Acl) -> None:
        if target.object_name is not None:
            self._objects.put_acl(target.bucket, target.object_name, acl, target.generation)
            return
        bucket = self._buckets.lookup(target.bucket)
        field = "default_acl" if target.is_default else "acl"
        self._records.put_bucket(bucket.changed(**{field: acl}))
