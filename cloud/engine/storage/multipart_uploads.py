"""Multipart uploads: parts received in any order and at the same time, across restarts, that become one object.

https://cloud.google.com/storage/docs/multipart-uploads. They never expire. Parts are stored like objects: at completion
their media becomes the object's, and no byte is copied.
"""

import functools
import secrets
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import IO

from cloud.engine.principal import Principal
from cloud.engine.storage import checksums, crc32c, policy
from cloud.engine.storage.buckets import Buckets
from cloud.engine.storage.garbage import Garbage
from cloud.engine.storage.multipart_errors import NoSuchUpload
from cloud.engine.storage.multipart_listing import UploadPage, UploadQuery, list_uploads
from cloud.engine.storage.multipart_parts import check_part, choose
from cloud.engine.storage.multipart_records import MultipartRecords, MultipartUpload, Part
from cloud.engine.storage.objects import NewObject, Objects
from cloud.engine.storage.pieces import Pieces, Stored
from cloud.engine.storage.records import ObjectRecord
from cloud.names import check_object

_REPEATED = timedelta(minutes=10)
"""How long after its completion an upload can be completed again, by a client that did not get the answer."""


class MultipartUploads:
    """Every method raises ``NotFound`` where there is no such bucket, and checks the caller's permissions."""

    def __init__(
        self, records: MultipartRecords, objects: Objects, buckets: Buckets, pieces: Pieces, garbage: Garbage
    ) -> None:
        self._records = records
        self._objects = objects
        self._buckets = buckets
        self._pieces = pieces
        self._garbage = garbage
        self._finished = deque(records.finished())

    def forget_finished(self) -> None:
        """Forget uploads that were completed some time ago."""
        while self._finished and _is_forgotten(self._finished[0]):
            self._records.delete(self._finished.popleft())

    def begin(self, principal: Principal, new: NewObject) -> MultipartUpload:
        """Preconditions of ``new`` are ignored, as by Google."""
        check_object(new.name)
        self._buckets.find(principal, "storage.multipartUploads.create", new.bucket)
        bucket = self._buckets.find(principal, "storage.objects.create", new.bucket)
        if new.acl is not None:
            policy.check_acls_enabled(bucket.access, policy.CANNOT_INSERT_OF_OBJECT)
            policy.check_not_public(bucket.access, *new.acl)
        self.forget_finished()
        upload = MultipartUpload(
            id=f"{time.time_ns():016x}{secrets.token_urlsafe(24)}",
            bucket=new.bucket,
            name=new.name,
            attributes=new.attributes,
            acl=new.acl,
            create_time=datetime.now(UTC),
        )
        self._records.put(upload)
        return upload

    def check_part(
        self, principal: Principal, bucket: str, name: str, upload_id: str, number: int, size: int
    ) -> MultipartUpload:
        """Raise what ``put_part`` would raise; called before a body is read.

        Args:
            size: that is announced, in bytes.
        """
        self._buckets.find(principal, "storage.objects.create", bucket)
        upload = self._find(principal, "create", bucket, name, upload_id)
        check_part(number, size)
        return upload

    async def put_part(
        self,
        principal: Principal,
        upload: MultipartUpload,
        number: int,
        content: IO[bytes],
        size: int,
        *,
        md5: str | None = None,
        crc32c: str | None = None,
    ) -> Part:
        """Store a part, or replace it. It is stored durably when this returns.

        Args:
            md5, crc32c: base64; the part is refused unless its bytes match.

        Raises:
            NoSuchUpload: also where the upload is completed or aborted meanwhile.
            CrcMismatch, BadDigest, InvalidDigest: see ``checksums.check``.
            EntityTooLarge
        """
        async with self._objects.new_media(NewObject(upload.bucket, upload.name)) as new_key:
            stored = await self._pieces.put(upload.bucket, new_key, content, size)
            checksums.check("crc32c", crc32c, stored.crc32c)
            checksums.check("md5", md5, stored.md5)
            self.check_part(principal, upload.bucket, upload.name, upload.id, number, size)
            part = Part(number, stored.pieces, size, stored.md5 or "", stored.crc32c, datetime.now(UTC))
            replaced = self._records.put_part(upload, part)
        self._clear(upload, replaced)
        return part

    def complete(
        self, principal: Principal, bucket: str, name: str, upload_id: str, wanted: Sequence[tuple[int, str]]
    ) -> ObjectRecord:
        """Make the object of its parts; the others are dropped. Idempotent for a while.

        Args:
            wanted: number and MD5 (hexadecimal) of each part, in order of number.

        Raises:
            NoSuchUpload, MalformedCompletion, InvalidPartOrder, InvalidPart, EntityTooSmall, EntityTooLarge
            CloudError: see ``Objects.insert``; the upload stays open.
        """
        upload = self._find(principal, "create", bucket, name, upload_id, may_be_finished=True)
        if upload.finished:
            return upload.finished
        parts = {part.number: part for part in self._records.parts(upload.id)}
        used = choose(parts, wanted)
        numbers = {part.number for part in used}
        unused = [part for number, part in parts.items() if number not in numbers]
        joined = Stored(
            pieces=tuple(piece for part in used for piece in part.pieces),
            size=sum(part.size for part in used),
            md5=None,
            crc32c=crc32c.joined([(part.crc32c, part.size) for part in used]),
        )
        record = self._objects.commit(
            principal,
            NewObject(bucket, name, upload.attributes, upload.acl),
            joined,
            finish=lambda record: self._records.finish(upload, record, unused),
        )
        self._finished.append(replace(upload, finished=record))
        self._clear(upload, unused)
        return record

    def abort(self, principal: Principal, bucket: str, name: str, upload_id: str) -> None:
        """Delete the upload and its parts."""
        upload = self._find(principal, "abort", bucket, name, upload_id)
        self._clear(upload, self._records.delete(upload))

    def list_parts(
        self, principal: Principal, bucket: str, name: str, upload_id: str, after: int, limit: int
    ) -> tuple[MultipartUpload, list[Part], bool]:
        """The upload, ``limit`` of its parts after number ``after``, and whether more follow."""
        upload = self._find(principal, "listParts", bucket, name, upload_id)
        parts = self._records.parts(upload.id, after, limit + 1)
        return upload, parts[:limit], len(parts) > limit

    def list_uploads(self, principal: Principal, bucket: str, query: UploadQuery) -> UploadPage[MultipartUpload]:
        """Those in progress."""
        self._buckets.find(principal, "storage.multipartUploads.list", bucket)
        return list_uploads(functools.partial(self._records.open_uploads, bucket), query)

    def _find(
        self,
        principal: Principal,
        verb: str,
        bucket: str,
        name: str,
        upload_id: str,
        *,
        may_be_finished: bool = False,
    ) -> MultipartUpload:
        self._buckets.find(principal, f"storage.multipartUploads.{verb}", bucket)
        upload = self._records.get(upload_id)
        if (
            upload is None
            or (upload.bucket, upload.name) != (bucket, name)
            or (upload.finished and (not may_be_finished or _is_forgotten(upload)))
        ):
            raise NoSuchUpload(f"No upload {upload_id[:200]!r} of {bucket}/{name} is in progress. Begin a new one.")
        return upload

    def _clear(self, upload: MultipartUpload, parts: Sequence[Part]) -> None:
        for part in parts:
            self._garbage.clear_pieces(upload.bucket, part.pieces)


def _is_forgotten(upload: MultipartUpload) -> bool:
    return upload.finished is not None and datetime.now(UTC) - upload.finished.create_time > _REPEATED
