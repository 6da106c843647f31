"""Pages of Cloud Storage: buckets, folders, and the beginning of an object's text.

Objects are other people's content: none is served as what it says it is, so that no page of a bucket runs here.
"""

import asyncio
from urllib.parse import quote

from aiohttp import web

from cloud.backends.base import Backend
from cloud.console.rendering import HEADERS, page
from cloud.engine.principal import Principal
from cloud.engine.storage.listing import ListQuery
from cloud.engine.storage.records import ObjectRecord
from cloud.engine.storage.service import StorageService
from cloud.errors import CloudError, InvalidArgument
from cloud.names import GsUri

_PAGE_SIZE = 200
_PREVIEW = 64 * 1024
_LARGEST_UPLOAD = 64 << 20


class StoragePages:
    """Args:
    owner: reads and lists.
    """

    def __init__(self, backend: Backend, storage: StorageService, owner: Principal) -> None:
        self._backend, self._storage, self._owner = backend, storage, owner

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/storage", self.buckets),
            web.post("/storage", self.make_bucket),
            web.get("/storage/{bucket}/object", self.object),
            web.get("/storage/{bucket}/download", self.download),
            web.get("/storage/{bucket}/", self.folder),
            web.post("/storage/{bucket}/", self.upload),
            web.post("/storage/{bucket}/delete", self.delete),
        ]

    async def buckets(self, request: web.Request) -> web.Response:
        return await self._show_buckets(request)

    async def _show_buckets(self, request: web.Request, name: str = "", error: str = "") -> web.Response:
        buckets = await self._backend.list_buckets()
        region = self._backend.region
        return page(request, "buckets.html", live="storage", buckets=buckets, region=region, name=name, error=error)

    async def make_bucket(self, request: web.Request) -> web.Response:
        form = await request.post()
        name, location = (str(form.get(field, "")).strip() for field in ("name", "location"))
        try:
            await self._backend.create_bucket(name, location=location or None)
        except CloudError as error:
            return await self._show_buckets(request, name, str(error))
        raise web.HTTPSeeOther(f"/storage/{quote(name)}/")

    async def folder(self, request: web.Request) -> web.Response:
        bucket, prefix = request.match_info["bucket"], request.query.get("prefix", "")
        query = ListQuery(
            prefix=prefix, delimiter="/", max_results=_PAGE_SIZE, page_token=request.query.get("page", "")
        )
        found = self._storage.objects.list_page(self._owner, bucket, query)
        parents = prefix.rstrip("/").split("/")[:-1] if prefix else []
        return page(
            request,
            "folder.html",
            live="storage",
            bucket=bucket,
            prefix=prefix,
            parents=[("/".join(parents[: depth + 1]) + "/", name) for depth, name in enumerate(parents)],
            here=prefix.rstrip("/").rpartition("/")[2],
            folders=[(each, each.removeprefix(prefix)) for each in found.prefixes],
            objects=[(each, each.name.removeprefix(prefix)) for each in found.items if each.name != prefix],
            next=found.next_page_token,
        )

    async def object(self, request: web.Request) -> web.Response:
        record = self._record(request)
        text = (await self._beginning(record)).decode(errors="replace")
        is_text = "\0" not in text and text.count("\ufffd") * 20 <= len(text)
        return page(
            request,
            "object.html",
            record=record,
            uri=GsUri(record.bucket, record.name),
            text=text if is_text else None,
            is_cut=record.size > _PREVIEW,
            most=_PREVIEW,
            folder=record.name.rpartition("/")[0],
        )

    async def download(self, request: web.Request) -> web.StreamResponse:
        record = self._record(request)
        name = quote(record.name.rpartition("/")[2] or record.name)
        response = web.StreamResponse(
            headers={
                **HEADERS,
                "Content-Security-Policy": "sandbox",
                "Content-Type": "application/octet-stream",
                "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
                "Content-Length": str(record.size),
            }
        )
        await response.prepare(request)
        async with self._storage.objects.read(record, range(record.size)) as blocks:
            async for block in blocks:
                await response.write(block)
        return response

    async def upload(self, request: web.Request) -> web.Response:
        bucket, prefix = request.match_info["bucket"], request.query.get("prefix", "")
        given = (await request.post()).get("file")
        if not isinstance(given, web.FileField) or not given.filename:
            raise InvalidArgument("choose a file first", field="file")
        name = given.filename.replace("\\", "/").rpartition("/")[2]
        content = given.file.read(_LARGEST_UPLOAD + 1)
        if len(content) > _LARGEST_UPLOAD:
            raise InvalidArgument(
                f"at most {_LARGEST_UPLOAD} bytes here: use gsutil cp or gcloud storage cp", field="file"
            )
        await self._backend.write_object(GsUri(bucket, prefix + name), content, content_type=given.content_type)
        raise web.HTTPSeeOther(f"/storage/{quote(bucket)}/?prefix={quote(prefix)}")

    async def delete(self, request: web.Request) -> web.Response:
        """Delete an object, a folder with all that is in it, or a bucket that is empty, as the form says."""
        bucket, form = request.match_info["bucket"], await request.post()
        name, prefix = str(form.get("name", "")), str(form.get("prefix", ""))
        if name:
            self._storage.objects.delete(self._owner, bucket, name)
            prefix = name.rpartition("/")[0] + "/" if "/" in name else ""
        elif prefix:
            # Not by a URI: a folder's name may have wildcards.
            while found := self._storage.objects.list_page(self._owner, bucket, ListQuery(prefix=prefix)).items:
                for record in found:
                    self._storage.objects.delete(self._owner, bucket, record.name)
                await asyncio.sleep(0)
            prefix = prefix.rstrip("/").rpartition("/")[0] + "/" if "/" in prefix.rstrip("/") else ""
        else:
            await self._backend.delete_bucket(bucket)
            raise web.HTTPSeeOther("/storage")
        raise web.HTTPSeeOther(f"/storage/{quote(bucket)}/?prefix={quote(prefix)}")

    def _record(self, request: web.Request) -> ObjectRecord:
        return self._storage.objects.get(self._owner, request.match_info["bucket"], request.query.get("name", ""))

    async def _beginning(self, record: ObjectRecord) -> bytes:
        found = bytearray()
        async with self._storage.objects.read(record, range(min(record.size, _PREVIEW))) as blocks:
            async for block in blocks:
                found += block
        return bytes(found)
