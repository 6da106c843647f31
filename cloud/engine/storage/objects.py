"""Objects: written whole, read by ranges, listed, changed, copied, composed and deleted, with permissions checked."""

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import IO, Any

from cloud.engine.principal import Principal
from cloud.engine.storage import object_names, policy
from cloud.engine.storage.buckets import Buckets
from cloud.engine.storage.garbage import Garbage
from cloud.engine.storage.guard import Guard
from cloud.engine.storage.listing import ListQuery, Page, list_page
from cloud.engine.storage.media import MediaGone, MediaStore, Stored
from cloud.engine.storage.policy import Acl
from cloud.engine.storage.preconditions import ALWAYS, Preconditions
from cloud.engine.storage.public.buckets import PublicBuckets
from cloud.engine.storage.public.well_known import PublicObjectMissing
from cloud.engine.storage.records import NO_ATTRIBUTES, Attributes, BucketRecord, ObjectRecord, Records, UploadRecord
from cloud.errors import InvalidArgument, NotFound, Unavailable
from cloud.names import check_object

MAX_COMPOSED = 32
"""Sources of one compose (https://cloud.google.com/storage/docs/composite-objects)."""


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


class Objects:
    def __init__(
        self,
        records: Records,
        media: MediaStore,
        debris: Garbage,
        guard: Guard,
        buckets: Buckets,
        public: PublicBuckets,
    ) -> None:
        self._records = records
        self._public = public
        self._media = media
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
        async with self._new_media(new) as key:
            stored = await self._media.put(new.bucket, key, content, size)
            for name, announced, found in (("md5Hash", new.md5, stored.md5), ("crc32c", new.crc32c, stored.crc32c)):
                if announced not in (None, found):
                    raise InvalidArgument(
                        f"Provided {name} {announced!r} doesn't match calculated {name} {found!r}.", field=name
                    )
            return self._commit(principal, new, key, stored, upload=upload)

    @asynccontextmanager
    async def _new_media(self, new: NewObject) -> AsyncIterator[str]:
        key = object_names.encode(new.name) + secrets.token_hex(8)
        self._records.register_media(new.bucket, key)
        try:
            yield key
        except BaseException:
            self._garbage.clear(new.bucket, key)
            raise

    def _commit(
        self,
        principal: Principal,
        new: NewObject,
        key: str,
        stored: Stored,
        *,
        upload: UploadRecord | None = None,
        component_count: int | None = None,
    ) -> ObjectRecord:
        # No await between the check and the write of the record: no other request can interleave.
        bucket = self.check_insert(principal, new)
        replaced = self._records.object(new.bucket, new.name)
        owner = f"user-{principal.email}" if principal.email else ""
        now = datetime.now(UTC)
        record = ObjectRecord(
            bucket=new.bucket,
            name=new.name,
            media=key,
            size=stored.size,
            generation=self._records.next_generation(),
            md5=None if component_count else stored.md5,
            crc32c=stored.crc32c,
            owner=principal.email,
            create_time=now,
            update_time=now,
            acl=policy.with_owner(bucket.default_acl if new.acl is None else new.acl, owner),
            attributes=replace(new.attributes, storage_class=new.attributes.storage_class or bucket.storage_class),
            component_count=component_count,
        )
        self._records.put_object(record, upload)
        if replaced:
            self._garbage.clear(replaced.bucket, replaced.media)
        return record

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
        record = self._find(principal, permission, bucket, name, generation)
        conditions.check(record, reading=permission == "storage.objects.get")
        return record

    def _find(
        self, principal: Principal, permission: str, bucket: str, name: str, generation: int | None = None
    ) -> ObjectRecord:
        holder = self._buckets.lookup(bucket)
        record = (self._public if bucket in self._public else self._records).object(bucket, name)
        if record is None or generation not in (None, record.generation):
            if not self._guard.grants(principal, "storage.objects.list", holder):
                self._guard.refuse(principal, permission, holder)
            text = f"No such object: {bucket}/{name}" + (f"#{generation}" if generation else "")
            raise PublicObjectMissing(text, bucket) if bucket in self._public else NotFound(text)
        self._guard.require(principal, permission, holder, record.acl)
        return record

    @asynccontextmanager
    async def read(self, record: ObjectRecord, span: range) -> AsyncIterator[AsyncIterator[bytes]]:
        """Stream the bytes of ``span`` of an object returned by ``get``.

        Raises:
            NotFound: it was replaced or deleted meanwhile: ``get`` it again.
            Unavailable: the storage server closes the connection.
        """
        try:
            if span and record.bucket in self._public:
                async with self._public.read(record, span) as blocks:
                    yield blocks
            elif span:
                async with self._media.read(record.bucket, record.media, span) as blocks:
                    yield blocks
            else:
                yield _nothing()
        except MediaGone:
            raise NotFound(f"No such object: {record.bucket}/{record.name}#{record.generation}") from None

    def list_page(self, principal: Principal, bucket: str, query: ListQuery) -> Page[ObjectRecord]:
        """Raises:
        NotFound: no such bucket.
        """
        self._buckets.find(principal, "storage.objects.list", bucket)
        holder = self._public if bucket in self._public else self._records
        return list_page(lambda start: holder.objects_from(bucket, start), query)

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
        conditions: Preconditions = ALWAYS,
        generation: int | None = None,
    ) -> ObjectRecord:
        """Change attributes; keeps the generation, increments the metageneration."""
        record = self._find(principal, "storage.objects.update", bucket, name, generation)
        if acl is not None:
            holder = self._buckets.lookup(bucket)
            self._guard.require(principal, "storage.objects.setIamPolicy", holder, record.acl)
            policy.check_acls_enabled(holder.access, policy.CANNOT_CHANGE_OF_OBJECT)
            policy.check_not_public(holder.access, *acl)
        conditions.check(record)
        changed = record.changed(
            attributes=replace(record.attributes, **changes),
            acl=record.acl if acl is None else policy.with_owner(acl, record.owner_entity),
        )
        self._records.put_object(changed)
        return changed

    def put_acl(self, bucket: str, name: str, acl: Acl) -> ObjectRecord:
        """Replace the ACL of an object that ``get`` just returned."""
        record = self._records.object(bucket, name)
        if record is None:
            raise NotFound(f"No such object: {bucket}/{name}")
        changed = record.changed(acl=acl)
        self._records.put_object(changed)
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
        record = self._find(principal, "storage.objects.delete", bucket, name, generation)
        conditions.check(record)
        self._records.delete_object(bucket, name)
        self._garbage.clear(bucket, record.media)

    async def copy(
        self,
        principal: Principal,
        source: ObjectRecord,
        new: NewObject,
        *,
        keep_attributes: bool,
    ) -> ObjectRecord:
        """Copy an object returned by ``get``, with its attributes (``keep_attributes``) or those of ``new``."""
        if keep_attributes:
            new = replace(new, attributes=source.attributes)
        self.check_insert(principal, new)
        async with self._new_media(new) as key:
            if source.bucket in self._public:
                with self._public.open(source) as content:
                    stored = await self._media.put(new.bucket, key, content, source.size)
            else:
                stored = await self._media.copy(source.bucket, source.media, new.bucket, key)
            return self._commit(principal, new, key, stored, component_count=source.component_count)

    async def move(
        self,
        principal: Principal,
        new: NewObject,
        name: str,
        *,
        conditions: Preconditions = ALWAYS,
        generation: int | None = None,
    ) -> ObjectRecord:
        """Rename an object within its bucket; requires the permissions to delete the one and to create the other.

        Args:
            name: the object's current name.
            conditions: on that object; those in ``new`` apply to the object that is replaced.

        Raises:
            InvalidArgument: both names are the same.
            Unavailable: the object was replaced meanwhile.
        """
        if name == new.name:
            raise InvalidArgument("an object cannot be moved to itself", field="destinationObject")

        def find() -> ObjectRecord:
            found = self._find(principal, "storage.objects.delete", new.bucket, name, generation)
            conditions.check(found)
            return found

        source = find()
        new = replace(new, attributes=source.attributes, acl=None)
        self.check_insert(principal, new)
        async with self._new_media(new) as key:
            stored = await self._media.copy(source.bucket, source.media, new.bucket, key)
            if find().media != source.media:
                raise Unavailable("the object was replaced while it was moved: try again")
            record = self._commit(principal, new, key, stored, component_count=source.component_count)
        self._records.delete_object(source.bucket, source.name)
        self._garbage.clear(source.bucket, source.media)
        return record

    async def compose(
        self, principal: Principal, new: NewObject, sources: Sequence[tuple[str, int | None, Preconditions]]
    ) -> ObjectRecord:
        """Concatenate objects of the bucket, given by name, generation and conditions, to one of their storage class.

        Raises:
            InvalidArgument: no sources, more than 32, or several storage classes.
            NotFound: a source does not exist.
        """
        if not 1 <= len(sources) <= MAX_COMPOSED:
            raise InvalidArgument(
                f"The number of source components provided ({len(sources)}) is not between 1 and {MAX_COMPOSED}.",
                field="sourceObjects",
            )
        self.check_insert(principal, new)
        parts = [
            self.get(principal, new.bucket, name, generation=generation, conditions=conditions)
            for name, generation, conditions in sources
        ]
        storage_class, *others = {part.attributes.storage_class for part in parts}
        if others:
            raise InvalidArgument("The source objects must have one storage class.", field="sourceObjects")
        new = replace(new, attributes=replace(new.attributes, storage_class=storage_class))
        count = sum(part.component_count or 1 for part in parts)
        async with self._new_media(new) as key:
            stored = await self._media.compose(new.bucket, [part.media for part in parts], key)
            if stored.size != sum(part.size for part in parts):
                raise Unavailable("a source changed while it was composed: try again")
            return self._commit(principal, new, key, stored, component_count=count)


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""
