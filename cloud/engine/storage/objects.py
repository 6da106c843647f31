"""Objects: written whole, read by ranges, listed, changed, copied, composed and deleted, with permissions checked."""

import functools
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import IO, Any

from cloud.engine.principal import Principal
from cloud.engine.storage import checksums, encryption, object_names, policy
from cloud.engine.storage.buckets import Buckets
from cloud.engine.storage.database import ListedObject, Records
from cloud.engine.storage.garbage import Garbage
from cloud.engine.storage.guard import Guard
from cloud.engine.storage.keeping import retired
from cloud.engine.storage.listing import ListQuery, Page, list_page
from cloud.engine.storage.media import MediaGone
from cloud.engine.storage.pieces import NewKey, Pieces, Stored
from cloud.engine.storage.policy import Acl
from cloud.engine.storage.preconditions import ALWAYS, Preconditions
from cloud.engine.storage.public.buckets import PublicBuckets
from cloud.engine.storage.public.well_known import PublicObjectMissing
from cloud.engine.storage.records import (
    NO_ATTRIBUTES,
    Attributes,
    BucketRecord,
    ObjectRecord,
    ObjectRetention,
    UploadRecord,
)
from cloud.errors import NotFound, Unavailable
from cloud.names import check_object


@dataclass(frozen=True, slots=True)
class NewObject:
    """An object to be created."""

    bucket: str
    name: str
    attributes: Attributes = NO_ATTRIBUTES
    acl: Acl | None = None
    """None for the bucket's default ACL."""
    conditions: Preconditions = ALWAYS
    md5: str | None = None
    """Base64; the upload is refused unless its bytes match."""
    crc32c: str | None = None
    retention: ObjectRetention | None = None
    has_temporary_hold: bool | None = None
    has_event_based_hold: bool | None = None
    """None for the bucket's default."""


