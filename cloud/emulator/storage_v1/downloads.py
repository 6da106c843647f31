"""Reads of an object's bytes, by the JSON API (``alt=media``) and the XML API."""

import re

from aiohttp import web

from cloud.emulator.storage_v1 import transcoding
from cloud.emulator.storage_v1.call import Call
from cloud.emulator.storage_v1.entity_tags import check_tag, check_time, xml_tag
from cloud.emulator.storage_v1.messages import ATTRIBUTES, NO_HEADER, object_tag
from cloud.emulator.storage_v1.ranges import parse_range
from cloud.engine.storage.preconditions import NotModified
from cloud.engine.storage.records import ObjectRecord
from cloud.errors import NotFound

_ATTEMPTS = 5
_SANDBOX = {
    # A browser must not run what an object holds as a page of this address, which might read everything here. Google
    # serves objects from an address of their own; clients do not mind these headers.
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


async def get(call: Call) -> web.StreamResponse:
    """Stream the object, or the requested range of it."""
    for _ in range(_ATTEMPTS):
        [record] = await call.storage.objects.hashed([call.find_object()])
        headers = media_headers(record, xml_tag(record) if call.is_xml else object_tag(record))
        try:
            check_tag(call.request, headers["ETag"])
            if call.is_xml:
                check_time(call.request, record.update_time)
            return await _send(call, record, headers)
        except NotModified:
            return web.Response(status=304, headers=headers)
        except NotFound:
            # Replaced between reading the record and its media: the next attempt finds the new one.
            continue
    raise NotFound(f"No such object: {record.bucket}/{record.name}: it is replaced without end")


async def _send(call: Call, record: ObjectRecord, headers: dict[str, str]) -> web.StreamResponse:
    request, span = call.request, range(record.size)
    response = web.StreamResponse(headers=headers)
    gunzip = transcoding.is_wanted(request.headers, record.attributes) and await _is_gzip(call, record)
    if gunzip:
        # The whole object, even if a range is requested; its length is not known beforehand.
        for name in ("Accept-Ranges", "Content-Encoding"):
            response.headers.popall(name)
        response.headers["Warning"] = "214 UploadServer gunzipped"
        response.headers["X-GUploader-Response-Body-Transformations"] = "gunzipped"
    else:
        requested = parse_range(request.headers.get("Range"), record.size)
        if requested is not None and not requested:
            sizes = {"Content-Range": f"bytes */{record.size}", "X-Goog-Stored-Content-Length": str(record.size)}
            return web.Response(status=416, text="The requested range cannot be satisfied.", headers=sizes)
        if requested is not None:
            span = requested
            response.set_status(206)
            response.headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{record.size}"
        response.content_length = len(span)
    if request.method == "HEAD":
        return response
    async with call.storage.objects.read(record, span) as blocks:
        await response.prepare(request)
        async for block in transcoding.gunzipped(blocks) if gunzip else blocks:
            await response.write(block)
    await response.write_eof()
    return response


async def _is_gzip(call: Call, record: ObjectRecord) -> bool:
    start = range(min(record.size, len(transcoding.MAGIC)))
    async with call.storage.objects.read(record, start) as blocks:
        return b"".join([block async for block in blocks]) == transcoding.MAGIC


def media_headers(record: ObjectRecord, tag: str) -> dict[str, str]:
    """https://cloud.google.com/storage/docs/xml-api/reference-headers."""
    attributes = record.attributes
    hashes = [f"crc32c={record.crc32c}"] + ([f"md5={record.md5}"] if record.md5 else [])
    headers = {
        "Content-Type": "application/octet-stream",
        "Accept-Ranges": "bytes",
        "ETag": tag,
        "Last-Modified": record.update_time.strftime("%a, %d %b %Y %H:%M:%S GMT"),
        "Cache-Control": "private, max-age=0",
        "X-Goog-Generation": str(record.generation),
        "X-Goog-Metageneration": str(record.metageneration),
        "X-Goog-Hash": ",".join(hashes),
        "X-Goog-Storage-Class": "STANDARD",
        "X-Goog-Stored-Content-Length": str(record.size),
        "X-Goog-Stored-Content-Encoding": attributes.content_encoding or "identity",
    }
    given = {header: getattr(attributes, field) for field, header in ATTRIBUTES.values()}
    # Metadata may be any text; entries that cannot be sent as a header are only in the resource.
    custom = {
        f"X-Goog-Meta-{name}": value
        for name, value in attributes.metadata.items()
        if _HEADER_NAME.fullmatch(name) and not NO_HEADER.search(value)
    }
    return headers | _SANDBOX | custom | {header: value for header, value in given.items() if value}
