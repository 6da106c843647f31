"""Buckets: created, read, changed and deleted, with permissions checked."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cloud.engine.locks import Locks
from cloud.engine.principal import Principal
from cloud.engine.storage import policy
from cloud.engine.storage.database import Records
from cloud.engine.storage.garbage import Garbage
from cloud.engine.storage.guard import Guard
from cloud.engine.storage.media import MediaStore
from cloud.engine.storage.multipart_records import MultipartRecords
from cloud.engine.storage.policy import Acl, Bindings, BucketAccess
from cloud.engine.storage.preconditions import ALWAYS, Preconditions
from cloud.engine.storage.public.buckets import PublicBuckets
from cloud.engine.storage.public.well_known import PublicBucketMissing, is_well_known
from cloud.engine.storage.records import BucketRecord
from cloud.engine.storage.roles import OBJECT_ROLES, Role
from cloud.errors import AlreadyExists, BucketNotFound, CloudError, FailedPrecondition
from cloud.names import check_bucket
from cloud.resources import Json

_TAKEN = (
    "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please "
    "select a different name and try again."
)
_ACCESS_FIELDS = {"acl", "default_acl", "uniform_since", "is_never_public"}


class BucketNotEmpty(FailedPrecondition):
    """A bucket that contains objects cannot be deleted."""

    http_status = 409


class Buckets:
    def __init__(
        self,
        records: Records,
        media: MediaStore,
        debris: Garbage,
        guard: Guard,
        project_number: int,
        public: PublicBuckets,
        multipart: MultipartRecords,
    ) -> None:
        self._records = records
        self._multipart = multipart
        self._public = public
        self._media = media
        self._garbage = debris
        self._guard = guard
        self._project_number = project_number
        self._locks = Locks()
        """By name: of a bucket that is created or deleted the folder is, too."""
        self.owner = f"project-owners-{project_number}"
        """The owner of every bucket, as an ACL entity."""

    def find(self, principal: Principal, permission: str, name: str) -> BucketRecord:
        """The bucket, if ``principal`` has ``permission`` on it.

        Raises:
            NotFound: no such bucket.
            PermissionDenied, Unauthenticated: see ``policy.refuse``.
        """
        record = self.lookup(name)
        self._guard.require(principal, permission, record)
        return record

    def has_acls(self, name: str) -> bool:
        """Whether ACLs are in effect, and shown, for this bucket and its objects."""
        record = self._find(name)
        return record is not None and record.uniform_since is None

    def lookup(self, name: str) -> BucketRecord:
        """The bucket, without a check of permissions.

        Raises:
            NotFound: no such bucket.
        """
        record = self._find(name)
        if record is None:
            text = f"The specified bucket does not exist: {name[:260]!r}"
            raise PublicBucketMissing(text, name) if is_well_known(name) else BucketNotFound(text)
        return record

    def _find(self, name: str) -> BucketRecord | None:
        return self._public.bucket(name) or self._records.bucket(name)

    async def insert(
        self,
        principal: Principal,
        name: str,
        *,
        location: str = "US",
        storage_class: str = "STANDARD",
        labels: Mapping[str, str] | None = None,
        acl: Acl | None = None,
        default_acl: Acl | None = None,
        is_uniform: bool = False,
        is_never_public: bool = False,
        settings: Mapping[str, Json] | None = None,
        **kept: Any,
    ) -> BucketRecord:
        """Create a bucket; its ACLs are ``projectPrivate`` unless given.

        Args:
            kept: fields of the record about what is kept: versions, soft deletion, retention, holds, lifecycle.

        Raises:
            InvalidArgument: an illegal name, or ACLs for a bucket with uniform bucket-level access.
            PublicAccessPrevented: a public ACL, and public access prevention.
            AlreadyExists: the name is taken.
        """
        check_bucket(name)
        self._guard.require(principal, "storage.buckets.create", None)
        self._check_free(name)
        access = BucketAccess(is_uniform=is_uniform, is_never_public=is_never_public)
        if acl is not None or default_acl is not None:
            policy.check_acls_enabled(access, policy.CANNOT_CHANGE_OF_BUCKET)
            policy.check_not_public(access, *(acl or ()), *(default_acl or ()))
        team = policy.predefined_acl("projectPrivate", principal.email, self._project_number, of_object=False)
        now = datetime.now(UTC)
        record = BucketRecord(
            name=name,
            location=location.upper(),
            storage_class=storage_class,
            create_time=now,
            update_time=now,
            acl=policy.with_owner(team if acl is None else acl, self.owner),
            default_acl=dict(team if default_acl is None else default_acl),
            labels=dict(labels or {}),
            bindings=_project_bindings(self._project_number) if is_uniform else {},
            uniform_since=now if is_uniform else None,
            is_never_public=is_never_public,
            settings=dict(settings or {}),
            **kept,
        )
        async with self._locks.of(name):
            await self._make(record)
        return record

    async def _make(self, record: BucketRecord) -> None:
        if self._records.deleted_bucket(record.name):
            await self._remove(record.name)  # one of this name can be restored no more
        self._check_free(record.name)
        self._records.put_bucket(record)
        try:
            if not await self._media.create_bucket(record.name) and not self._garbage.is_in(record.name):
                # The folder is left from a bucket of this name, if the process was killed while it was deleted.
                await self._media.delete_bucket(record.name)
                if not await self._media.create_bucket(record.name):
                    raise AlreadyExists(_TAKEN)
        except CloudError:
            self._records.delete_bucket(record.name)
            raise

    def _check_free(self, name: str) -> None:
        if self._records.bucket(name):
            raise AlreadyExists(
                "Your previous request to create the named bucket succeeded and you already own it. "
                f"Choose another name than {name!r}."
            )
        if name in self._public:
            raise AlreadyExists(_TAKEN)

    def get(self, principal: Principal, name: str, conditions: Preconditions = ALWAYS) -> BucketRecord:
        record = self.find(principal, "storage.buckets.get", name)
        conditions.check(record, reading=True)
        return record

    def list_all(self, principal: Principal) -> list[BucketRecord]:
        self._guard.require(principal, "storage.buckets.list", None)
        return self._records.buckets()

    def patch(
        self, principal: Principal, name: str, changes: Mapping[str, Any], conditions: Preconditions = ALWAYS
    ) -> BucketRecord:
        """Change fields of the record (``labels``, ``storage_class``, ``acl``, ``default_acl``, ``uniform_since``,
        ``is_never_public``, ``settings``, and those about what is kept).

        Raises:
            AclsDisabled, PublicAccessPrevented: see ``insert``.
        """
        record = self.find(principal, "storage.buckets.update", name)
        if _ACCESS_FIELDS & changes.keys():
            self._guard.require(principal, "storage.buckets.setIamPolicy", record)
        conditions.check(record)
        if "acl" in changes:
            changes = {**changes, "acl": policy.with_owner(changes["acl"], self.owner)}
        changed = record.changed(**changes)
        for listed in {"acl", "default_acl"} & changes.keys():
            policy.check_acls_enabled(changed.access, policy.CANNOT_CHANGE_OF_BUCKET)
            policy.check_not_public(changed.access, *changes[listed])
        self._records.put_bucket(changed)
        return changed

    async def delete(self, principal: Principal, name: str, conditions: Preconditions = ALWAYS) -> None:
        """Delete a bucket. Where it keeps what is deleted it can be restored, and its objects then, for as long.

        Raises:
            BucketNotEmpty: it holds objects.
        """
        async with self._locks.of(name):
            await self._delete(principal, name, conditions)

    async def _delete(self, principal: Principal, name: str, conditions: Preconditions) -> None:
        record = self.find(principal, "storage.buckets.delete", name)
        conditions.check(record)
        if self._records.holds_objects(name):
            raise BucketNotEmpty("The bucket you tried to delete is not empty.")
        for part in self._multipart.delete_of(name):
            self._garbage.clear_pieces(name, part.pieces)
        if record.soft_delete.seconds:
            now = datetime.now(UTC)
            until = now + timedelta(seconds=record.soft_delete.seconds)
            self._records.put_bucket(replace(record, soft_delete_time=now, hard_delete_time=until))
        else:
            await self._remove(name)

    async def _remove(self, name: str) -> None:
        """For good, with what could be restored in it. The caller holds the lock of the name."""
        soft_deleted = [listed.record() for listed in self._records.versions_from(name, "", soft_deleted=True)]
        self._records.commit(gone=soft_deleted)
        self._records.delete_bucket(name)
        for gone in soft_deleted:
            self._garbage.clear_object(gone)
        await self._garbage.wait()
        if not self._garbage.is_in(name):
            await self._media.delete_bucket(name)

    # ---------------------------------------------------------------- deleted buckets

    def list_deleted(self, principal: Principal) -> list[BucketRecord]:
        """Those that can be restored."""
        self._guard.require(principal, "storage.buckets.list", None)
        now = datetime.now(UTC)
        return [bucket for bucket in self._records.buckets(deleted=True) if not _is_expired(bucket, now)]

    def find_deleted(self, principal: Principal, name: str, permission: str = "storage.buckets.get") -> BucketRecord:
        """Raises:
        BucketNotFound: no bucket of this name is deleted and can be restored.
        """
        self._guard.require(principal, permission, None)
        record = self._records.deleted_bucket(name)
        if record is None or _is_expired(record, datetime.now(UTC)):
            raise BucketNotFound(f"The specified bucket does not exist: no deleted one is kept as {name[:260]!r}")
        return record

    def restore(self, principal: Principal, name: str, check: Callable[[BucketRecord], None]) -> BucketRecord:
        """
        Args:
            check: raises an error unless it is this one.

        Raises:
            AlreadyExists: another one has its name.
            BucketNotFound: see ``find_deleted``.
        """
        self._guard.require(principal, "storage.buckets.restore", None)
        if self._find(name):
            raise AlreadyExists(f"A bucket named {name[:260]!r} exists.")
        record = self.find_deleted(principal, name, "storage.buckets.restore")
        check(record)
        restored = record.changed(soft_delete_time=None, hard_delete_time=None)
        self._records.put_bucket(restored)
        return restored

    async def forget_expired(self) -> None:
        """Remove what can be restored no more."""
        now = datetime.now(UTC)
        for bucket in self._records.buckets(deleted=True):
            async with self._locks.of(bucket.name):
                current = self._records.deleted_bucket(bucket.name)
                if current and _is_expired(current, now):
                    await self._remove(bucket.name)


def _is_expired(bucket: BucketRecord, now: datetime) -> bool:
    return bucket.hard_delete_time is not None and bucket.hard_delete_time <= now


def _project_bindings(project_number: int) -> Bindings:
    """The initial bindings of a bucket with uniform access, in place of ACLs
    (https://cloud.google.com/storage/docs/access-control/iam-roles#basic-roles-modifiable)."""
    owners, editors, viewers = (f"project-{team}-{project_number}" for team in ("owners", "editors", "viewers"))
    return {OBJECT_ROLES[Role.OWNER]: (editors, owners), OBJECT_ROLES[Role.READER]: (viewers,)}
