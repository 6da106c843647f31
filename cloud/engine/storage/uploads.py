"""Resumable uploads: bytes received in chunks, across broken connections and restarts.

Protocol: https://cloud.google.com/storage/docs/performing-resumable-uploads. The number of bytes received is the length
of the upload's file, which is correct even after a crash within a chunk.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cloud.engine.principal import Principal
from cloud.engine.storage.database import Records
from cloud.engine.storage.errors import StorageFault
from cloud.engine.storage.objects import NewObject, Objects
from cloud.engine.storage.preconditions import Preconditions
from cloud.engine.storage.records import ObjectRecord, UploadRecord
from cloud.errors import InvalidArgument, NotFound, Unavailable

LIFETIME = timedelta(days=7)
"""Time after its start until which an upload can be resumed."""
MIN_CHUNK = 1 << 18
"""Bytes of every chunk but the last."""
_TOO_SHORT = (
    "Invalid request.  The number of bytes uploaded is required to be equal or greater than {least}, except for the "
    "final request (it's recommended to be the exact multiple of {least}).  The received request contained {length} "
    "bytes, which does not meet this requirement."
)


class BadChunk(StorageFault, InvalidArgument):
    is_bare_text = True


class ResumableUploads:
    def __init__(self, records: Records, objects: Objects, folder: Path) -> None:
        self._records = records
        self._objects = objects
        self._folder = folder
        self._writers: dict[str, int] = {}
        self._finishing: dict[str, asyncio.Task[ObjectRecord]] = {}

    def forget_expired(self) -> None:
        """Delete uploads past their lifetime, and files of finished ones."""
        for upload in self._records.uploads():
            if datetime.now(UTC) - upload.create_time > LIFETIME:
                self._records.delete_upload(upload.id)
        unfinished = {upload.id for upload in self._records.uploads() if upload.finished is None}
        for path in self._folder.iterdir():
            if path.name not in unfinished:
                path.unlink()

    def begin(self, principal: Principal, new: NewObject, declared_size: int | None) -> UploadRecord:
        """Raises the errors of ``Objects.insert``."""
        self._objects.check_insert(principal, new)
        conditions = new.conditions
        upload = UploadRecord(
            id=secrets.token_urlsafe(32),
            bucket=new.bucket,
            name=new.name,
            attributes=new.attributes,
            acl=new.acl,
            owner=principal.email,
            is_project_owner=principal.is_project_owner,
            create_time=datetime.now(UTC),
            conditions=(
                conditions.generation_match,
                conditions.generation_not_match,
                conditions.metageneration_match,
                conditions.metageneration_not_match,
            ),
            declared_size=declared_size,
            md5=new.md5,
            crc32c=new.crc32c,
            retention=new.retention,
            has_temporary_hold=new.has_temporary_hold,
            has_event_based_hold=new.has_event_based_hold,
        )
        (self._folder / upload.id).touch()
        self._records.put_upload(upload)
        return upload

    def get(self, upload_id: str) -> UploadRecord:
        """Raises:
        NotFound: no such upload, or it expired or was cancelled.
        """
        upload = self._records.upload(upload_id)
        if upload is None:
            raise NotFound("No such upload: its session is unknown, expired or cancelled. Begin a new one.")
        return upload

    def check_chunk(self, upload: UploadRecord, length: int | None, *, is_last: bool) -> None:
        """
        Args:
            length: bytes of a chunk; None if it is not known before it ends.

        Raises:
            BadChunk: it is too short, or an earlier one was: the upload cannot be continued.
        """
        if not upload.refusal and length is not None and length < MIN_CHUNK and not is_last:
            upload = replace(upload, refusal=_TOO_SHORT.format(least=MIN_CHUNK, length=length))
            self._records.put_upload(upload)
        if upload.refusal:
            raise BadChunk(upload.refusal, field="Content-Range")

    def received(self, upload: UploadRecord) -> int:
        """Number of bytes stored."""
        return upload.finished.size if upload.finished else (self._folder / upload.id).stat().st_size

    async def append(self, upload: UploadRecord, start: int, body: AsyncIterator[bytes], limit: int | None) -> int:
        """Append ``body``, whose first byte is byte ``start`` of the object; returns the number of bytes received.

        Bytes received before are skipped. If the connection breaks, the bytes before that are kept. A later request
        for the same upload takes over from one that still waits for bytes.

        Args:
            limit: maximum bytes of ``body``; None for no limit.

        Raises:
            InvalidArgument: ``body`` is longer than ``limit``.
            Unavailable: ``start`` is after the last byte received, or a later request took over.
        """
        received = self.received(upload)
        if start > received:
            raise Unavailable(
                f"Invalid request. According to the Content-Range header, the upload offset is {start} byte(s), "
                f"which exceeds already uploaded size of {received} byte(s)."
            )
        turn = self._writers[upload.id] = self._writers.get(upload.id, 0) + 1
        position = start
        with (self._folder / upload.id).open("ab", buffering=0) as file:
            async for block in body:
                if self._writers.get(upload.id) != turn:
                    raise Unavailable("another request continues this upload")
                if limit is not None and position + len(block) > start + limit:
                    raise InvalidArgument(f"the body is longer than its range of {limit} bytes", field="Content-Range")
                file.write(block[max(0, received - position) :])
                position += len(block)
        return max(received, position)

    async def finish(self, upload: UploadRecord) -> ObjectRecord:
        """Create the object. Idempotent: a repeated call returns the same object."""
        if upload.finished:
            return upload.finished
        task = self._finishing.get(upload.id)
        if task is None:
            task = self._finishing[upload.id] = asyncio.create_task(self._finish(upload))
            task.add_done_callback(lambda _: self._finishing.pop(upload.id))
        return await asyncio.shield(task)

    async def _finish(self, upload: UploadRecord) -> ObjectRecord:
        new = NewObject(
            upload.bucket,
            upload.name,
            upload.attributes,
            upload.acl,
            Preconditions(*upload.conditions),
            upload.md5,
            upload.crc32c,
            upload.retention,
            upload.has_temporary_hold,
            upload.has_event_based_hold,
        )
        principal = Principal(upload.owner, upload.is_project_owner)
        path = self._folder / upload.id
        with path.open("rb") as content:
            record = await self._objects.insert(principal, new, content, path.stat().st_size, upload=upload)
        path.unlink()
        self._writers.pop(upload.id, None)
        return record

    def cancel(self, upload: UploadRecord) -> None:
        """Delete the upload and its bytes."""
        self._records.delete_upload(upload.id)
        self._writers.pop(upload.id, None)
        (self._folder / upload.id).unlink(missing_ok=True)
