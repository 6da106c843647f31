"""Reads of an object's bytes, by the JSON API (``alt=media``) and the XML API."""

import re

from aiohttp import web

from cloud.emulator.storage_v1 import transcoding
from cloud.emulator.storage_v1.call import Call
from cloud.emulator.storage_v1.entity_tags import check_tag, check_time, json_tag, xml_tag
from cloud.emulator.storage_v1.messages import NO_HEADER
from cloud.emulator.storage_v1.ranges import RangeNotSatisfiable, parse_range
from cloud.engine.storage.preconditions import NotModified, Preconditions
from cloud.engine.storage.records import ObjectRecord
from cloud.engine.storage.service import StorageService
from cloud.errors import NotFound

_ATTEMPTS = 5
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Downloads:
    def __init__(self, storage: StorageService) -> None:
        self._objects = storage.objects

    async def get(self, call: Call, xml_conditions: Preconditions | None = None) -> web.StreamResponse:
        """The object of the call's path, or the range of it that is asked for; streamed.

        Args:
            xml_conditions: those of a request of the XML API, in place of those in the call's query.
        """
        is_xml = xml_conditions is not None
        conditions = call.conditions() if xml_conditions is None else xml_conditions
        for _ in range(_ATTEMPTS):
            record = self._objects.get(
                call.principal,
                call.path["bucket"],
                call.path["object"],
                conditions=conditions,
                generation=call.integer("generation"),
            )
            headers = media_headers(record, xml_tag(record) if is_xml else json_tag(record))
            try:
                check_tag(call.request.headers, headers["ETag"])
                if is_xml:
                    check_time(call.request.headers, record.update_time)
                return await self._send(call, record, headers)
            except NotModified:
                return web.Response(status=304, headers=headers)
            except NotFound:
                # Replaced between the look at the record and the first byte: the next look finds the new one.
                continue
        raise NotFound(f"No such object: {record.bucket}/{record.name}: it is replaced without end")

    async def _send(self, call: Call, record: ObjectRecord, headers: dict[str, str]) -> web.StreamResponse:
        request = call.request
        if transcoding.is_wanted(request.headers, record.attributes) and await self._is_gzip(record):
            return await self._send_gunzipped(call, record, headers)
        try:
            span = parse_range(request.headers.get("Range"), record.size)
        except RangeNotSatisfiable as error:
            return web.Response(
                status=416,
                text=error.message,
                headers={"Content-Range": f"bytes */{record.size}", "X-Goog-Stored-Content-Length": str(record.size)},
            )
        whole = range(record.size)
        response = web.StreamResponse(status=200 if span is None else 206, headers=headers)
        if span is not None:
            response.headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{record.size}"
        span = whole if span is None else span
        response.content_length = len(span)
        if request.method == "HEAD":
            return response
        async with self._objects.read(record, span) as blocks:
            await response.prepare(request)
            async for block in blocks:
                await response.write(block)
        await response.write_eof()
        return response

    async def _is_gzip(self, record: ObjectRecord) -> bool:
        async with self._objects.read(record, range(min(record.size, len(transcoding.MAGIC)))) as blocks:
            return b"".join([block async for block in blocks]) == transcoding.MAGIC

    async def _send_gunzipped(self, call: Call, record: ObjectRecord, headers: dict[str, str]) -> web.StreamResponse:
        """All of it, also where a range is asked for; how much it is shows only at its end."""
        headers = {name: value for name, value in headers.items() if name not in ("Accept-Ranges", "Content-Encoding")}
        told = {"Warning": "214 UploadServer gunzipped", "X-GUploader-Response-Body-Transformations": "gunzipped"}
        response = web.StreamResponse(headers={**headers, **told})
        if call.request.method == "HEAD":
            return response
        async with self._objects.read(record, range(record.size)) as blocks:
            await response.prepare(call.request)
            async for block in transcoding.gunzipped(blocks):
                await response.write(block)
        await response.write_eof()
        return response


def media_headers(record: ObjectRecord, tag: str) -> dict[str, str]:
    """https://cloud.google.com/storage/docs/xml-api/reference-headers.

    Args:
        tag: the ``ETag``.
    """
    attributes = record.attributes
    hashes = [f"crc32c={record.crc32c}"] + ([f"md5={record.md5}"] if record.md5 else [])
    headers = {
        "Content-Type": attributes.content_type or "application/octet-stream",
        "Accept-Ranges": "bytes",
        "ETag": tag,
        "Last-Modified": record.update_time.strftime("%a, %d %b %Y %H:%M:%S GMT"),
        "Cache-Control": attributes.cache_control or "private, max-age=0",
        "X-Goog-Generation": str(record.generation),
        "X-Goog-Metageneration": str(record.metageneration),
        "X-Goog-Hash": ",".join(hashes),
        "X-Goog-Storage-Class": attributes.storage_class or "STANDARD",
        "X-Goog-Stored-Content-Length": str(record.size),
        "X-Goog-Stored-Content-Encoding": attributes.content_encoding or "identity",
    }
    said = {
        "Content-Encoding": attributes.content_encoding,
        "Content-Disposition": attributes.content_disposition,
        "Content-Language": attributes.content_language,
    }
    # Keys and values of metadata are any text; what cannot be a header is only in the resource.
    custom = {
        f"X-Goog-Meta-{name}": value
        for name, value in attributes.metadata.items()
        if _HEADER_NAME.fullmatch(name) and not NO_HEADER.search(value)
    }
    return headers | custom | {name: value for name, value in said.items() if value}
