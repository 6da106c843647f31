"""Reads of an object's bytes, by the JSON API (``alt=media``) and the XML API."""

from aiohttp import web

from cloud.emulator.storage_v1.call import Call
from cloud.emulator.storage_v1.ranges import RangeNotSatisfiable, parse_range
from cloud.engine.storage.preconditions import Preconditions
from cloud.engine.storage.records import ObjectRecord
from cloud.engine.storage.service import StorageService
from cloud.errors import NotFound

_ATTEMPTS = 5


class Downloads:
    def __init__(self, storage: StorageService) -> None:
        self._objects = storage.objects

    async def get(self, call: Call, conditions: Preconditions | None = None) -> web.StreamResponse:
        """The object of the call's path, or the range of it that is asked for; streamed.

        Args:
            conditions: instead of those in the call's query.
        """
        conditions = call.conditions() if conditions is None else conditions
        for _ in range(_ATTEMPTS):
            record = self._objects.get(
                call.principal,
                call.path["bucket"],
                call.path["object"],
                conditions=conditions,
                generation=call.integer("generation"),
            )
            try:
                return await self._send(call, record)
            except NotFound:
                # Replaced between the look at the record and the first byte: the next look finds the new one.
                continue
        raise NotFound(f"No such object: {record.bucket}/{record.name}: it is replaced without end")

    async def _send(self, call: Call, record: ObjectRecord) -> web.StreamResponse:
        request = call.request
        headers = media_headers(record)
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return web.Response(status=304, headers=headers)
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


def media_headers(record: ObjectRecord) -> dict[str, str]:
    """https://cloud.google.com/storage/docs/xml-api/reference-headers#responsehdrs"""
    attributes = record.attributes
    hashes = [f"crc32c={record.crc32c}"] + ([f"md5={record.md5}"] if record.md5 else [])
    headers = {
        "Content-Type": attributes.content_type or "application/octet-stream",
        "Accept-Ranges": "bytes",
        "ETag": f'"{record.generation}-{record.metageneration}"',
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
    return headers | {name: value for name, value in said.items() if value}