class Objects:
    def __init__(
        self,
        records: Records,
        pieces: Pieces,
        debris: Garbage,
        guard: Guard,
        buckets: Buckets,
        public: PublicBuckets,
    ) -> None:
        self._records = records
        self._public = public
        self._pieces = pieces
        self._garbage = debris
        self._guard = guard
        self._buckets = buckets

    # ---------------------------------------------------------------- writing

    def check_insert(self, principal: Principal, new: NewObject) -> BucketRecord:
        """Raise what ``insert`` would raise; called before a body is read."""
        check_object(new.name)
        bucket = self._buckets.find(principal, "storage.objects.create", new.bucket)
        current = self._records.object(new.bucket, new.name)
        if current:
            self._guard.require(principal, "storage.objects.delete", bucket, current.acl)
        if new.acl is not None:
            policy.check_acls_enabled(bucket.access, policy.CANNOT_INSERT_OF_OBJECT)
            policy.check_not_public(bucket.access, *new.acl)
        new.conditions.check(current)
        encryption.check_creation(bucket)
        return bucket

    async def insert(
        self, principal: Principal, new: NewObject, content: IO[bytes], size: int, *, upload: UploadRecord | None = None
    ) -> ObjectRecord:
        """Create or replace an object atomically.

        Args:
            upload: the resumable upload that this finishes.

        Raises:
            InvalidArgument: an illegal name, or the bytes do not match the announced hash.
            NotFound: no such bucket.
            ConditionNotMet: a precondition does not hold, before or after the bytes were stored.
        """
        self.check_insert(principal, new)
        async with self.new_media(new) as new_key:
            stored = await self._pieces.put(new.bucket, new_key, content, size)
            checksums.check("md5", new.md5, stored.md5)
            checksums.check("crc32c", new.crc32c, stored.crc32c)
            return self.commit(principal, new, stored, upload=upload)

    @asynccontextmanager
    async def new_media(self, new: NewObject) -> AsyncIterator[NewKey]:
        """Keys for the media of an object: garbage, unless the object is committed inside."""
        keys: list[str] = []

        def new_key() -> str:
            key = object_names.encode(new.name) + secrets.token_hex(8)
            self._records.register_media(new.bucket, key)
            keys.append(key)
            return key

        try:
            yield new_key
        except BaseException:
            for key in keys:
                self._garbage.clear(new.bucket, key)
            raise

    def commit(
        self,
        principal: Principal,
        new: NewObject,
        stored: Stored,
        *,
        upload: UploadRecord | None = None,
        finish: Callable[[ObjectRecord], None] | None = None,
        component_count: int | None = None,
        moved: ObjectRecord | None = None,
    ) -> ObjectRecord:
        """Make ``stored`` the live object of its name; checks again what ``check_insert`` does.

        Args:
            upload, finish: see ``Records.commit``.
            moved: the object that goes by the same step.

        Raises:
            ObjectHeld, RetentionPolicyNotMet: the object that it would replace is to be kept.
        """
        # No await between the check and the write of the record: no other request can interleave.
        bucket = self.check_insert(principal, new)
        owner = f"user-{principal.email}" if principal.email else ""
        now = datetime.now(UTC)
        record = ObjectRecord(
            bucket=new.bucket,
            name=new.name,
            pieces=stored.pieces,
            size=stored.size,
            generation=self._records.next_generation(),
            md5=stored.md5,
            crc32c=stored.crc32c,
            owner=principal.email,
            create_time=now,
            update_time=now,
            acl=policy.with_owner(bucket.default_acl if new.acl is None else new.acl, owner),
            attributes=replace(new.attributes, storage_class=new.attributes.storage_class or bucket.storage_class),
            component_count=component_count,
            retention=new.retention,
            has_temporary_hold=new.has_temporary_hold,
            has_event_based_hold=(bucket.holds_new_objects or None)
            if new.has_event_based_hold is None
            else new.has_event_based_hold,
        )
        replaced = self._records.object(new.bucket, new.name)
        self.retire(bucket, [old for old in (replaced, moved) if old], now, put=record, upload=upload, finish=finish)
        return record

    def retire(
        self,
        bucket: BucketRecord,
        old: Sequence[ObjectRecord],
        now: datetime,
        *,
        for_good: bool = False,
        put: ObjectRecord | None = None,
        upload: UploadRecord | None = None,
        finish: Callable[[ObjectRecord], None] | None = None,
    ) -> None:
        """Delete objects, or replace them by ``put``, in one step, with what stays of them; no permission is checked.

        Raises:
            ObjectHeld, RetentionPolicyNotMet: see ``retired``.
        """
        stays = [retired(record, bucket, now, for_good=for_good) for record in old]
        gone = [record for record, kept in zip(old, stays, strict=True) if kept is None]
        self._records.commit(*filter(None, (*stays, put)), gone=gone, upload=upload, finish=finish)
        for record in gone:
            self._garbage.clear_object(record)

    # ---------------------------------------------------------------- reading

    def get(
        self,
        principal: Principal,
        bucket: str,
        name: str,
        *,
        conditions: Preconditions = ALWAYS,
        generation: int | None = None,
        permission: str = "storage.objects.get",
    ) -> ObjectRecord:
        """Raises:
        NotFound: no such bucket or object, or it has another generation.
        PermissionDenied: also for an object that does not exist, unless ``principal`` may list the bucket.
        NotModified, ConditionNotMet: see ``Preconditions``.
        """
        record = self.find(principal, permission, bucket, name, generation)
        conditions.check(record, reading=permission == "storage.objects.get")
        return record

    def find(
        self, principal: Principal, permission: str, bucket: str, name: str, generation: int | None = None
    ) -> ObjectRecord:
        """An object, if ``principal`` has ``permission`` on it.

        Raises:
            NotFound, PermissionDenied: see ``get``.
        """
        holder = self._buckets.lookup(bucket)
        if bucket in self._public:
            record = self._public.object(bucket, name)
            record = record if record and generation in (None, record.generation) else None
        else:
            record = self._records.object(bucket, name, generation)
        if record is None:
            if not self._guard.grants(principal, "storage.objects.list", holder):
                self._guard.refuse(principal, permission, holder)
            text = f"No such object: {bucket}/{name}" + (f"#{generation}" if generation else "")
            raise PublicObjectMissing(text, bucket) if bucket in self._public else NotFound(text)
        self._guard.require(principal, permission, holder, record.acl)
        return record

    @asynccontextmanager
    async def read(self, record: ObjectRecord, span: range) -> AsyncIterator[AsyncIterator[bytes]]:
        """Stream the bytes of ``span`` of an object returned by ``get``. They stay until the end, even if the object is
        replaced or deleted meanwhile.

        Raises:
            NotFound: it was replaced or deleted before: ``get`` it again.
            Unavailable: the storage server closes the connection.
        """
        if not span:
            yield _nothing()
        elif record.bucket in self._public:
            async with self._public.read(record, span) as blocks:
                yield blocks
        else:
            async with AsyncExitStack() as stack:
                stack.enter_context(self._garbage.held(record))
                reading = self._pieces.read(record.bucket, record.pieces, span)
                try:
                    blocks = await stack.enter_async_context(reading)
                except (MediaGone, Unavailable) as error:
                    # fake-gcs-server fails in ways of its own where a file goes while it is opened.
                    if isinstance(error, Unavailable) and self._is_kept(record):
                        raise
                    raise NotFound(f"No such object: {record.bucket}/{record.name}#{record.generation}") from None
                yield blocks

    def _is_kept(self, record: ObjectRecord) -> bool:
        current = self._records.object(record.bucket, record.name, record.generation)
        return current is not None and current.pieces == record.pieces

    def list_page(self, principal: Principal, bucket: str, query: ListQuery) -> Page[ObjectRecord]:
        """Raises:
        NotFound: no such bucket.
        """
        self._buckets.find(principal, "storage.objects.list", bucket)
        if bucket in self._public:
            found = self._public.objects_from
            return list_page(lambda start: iter(()) if query.is_soft_deleted else found(bucket, start), query)
        records = self._records
        if query.is_soft_deleted:
            scan = functools.partial(self._restorable_from, bucket, datetime.now(UTC))
        elif query.has_versions:
            scan = functools.partial(records.versions_from, bucket)
        else:
            scan = functools.partial(records.objects_from, bucket)
        page = list_page(scan, query)
        return Page([item.record() for item in page.items], page.prefixes, page.next_page_token)

    def _restorable_from(self, bucket: str, now: datetime, start: str) -> Iterator[ListedObject]:
        listed = self._records.versions_from(bucket, start, soft_deleted=True)
        return (item for item in listed if item.record().is_restorable(now))

    async def hashed(self, records: Sequence[ObjectRecord]) -> list[ObjectRecord]:
        """``records`` with the hashes of their bytes, which for public buckets are computed when first shown."""
        return await self._public.hashed(records)

    # ---------------------------------------------------------------- changing

    def patch(
        self,
        principal: Principal,
        bucket: str,
        name: str,
        changes: Mapping[str, Any],
        *,
        acl: Acl | None = None,
        kept: Mapping[str, Any] = MappingProxyType({}),
        conditions: Preconditions = ALWAYS,
        generation: int | None = None,
    ) -> ObjectRecord:
        """Change attributes; keeps the generation, increments the metageneration.

        Args:
            changes: fields of ``Attributes``.
            kept: fields of the record: holds and retention.
        """
        record = self.find(principal, "storage.objects.update", bucket, name, generation)
        if acl is not None:
            holder = self._buckets.lookup(bucket)
            self._guard.require(principal, "storage.objects.setIamPolicy", holder, record.acl)
            policy.check_acls_enabled(holder.access, policy.CANNOT_CHANGE_OF_OBJECT)
            policy.check_not_public(holder.access, *acl)
        conditions.check(record)
        changed = record.changed(
            attributes=replace(record.attributes, **changes),
            acl=record.acl if acl is None else policy.with_owner(acl, record.owner_entity),
            **kept,
        )
        self._records.commit(changed)
        return changed

    def put_acl(self, bucket: str, name: str, acl: Acl, generation: int | None = None) -> ObjectRecord:
        """Replace the ACL of an object that ``get`` just returned."""
        record = self._records.object(bucket, name, generation)
        if record is None:
            raise NotFound(f"No such object: {bucket}/{name}")
        changed = record.changed(acl=acl)
        self._records.commit(changed)
        return changed

    def delete(
        self,
        principal: Principal,
        bucket: str,
        name: str,
        *,
        conditions: Preconditions = ALWAYS,
        generation: int | None = None,
    ) -> None:
        """Delete the live version, which stays as a noncurrent one in a bucket with versions; or with ``generation``
        that version, for good.

        Raises:
            ObjectHeld, RetentionPolicyNotMet: it is to be kept.
        """
        record = self.find(principal, "storage.objects.delete", bucket, name, generation)
        conditions.check(record)
        self.retire(self._buckets.lookup(bucket), [record], datetime.now(UTC), for_good=generation is not None)


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""
