"""Reads of an object's bytes, by the JSON API (``alt=media``) and the XML API."""

import re
from collections.abc import Mapping

from aiohttp import web
from multidict import CIMultiDict

from cloud.emulator.rest.errors import ErrorStyle, error_response
from cloud.emulator.storage_v1 import transcoding
from cloud.emulator.storage_v1.call import Call
from cloud.emulator.storage_v1.entity_tags import check_tag, check_time, xml_tag
from cloud.emulator.storage_v1.messages import ATTRIBUTES, NO_HEADER, object_tag
from cloud.emulator.storage_v1.ranges import parse_range
from cloud.engine.storage.errors import StorageFault
from cloud.engine.storage.preconditions import NotModified
from cloud.engine.storage.records import ObjectRecord
from cloud.errors import InvalidArgument, NotFound

_ATTEMPTS = 5


class RangeNotSatisfiable(StorageFault, InvalidArgument):
    """It begins after the object's end (RFC 9110 §15.5.17)."""

    http_status = 416
    xml_message = "The requested range cannot be satisfied."


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
        headers.extend(hash_headers(record.crc32c, record.md5, is_xml=call.is_xml))
        if call.is_xml:
            headers.update(_wanted_headers(call))
            if _is_amazon_client(call.request):
                headers.update(_amazon_names(headers))
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


def _is_amazon_client(request: web.Request) -> bool:
    """Whether it is sent by a client of Amazon S3, which reads metadata from headers of its own names."""
    return any(name.lower().startswith(("x-amz-", "amz-sdk-")) for name in request.headers)


def _amazon_names(headers: Mapping[str, str]) -> dict[str, str]:
    prefix = "X-Goog-Meta-"
    metadata = {name: value for name, value in headers.items() if name.startswith(prefix)}
    return {name.replace(prefix, "X-Amz-Meta-", 1): value for name, value in metadata.items()} | {
        "X-Amz-Version-Id": headers["X-Goog-Generation"]
    }


def _wanted_headers(call: Call) -> dict[str, str]:
    """Those that the address names: signers make a browser save what it would show, and under another name.

    Raises:
        InvalidArgument: one is none.
    """
    wanted = {f"response-{header.lower()}": header for header in ("Content-Type", "Content-Disposition")}
    found = {header: call.query[name] for name, header in wanted.items() if call.query.get(name)}
    for header, value in found.items():
        if NO_HEADER.search(value):
            raise InvalidArgument(
                f"text without control characters is expected, not {value[:100]!r}", field=f"response-{header.lower()}"
            )
    return found


async def _send(call: Call, record: ObjectRecord, headers: CIMultiDict[str]) -> web.StreamResponse:
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
            refusal = error_response(
                RangeNotSatisfiable("Request range not satisfiable"),
                ErrorStyle.XML if call.is_xml else ErrorStyle.TEXT,
            )
            refusal.headers.update(sizes)
            return refusal
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


def media_headers(record: ObjectRecord, tag: str) -> CIMultiDict[str]:
    """https://cloud.google.com/storage/docs/xml-api/reference-headers."""
    attributes = record.attributes
    headers = {
        "Content-Type": "application/octet-stream",
        "Accept-Ranges": "bytes",
        "ETag": tag,
        "Last-Modified": record.update_time.strftime("%a, %d %b %Y %H:%M:%S GMT"),
        "Cache-Control": "private, max-age=0",
        "X-Goog-Generation": str(record.generation),
        "X-Goog-Metageneration": str(record.metageneration),
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
    single = headers | _SANDBOX | custom | {header: value for header, value in given.items() if value}
    return CIMultiDict(single)


def hash_headers(crc32c: str, md5: str | None, *, is_xml: bool) -> CIMultiDict[str]:
    """In the XML API each hash has a header of its own: Google's client for Go verifies none that is joined to another.
    In the JSON API they have one, joined by a comma without a space: so its client for Python reads them."""
    hashes = [f"{kind}={value}" for kind, value in {"crc32c": crc32c, "md5": md5}.items() if value]
    return CIMultiDict([("X-Goog-Hash", value) for value in (hashes if is_xml else [",".join(hashes)])])
