"""``storage.objects.insert`` and its three kinds of upload: media, multipart and resumable."""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import quote

from aiohttp import web

from cloud.emulator.storage_v1 import messages
from cloud.emulator.storage_v1.bodies import parse_body
from cloud.emulator.storage_v1.call import Call
from cloud.emulator.storage_v1.multipart import MultipartReader, boundary_of
from cloud.emulator.storage_v1.objects import new_object, object_answer
from cloud.emulator.storage_v1.ranges import ContentRange, parse_content_range
from cloud.engine.storage import checksums
from cloud.engine.storage.objects import NewObject
from cloud.engine.storage.records import ObjectRecord, UploadRecord
from cloud.errors import InvalidArgument
from cloud.resources import Json

T = TypeVar("T", NewObject, UploadRecord)
_WHOLE = ContentRange(0, None, None)


async def insert(call: Call) -> web.StreamResponse | Json:
    if "upload_id" in call.query:
        return await resume(call)
    match call.query.get("uploadType"):
        case "media":
            resource = {"contentType": call.request.headers.get("Content-Type")}
            return await _insert(call, resource, call.body())
        case "multipart":
            boundary = boundary_of(call.request.headers.get("Content-Type", ""))
            reader = MultipartReader(call.body(), boundary)
            resource = parse_body(await reader.head(), "Object")
            resource.setdefault("contentType", reader.media_type)
            return await _insert(call, resource, reader.media())
        case "resumable":
            return await _begin(call)
        case other:
            raise InvalidArgument(f"media, multipart or resumable, not {other!r}", field="uploadType")


async def insert_empty(call: Call) -> Json:
    """Without ``/upload`` in its path an insert has no media: the body is the resource."""
    resource = await call.json("Object")
    return await _insert(call, resource, call.request.content.iter_any())


async def _insert(call: Call, resource: dict[str, Any], body: AsyncIterator[bytes]) -> Json:
    new = with_announced_hashes(new_object(call, resource), call.request)
    return object_answer(call, await store(call, new, body), full=messages.has_acl(resource))


async def store(call: Call, new: NewObject, body: AsyncIterator[bytes]) -> ObjectRecord:
    """Create an object from a body, which is received completely before the object exists."""
    call.storage.objects.check_insert(call.principal, new)
    with call.storage.spool() as content:
        size = 0
        async for block in body:
            size += content.write(block)
        return await call.storage.objects.insert(call.principal, new, content, size)


async def _begin(call: Call) -> web.StreamResponse:
    resource = await call.json("Object")
    headers = call.request.headers
    if headers.get("X-Upload-Content-Type"):
        resource.setdefault("contentType", headers["X-Upload-Content-Type"])
    new = with_announced_hashes(new_object(call, resource), call.request)
    upload = call.storage.uploads.begin(call.principal, new, declared_size(headers))
    location = (
        f"{call.base_url}/upload/storage/v1/b/{upload.bucket}/o"
        f"?uploadType=resumable&name={quote(upload.name, safe='')}&upload_id={upload.id}"
    )
    # What the answer to the last chunk shows is asked for here.
    shown = {
        "projection": "full" if call.wants_acls(default=messages.has_acl(resource)) else "",
        "fields": call.query.get("fields"),
    }
    location += "".join(f"&{name}={quote(value, safe='')}" for name, value in shown.items() if value)
    return web.Response(headers={"Location": location, "X-GUploader-UploadID": upload.id})


def declared_size(headers: Mapping[str, str]) -> int | None:
    """How many bytes a resumable upload will have, if its start says so."""
    declared = headers.get("X-Upload-Content-Length", "")
    return int(declared) if re.fullmatch(r"[0-9]{1,18}", declared) else None


async def resume(call: Call) -> web.StreamResponse | Json:
    """Append a chunk to a resumable upload, or report how much of it was received."""
    done = await append(call)
    return object_answer(call, done) if isinstance(done, ObjectRecord) else done


async def append(call: Call) -> web.StreamResponse | ObjectRecord:
    """The same: the object when it is complete, the answer before."""
    uploads = call.storage.uploads
    upload = uploads.get(call.query.get("upload_id", ""))
    header = call.request.headers.get("Content-Range")
    chunk = parse_content_range(header) if header else _WHOLE
    if upload.finished:
        await call.request.release()
        return upload.finished
    received = uploads.received(upload)
    total = chunk.total if chunk.total is not None else upload.declared_size
    if chunk.start is None:
        await call.request.release()
        # "bytes */N" requests the status, and is also how a client that streamed an unknown length ends the upload.
        total = chunk.total
    else:
        is_last = chunk.length is not None and chunk.start + chunk.length == total
        uploads.check_chunk(upload, chunk.length, is_last=is_last)
        received = await uploads.append(upload, chunk.start, call.body(), chunk.length if header else total)
        if header is None or (chunk.length is None and chunk.total is None):
            # A chunk of open length is the last: the object ends where the request ends.
            total = received if upload.declared_size is None else upload.declared_size
    if total is None or received < total:
        return _incomplete(call, upload, received)
    if received > total:
        raise InvalidArgument(f"{received} bytes were sent of an object of {total}", field="Content-Range")
    # A client that streams knows the hash only at the end.
    return await uploads.finish(with_announced_hashes(upload, call.request))


async def cancel(call: Call) -> web.StreamResponse:
    uploads = call.storage.uploads
    uploads.cancel(uploads.get(call.query.get("upload_id", "")))
    return web.Response(status=499, reason="Client Closed Request")


def _incomplete(call: Call, upload: UploadRecord, received: int) -> web.StreamResponse:
    headers = {"X-GUploader-UploadID": upload.id}
    if received:
        headers["Range"] = f"bytes=0-{received - 1}"
    if call.request.headers.get("X-GUploader-No-308", "").lower() == "yes":
        return web.Response(status=200, headers={**headers, "X-HTTP-Status-Code-Override": "308"})
    return web.Response(status=308, reason="Resume Incomplete", headers=headers)


def with_announced_hashes(new: T, request: web.Request) -> T:
    """``new`` with the checksums in headers.

    Raises:
        InvalidArgument: one differs from another announcement of it: see ``checksums.agreed``.
    """
    found = {"md5": new.md5, "crc32c": new.crc32c}
    for kind, digest in announced_hashes(request).items():
        found[kind] = checksums.agreed(kind, found[kind], digest)
    return replace(new, md5=found["md5"], crc32c=found["crc32c"])


def announced_hashes(request: web.Request) -> dict[str, str]:
    """``md5`` and ``crc32c`` as headers announce them: ``Content-MD5``, ``X-Goog-Hash: crc32c=…,md5=…``.

    Raises:
        InvalidArgument: one is announced twice, and differs: see ``checksums.agreed``.
    """
    found: dict[str, str] = {}
    listed = [f"md5={request.headers.get('Content-MD5', '')}", *request.headers.getall("X-Goog-Hash", [])]
    for announcement in ",".join(listed).split(","):
        kind, _, digest = announcement.strip().partition("=")
        if kind in ("md5", "crc32c") and digest:
            found[kind] = checksums.agreed(kind, found.get(kind), digest)
    return found
