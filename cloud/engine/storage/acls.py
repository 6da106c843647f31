"""The access control lists themselves: read and changed entry by entry."""

from dataclasses import dataclass

from cloud.engine.storage import policy
from cloud.engine.storage.buckets import Buckets
from cloud.engine.storage.objects import Objects
from cloud.engine.storage.policy import Acl, Principal
from cloud.engine.storage.records import Records
from cloud.errors import NotFound


@dataclass(frozen=True, slots=True)
class AclTarget:
    """A bucket's own list, its list for new objects (``is_default``), or an object's."""

    bucket: str
    object_name: str | None = None
    is_default: bool = False

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
        """
        return self._read(principal, target, "getIamPolicy")

    def put(self, principal: Principal, target: AclTarget, entity: str, role: str) -> None:
        """Give ``entity`` this role instead of the one it had.

        Raises:
            InvalidArgument: no such kind of entity, or no role of that name here.
        """
        acl = self._read(principal, target, "setIamPolicy")
        checked = policy.check_role(role, of_object=target.of_object)
        self._write(target, {**acl, policy.check_entity(entity): checked})

    def remove(self, principal: Principal, target: AclTarget, entity: str) -> None:
        """Raises:
        NotFound: ``entity`` has no role.
        """
        acl = dict(self._read(principal, target, "setIamPolicy"))
        if acl.pop(entity, None) is None:
            raise NotFound(f"The specified ACL entry could not be found: {entity!r}")
        self._write(target, acl)

    def _read(self, principal: Principal, target: AclTarget, verb: str) -> Acl:
        if target.object_name is not None:
            permission = f"storage.objects.{verb}"
            return self._objects.get(principal, target.bucket, target.object_name, permission=permission).acl
        bucket = self._buckets.find(principal, f"storage.buckets.{verb}", target.bucket)
        return bucket.default_acl if target.is_default else bucket.acl

    def _write(self, target: AclTarget, acl: Acl) -> None:
        if target.object_name is not None:
            record = self._records.object(target.bucket, target.object_name)
            assert record is not None  # noqa: S101 - read a moment ago, and nothing was awaited since
            self._records.put_object(record.changed(acl=acl))
            return
        bucket = self._buckets.known(target.bucket)
        field = "default_acl" if target.is_default else "acl"
        self._records.put_bucket(bucket.changed(**{field: acl}))
