"""New objects from others: copied, moved, composed, restored."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from cloud.engine.principal import Principal
from cloud.engine.storage import crc32c
from cloud.engine.storage.buckets import Buckets
from cloud.engine.storage.database import Records
from cloud.engine.storage.garbage import Garbage
from cloud.engine.storage.objects import NewObject, Objects
from cloud.engine.storage.pieces import NewKey, Pieces, Stored
from cloud.engine.storage.preconditions import ALWAYS, Preconditions
from cloud.engine.storage.public.buckets import PublicBuckets
from cloud.engine.storage.records import ObjectRecord
from cloud.errors import InvalidArgument, NotFound, Unavailable

MAX_COMPOSED = 32
"""Sources of one compose (https://cloud.google.com/storage/docs/composite-objects)."""


class Copies:
    def __init__(
        self,
        records: Records,
        buckets: Buckets,
        objects: Objects,
        pieces: Pieces,
        garbage: Garbage,
        public: PublicBuckets,
    ) -> None:
        self._records = records
        self._buckets = buckets
        self._objects = objects
        self._pieces = pieces
        self._garbage = garbage
        self._public = public

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
        self._objects.check_insert(principal, new)
        async with self._objects.new_media(new) as new_key:
            if source.bucket in self._public:
                with self._public.open(source) as content:
                    stored = await self._pieces.put(new.bucket, new_key, content, source.size)
            else:
                stored = await self._copied(source, new.bucket, new_key)
            return self._objects.commit(principal, new, stored, component_count=source.component_count)

    async def _copied(self, source: ObjectRecord, bucket: str, new_key: NewKey) -> Stored:
        with self._garbage.held(source):
            pieces = await self._pieces.copy(source.bucket, source.pieces, bucket, new_key)
        return Stored(pieces, source.size, source.md5, source.crc32c)

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
            Unavailable: the object was replaced or changed meanwhile.
        """
        if name == new.name:
            raise InvalidArgument("an object cannot be moved to itself", field="destinationObject")

        def find() -> ObjectRecord:
            found = self._objects.find(principal, "storage.objects.delete", new.bucket, name, generation)
            conditions.check(found)
            return found

        source = find()
        new = replace(new, attributes=source.attributes, acl=None)
        self._objects.check_insert(principal, new)
        async with self._objects.new_media(new) as new_key:
            stored = await self._copied(source, new.bucket, new_key)
            if find() != source:
                raise Unavailable("the object was replaced or changed while it was moved: try again")
            return self._objects.commit(principal, new, stored, component_count=source.component_count, moved=source)

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
        self._objects.check_insert(principal, new)
        parts = [
            self._objects.get(principal, new.bucket, name, generation=generation, conditions=conditions)
            for name, generation, conditions in sources
        ]
        storage_class, *others = {part.attributes.storage_class for part in parts}
        if others:
            raise InvalidArgument("The source objects must have one storage class.", field="sourceObjects")
        new = replace(new, attributes=replace(new.attributes, storage_class=storage_class))
        count = sum(part.component_count or 1 for part in parts)
        async with self._objects.new_media(new) as new_key:
            with self._garbage.held(*parts):
                pieces = [piece for part in parts for piece in part.pieces]
                joined = await self._pieces.join(new.bucket, pieces, new_key)
            checksum = crc32c.joined([(part.crc32c, part.size) for part in parts])
            stored = Stored(joined, sum(part.size for part in parts), None, checksum)
            return self._objects.commit(principal, new, stored, component_count=count)

    # ---------------------------------------------------------------- soft-deleted objects

    def soft_deleted(
        self,
        principal: Principal,
        bucket: str,
        name: str,
        generation: int,
        permission: str = "storage.objects.get",
    ) -> ObjectRecord:
        """Raises:
        NotFound: no such version, it is not deleted, or it can be restored no more.
        InvalidArgument: it is to be restored, and the bucket does not keep what is deleted.
        """
        self._buckets.find(principal, permission, bucket)
        record = self._records.soft_deleted(bucket, name, generation)
        if record is None or not record.is_restorable(datetime.now(UTC)):
            if permission == "storage.objects.restore":
                self._check_keeps(bucket)
            raise NotFound(f"No such object: {bucket}/{name}#{generation}")
        return record

    async def restore(
        self,
        principal: Principal,
        bucket: str,
        name: str,
        generation: int,
        *,
        conditions: Preconditions = ALWAYS,
        with_acl: bool = False,
    ) -> ObjectRecord:
        """Make a new live object of a soft-deleted one, which stays.

        Args:
            conditions: on the live object that is replaced.
            with_acl: the new object has the old one's ACL; else the bucket's default.
        """
        source = self.soft_deleted(principal, bucket, name, generation, "storage.objects.restore")
        acl = source.acl if with_acl and self._buckets.has_acls(bucket) else None
        new = NewObject(bucket, name, source.attributes, acl, conditions)
        self._objects.check_insert(principal, new)
        async with self._objects.new_media(new) as new_key:
            stored = await self._copied(source, bucket, new_key)
            return self._objects.commit(principal, new, stored, component_count=source.component_count)

    def restorable(self, principal: Principal, bucket: str) -> list[ObjectRecord]:
        """Of each name the soft-deleted version that was live last.

        Raises:
            InvalidArgument: there is none, and the bucket does not keep what is deleted.
        """
        self._buckets.find(principal, "storage.objects.restore", bucket)
        now = datetime.now(UTC)
        latest: dict[str, ObjectRecord] = {}
        for listed in self._records.versions_from(bucket, "", soft_deleted=True):
            record = listed.record()
            if record.is_restorable(now):
                latest[record.name] = record
        if not latest:
            self._check_keeps(bucket)
        return list(latest.values())

    def _check_keeps(self, bucket: str) -> None:
        if not self._buckets.lookup(bucket).soft_delete.seconds:
            raise InvalidArgument("bucket soft delete policy must be set.", field="softDeletePolicy")
