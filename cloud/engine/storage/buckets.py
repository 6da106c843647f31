"""Buckets: made, found, changed and deleted, each with the permission it takes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cloud.engine.storage import policy
from cloud.engine.storage.debris import Debris
from cloud.engine.storage.media import MediaStore
from cloud.engine.storage.policy import Acl, Principal
from cloud.engine.storage.preconditions import ALWAYS, Preconditions
from cloud.engine.storage.records import BucketRecord, Records
from cloud.errors import AlreadyExists, CloudError, FailedPrecondition, NotFound
from cloud.names import check_bucket


class BucketNotEmpty(FailedPrecondition):
    """A bucket that holds objects is not deleted."""

    http_status = 409


class Buckets:
    def __init__(self, records: Records, media: MediaStore, debris: Debris, project_number: int) -> None:
        self._records = records
        self._media = media
        self._debris = debris
        self._project_number = project_number

    def find(self, principal: Principal, permission: str, name: str) -> BucketRecord:
        """The bucket, if ``principal`` has this permission on it.

        Raises:
            NotFound: no such bucket.
            PermissionDenied, Unauthenticated: see ``policy.require``.
        """
        record = self.known(name)
        policy.require(principal, permission, record.acl)
        return record

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
    ) -> BucketRecord:
        """Make a bucket; its lists are ``projectPrivate`` unless given.

        Raises:
            InvalidArgument: an illegal name.
            AlreadyExists: the name is taken.
        """
        check_bucket(name)
        policy.require(principal, "storage.buckets.create", {})
        if self._records.bucket(name):
            raise AlreadyExists(
                "Your previous request to create the named bucket succeeded and you already own it. "
                f"Choose another name than {name!r}."
            )
        team = policy.predefined_acl("projectPrivate", principal.email, self._project_number, of_object=False)
        now = datetime.now(UTC)
        record = BucketRecord(
            name=name,
            location=location.upper(),
            storage_class=storage_class,
            create_time=now,
            update_time=now,
            acl=dict(team if acl is None else acl),
            default_acl=dict(team if default_acl is None else default_acl),
            labels=dict(labels or {}),
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
        policy.require(principal, "storage.buckets.list", {})
        return self._records.buckets()

    def patch(
        self, principal: Principal, name: str, changes: Mapping[str, Any], conditions: Preconditions = ALWAYS
    ) -> BucketRecord:
        """Change fields of the record (``labels``, ``storage_class``, ``acl``, ``default_acl``)."""
        record = self.find(principal, "storage.buckets.update", name)
        if {"acl", "default_acl"} & changes.keys():
            policy.require(principal, "storage.buckets.setIamPolicy", record.acl)
        conditions.check(record)
        changed = record.changed(**changes)
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
