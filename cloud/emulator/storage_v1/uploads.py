"""``storage.objects.insert`` in its three forms: media, multipart and resumable."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from aiohttp import web

from cloud.emulator.storage_v1 import messages
from cloud.emulator.storage_v1.call import Call, parse_object
from cloud.emulator.storage_v1.multipart import MultipartReader, boundary_of
from cloud.emulator.storage_v1.objects import new_object
from cloud.emulator.storage_v1.ranges import ContentRange, parse_content_range
from cloud.engine.storage.objects import NewObject
from cloud.engine.storage.records import ObjectRecord, UploadRecord
from cloud.engine.storage.service import StorageService
from cloud.errors import InvalidArgument
from cloud.resources import Json

_WHOLE = ContentRange(0, None, None)
_SMALLEST_PIECE = 1 << 18
"""Bytes, of all pieces but the last (https://cloud.google.com/storage/docs/performing-resumable-uploads)."""


class UploadMethods:
    def __init__(self, storage: StorageService) -> None:
        self._storage = storage
        self._objects = storage.objects
        self._uploads = storage.uploads

    async def insert(self, call: Call) -> web.StreamResponse | Json:
        if "upload_id" in call.query:
            return await self.resume(call)
        match call.query.get("uploadType"):
            case "media":
                return self._answer(call, await self._insert_media(call))
            case "multipart":
                return self._answer(call, await self._insert_multipart(call))
            case "resumable":
                return await self._begin(call)
            case other:
                raise InvalidArgument(f"media, multipart or resumable, not {other!r}", field="uploadType")

    async def _insert_media(self, call: Call) -> ObjectRecord:
        resource = {"contentType": call.request.headers.get("Content-Type")}
        new = with_hashes(call.request, new_object(call, self._storage.project_number, resource))
        self._objects.check_insert(call.principal, new)
        return await self.store(call, new, call.body())

    async def _insert_multipart(self, call: Call) -> ObjectRecord:
        boundary = boundary_of(call.request.headers.get("Content-Type", ""))
        reader = MultipartReader(call.body(), boundary)
        resource = parse_object(await reader.head())
        resource.setdefault("contentType", reader.media_type)
        new = new_object(call, self._storage.project_number, resource)
        self._objects.check_insert(call.principal, new)
        return await self.store(call, new, reader.media())

    async def store(self, call: Call, new: NewObject, body: AsyncIterator[bytes]) -> ObjectRecord:
        """Make an object of a body: all of it is here before any of it counts."""
        with self._storage.spool() as content:
            size = 0
            async for block in body:
                size += content.write(block)
            return await self._objects.insert(call.principal, new, content, size)

    async def _begin(self, call: Call) -> web.StreamResponse:
        resource = await call.json()
        headers = call.request.headers
        if headers.get("X-Upload-Content-Type"):
            resource.setdefault("contentType", headers["X-Upload-Content-Type"])
        new = new_object(call, self._storage.project_number, resource)
        declared = headers.get("X-Upload-Content-Length", "")
        size = int(declared) if re.fullmatch(r"[0-9]{1,18}", declared) else None
        upload = self._uploads.begin(call.principal, new, size)
        location = (
            f"{call.base_url}/upload/storage/v1/b/{upload.bucket}/o"
            f"?uploadType=resumable&name={quote(upload.name, safe='')}&upload_id={upload.id}"
        )
        return web.Response(headers={"Location": location, "X-GUploader-UploadID": upload.id})

    async def resume(self, call: Call) -> web.StreamResponse | Json:
        """Take a piece of a resumable upload, or say how far it is."""
        upload = self._uploads.get(call.query.get("upload_id", ""))
        header = call.request.headers.get("Content-Range")
        piece = parse_content_range(header) if header else _WHOLE
        if upload.finished:
            await _discard(call.request)
            return self._answer(call, upload.finished)
        received = self._uploads.received(upload)
        total = piece.total if piece.total is not None else upload.declared_size
        if piece.start is None:
            await _discard(call.request)
            # "bytes */N" only asks, except that it is also how a sender of unknown length says that N was all.
            total = piece.total
        else:
            _check_length(piece, total)
            limit = piece.length if header else total
            received = await self._uploads.append(upload, piece.start, call.body(), limit)
            if header is None or (piece.length is None and piece.total is None):
                # A piece of open length is the rest: its request's end, which came properly, is the object's.
                total = received if upload.declared_size is None else upload.declared_size
        if total is None or received < total:
            return self._incomplete(call, upload, received)
        if received > total:
            raise InvalidArgument(f"{received} bytes were sent of an object of {total}", field="Content-Range")
        # The sender knows the hash of what it made up as it went only now.
        return self._answer(call, await self._uploads.finish(replace(upload, **_announced(call.request))))

    async def cancel(self, call: Call) -> web.StreamResponse:
        self._uploads.cancel(self._uploads.get(call.query.get("upload_id", "")))
        return web.Response(status=499, reason="Client Closed Request")

    def _incomplete(self, call: Call, upload: UploadRecord, received: int) -> web.StreamResponse:
        headers = {"X-GUploader-UploadID": upload.id}
        if received:
            headers["Range"] = f"bytes=0-{received - 1}"
        if call.request.headers.get("X-GUploader-No-308", "").lower() == "yes":
            return web.Response(status=200, headers={**headers, "X-HTTP-Status-Code-Override": "308"})
        return web.Response(status=308, reason="Resume Incomplete", headers=headers)

    def _answer(self, call: Call, record: ObjectRecord) -> Json:
        full = call.query.get("projection") == "full" and self._storage.buckets.has_lists(record.bucket)
        return messages.object_to_json(record, call.base_url, full=full)


def with_hashes(request: web.Request, new: NewObject) -> NewObject:
    """``new`` with the hashes that headers announce (``Content-MD5``, ``X-Goog-Hash: crc32c=…,md5=…``)."""
    return replace(new, **_announced(request))


def _announced(request: web.Request) -> dict[str, Any]:
    announced: dict[str, Any] = {}
    if "Content-MD5" in request.headers:
        announced["md5"] = request.headers["Content-MD5"]
    for value in ",".join(request.headers.getall("X-Goog-Hash", [])).split(","):
        name, _, digest = value.strip().partition("=")
        if name in ("md5", "crc32c"):
            announced[name] = digest
    return announced


def _check_length(piece: ContentRange, total: int | None) -> None:
    if piece.start is None or piece.length is None or piece.length >= _SMALLEST_PIECE:
        return
    if piece.start + piece.length != total:
        raise InvalidArgument(
            f"Invalid request. The number of bytes uploaded is required to be equal or greater than {_SMALLEST_PIECE}, "
            f"except for the final request (it's recommended to be the exact multiple of {_SMALLEST_PIECE}). "
            f"The received request contained {piece.length} bytes, which does not meet this requirement.",
            field="Content-Range",
        )


async def _discard(request: web.Request) -> None:
    async for _ in request.content.iter_any():
        continue
