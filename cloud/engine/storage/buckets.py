"""Buckets: made, found, changed and deleted, each with the permission it takes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cloud.engine.principal import Principal
from cloud.engine.storage import policy
from cloud.engine.storage.garbage import Debris
from cloud.engine.storage.guard import Guard
from cloud.engine.storage.media import MediaStore
from cloud.engine.storage.policy import Acl, Bindings, BucketAccess
from cloud.engine.storage.preconditions import ALWAYS, Preconditions
from cloud.engine.storage.records import BucketRecord, Records
from cloud.engine.storage.roles import OBJECT_ROLES, Role
from cloud.errors import AlreadyExists, CloudError, FailedPrecondition, NotFound
from cloud.names import check_bucket
from cloud.resources import Json

_DECIDING = {"acl", "default_acl", "uniform_since", "is_never_public"}


class BucketNotEmpty(FailedPrecondition):
    """A bucket that holds objects is not deleted."""

    http_status = 409


class Buckets:
    def __init__(self, records: Records, media: MediaStore, debris: Debris, guard: Guard, project_number: int) -> None:
        self._records = records
        self._media = media
        self._debris = debris
        self._guard = guard
        self._project_number = project_number
        self.owner = f"project-owners-{project_number}"
        """Whom lists call the owner of every bucket."""

    def find(self, principal: Principal, permission: str, name: str) -> BucketRecord:
        """The bucket, if ``principal`` has this permission on it.

        Raises:
            NotFound: no such bucket.
            PermissionDenied, Unauthenticated: see ``policy.refuse``.
        """
        record = self.known(name)
        self._guard.require(principal, permission, record)
        return record

    def has_lists(self, name: str) -> bool:
        """Whether the lists of this bucket and its objects count and are shown."""
        record = self._records.bucket(name)
        return record is not None and record.uniform_since is None

    def known(self, name: str) -> BucketRecord:
        """Raises:
        NotFound: no such bucket.
        """
        record = self._records.bucket(name)
        if record is None:
            raise NotFound(f"The specified bucket does not exist: {name[:260]!r}")
        return record

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
    ) -> BucketRecord:
        """Make a bucket; its lists are ``projectPrivate`` unless given.

        Raises:
            InvalidArgument: an illegal name, or lists for a bucket with uniform bucket-level access.
            PublicAccessPrevented: lists that name everyone, and public access prevention.
            AlreadyExists: the name is taken.
        """
        check_bucket(name)
        self._guard.require(principal, "storage.buckets.create", None)
        if self._records.bucket(name):
            raise AlreadyExists(
                "Your previous request to create the named bucket succeeded and you already own it. "
                f"Choose another name than {name!r}."
            )
        access = BucketAccess(is_uniform=is_uniform, is_never_public=is_never_public)
        if acl is not None or default_acl is not None:
            policy.check_lists_count(access, policy.CANNOT_CHANGE_OF_BUCKET)
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
            bindings=_of_the_team(self._project_number) if is_uniform else {},
            uniform_since=now if is_uniform else None,
            is_never_public=is_never_public,
            settings=dict(settings or {}),
        )
        self._records.put_bucket(record)
        try:
            # Its folder may be there from a bucket of that name that was deleted as we were killed.
            if not await self._media.make_bucket(name):
                raise AlreadyExists(
                    "The requested bucket name is not available. The bucket namespace is shared by all users of the "
                    "system. Please select a different name and try again."
                )
        except CloudError:
            self._records.delete_bucket(name)
            raise
        return record

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
        ``is_never_public``, ``settings``).

        Raises:
            ListsDisabled, PublicAccessPrevented: see ``insert``.
        """
        record = self.find(principal, "storage.buckets.update", name)
        if _DECIDING & changes.keys():
            self._guard.require(principal, "storage.buckets.setIamPolicy", record)
        conditions.check(record)
        if "acl" in changes:
            changes = {**changes, "acl": policy.with_owner(changes["acl"], self.owner)}
        changed = record.changed(**changes)
        for listed in {"acl", "default_acl"} & changes.keys():
            policy.check_lists_count(changed.access, policy.CANNOT_CHANGE_OF_BUCKET)
            policy.check_not_public(changed.access, *changes[listed])
        self._records.put_bucket(changed)
        return changed

    async def delete(self, principal: Principal, name: str, conditions: Preconditions = ALWAYS) -> None:
        """Raises:
        BucketNotEmpty: it holds objects.
        """
        record = self.find(principal, "storage.buckets.delete", name)
        conditions.check(record)
        if self._records.holds_objects(name):
            raise BucketNotEmpty("The bucket you tried to delete is not empty.")
        self._records.delete_bucket(name)
        await self._debris.settle()
        if self._records.bucket(name) is None:
            await self._media.drop_bucket(name)


def _of_the_team(project_number: int) -> Bindings:
    """What a bucket made with uniform access gives to its project, instead of the lists that objects would have:
    https://cloud.google.com/storage/docs/access-control/iam-roles#basic-roles-modifiable."""
    owners, editors, viewers = (f"project-{team}-{project_number}" for team in ("owners", "editors", "viewers"))
    return {OBJECT_ROLES[Role.OWNER]: (editors, owners), OBJECT_ROLES[Role.READER]: (viewers,)}
