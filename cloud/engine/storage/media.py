"""Media: the bytes of objects, stored in fake-gcs-server under unique keys.

Every request is retried while the server restarts. That is safe: an upload's bytes are complete before it is sent, and
keys are never reused.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import IO, Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from cloud.engine.disk import find_disk_full
from cloud.engine.storage.server import FakeGcsServer
from cloud.engine.storage.server_watch import INTERVAL, LIMIT, ServerWatch
from cloud.errors import Unavailable

log = logging.getLogger(__name__)

_BLOCK = 1 << 18
_IN_MEMORY = 1 << 20
_ATTEMPTS = 4
_AT_ONCE = 32
"""Requests, besides those that read: for these, clients that read slowly must not make others wait."""


class MediaGone(Exception):
    """There is no media of this key: its object was just replaced or deleted."""


@dataclass(frozen=True, slots=True)
class Checksums:
    """Base64 of what fake-gcs-server stored."""

    md5: str | None
    crc32c: str


def spool(folder: str) -> IO[bytes]:
    """A buffer for an upload: in memory up to a megabyte, then in an unnamed file in ``folder``.

    Uploads are buffered because fake-gcs-server holds a global lock while it reads a body: a slow client would block
    all others.
    """
    return SpooledTemporaryFile(max_size=_IN_MEMORY, dir=folder)


class MediaStore:
    """Args:
    probe_interval, probe_limit: see ``ServerWatch``.
    """

    def __init__(self, server: FakeGcsServer, *, probe_interval: float = INTERVAL, probe_limit: float = LIMIT) -> None:
        self._server = server
        self._session: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._watch = ServerWatch(self._probe, self._replace, interval=probe_interval, limit=probe_limit)

    async def close(self) -> None:
        await self._watch.close()
        await self._close_session()

    async def _close_session(self) -> None:
        session, self._session = self._session, None
        if session:
            await session.close()

    async def _probe(self) -> None:
        url = await self._server.ready()
        # On a connection of its own; any answer will do.
        connector = aiohttp.TCPConnector(force_close=True, socket_factory=self._server.open_socket)
        try:
            async with (
                aiohttp.ClientSession(connector=connector) as session,
                session.get(f"{url}/_internal/healthcheck"),
            ):
                pass
        except aiohttp.ClientError as error:
            if isinstance(error.__cause__, TimeoutError):  # the guard hands out no socket
                raise error.__cause__ from error

    async def _replace(self) -> None:
        if self._server.is_external:
            await self._close_session()  # those that wait get Unavailable
        else:
            self._server.kill()

    async def create_bucket(self, bucket: str) -> bool:
        """False if it exists already."""
        async with self._request("POST", "/storage/v1/b", json={"name": bucket}) as reply:
            return reply.status != 409

    async def delete_bucket(self, bucket: str) -> None:
        async with self._request("DELETE", f"/storage/v1/b/{bucket}") as reply:
            if reply.status not in (200, 204, 404):
                # Only garbage is in it: for callers the bucket is deleted.
                log.warning("fake-gcs-server keeps the folder of bucket %s: %s", bucket, await reply.text())

    async def put(self, bucket: str, key: str, content: IO[bytes], span: range) -> Checksums:
        """Store the bytes of ``content`` in ``span``."""

        async def blocks() -> AsyncIterator[bytes]:
            content.seek(span.start)
            for start in range(span.start, span.stop, _BLOCK):
                yield content.read(min(_BLOCK, span.stop - start))

        def body() -> object:
            if len(span) > _BLOCK:
                return blocks()
            content.seek(span.start)
            return content.read(len(span))

        path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(key, safe='')}"
        async with self._request("POST", path, body=body, headers={"Content-Length": str(len(span))}) as reply:
            return await _checksums(reply)

    async def copy(self, bucket: str, key: str, to_bucket: str, to_key: str) -> None:
        path = f"{_path(bucket, key)}/rewriteTo/b/{to_bucket}/o/{quote(to_key, safe='')}"
        async with self._request("POST", path, json={}) as reply:
            await _checksums(reply)

    async def compose(self, bucket: str, keys: Sequence[str], to_key: str) -> None:
        request = {"sourceObjects": [{"name": key} for key in keys], "destination": {"contentType": "x/x"}}
        async with self._request("POST", f"{_path(bucket, to_key)}/compose", json=request) as reply:
            await _checksums(reply)

    async def delete(self, bucket: str, key: str) -> None:
        """Delete media; a key that does not exist is no error."""
        if await self._has_deleted(bucket, key) or not await self._has_bucket(bucket):
            return
        # A server that is killed while it writes a file leaves it without attributes, and the next takes it for none:
        # written anew it can be deleted.
        await self.put(bucket, key, BytesIO(), range(0))
        await self._has_deleted(bucket, key)

    async def _has_deleted(self, bucket: str, key: str) -> bool:
        """False if it says that there is no such key."""
        async with self._request("DELETE", _path(bucket, key)) as reply:
            return reply.status != 404

    async def _has_bucket(self, bucket: str) -> bool:
        async with self._request("GET", f"/storage/v1/b/{bucket}") as reply:
            return reply.status == 200

    @asynccontextmanager
    async def read(self, bucket: str, key: str, span: range) -> AsyncIterator[AsyncIterator[bytes]]:
        """Stream the bytes of ``span``, which must not be empty.

        Raises:
            MediaGone: no such key.
            Unavailable: the server closes the connection.
        """
        headers = {"Range": f"bytes={span.start}-{span.stop - 1}"}
        async with self._request("GET", f"{_path(bucket, key)}?alt=media", headers=headers) as reply:
            if reply.status == 404:
                raise MediaGone
            if reply.status != 206:
                raise Unavailable(f"the storage server answers {reply.status} to a read")
            yield _blocks(reply, len(span))

    @asynccontextmanager
    async def _request(
        self, method: str, path: str, *, body: Any = None, **options: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        with self._watch.waiting():
            async with self._slots if method != "GET" else nullcontext():
                reply = await self._send(method, path, body, options)
                async with reply:
                    if reply.status >= 500:
                        text = await reply.text()
                        raise find_disk_full(text) or Unavailable(f"the storage server failed: {text}")
                    yield reply

    async def _send(self, method: str, path: str, body: Any, options: dict[str, Any]) -> aiohttp.ClientResponse:
        for attempt in range(_ATTEMPTS):
            url = await self._server.ready()
            try:
                return await self._open_session().request(
                    method, URL(url + path, encoded=True), data=body() if body else None, **options
                )
            except aiohttp.ClientError as error:
                if attempt == _ATTEMPTS - 1 or self._server.is_external:
                    raise Unavailable(f"the storage server broke off: {error}") from error
                # The connection closes before the process is reaped: wait until its supervisor has noticed.
                await asyncio.sleep(0.05 * 2**attempt)
        raise AssertionError

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, socket_factory=self._server.open_socket),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
                auto_decompress=False,
                # Without a content type the server guesses one from the content.
                headers={"Content-Type": "application/octet-stream", "Accept-Encoding": "identity"},
            )
        return self._session


async def _checksums(reply: aiohttp.ClientResponse) -> Checksums:
    if reply.status != 200:
        raise Unavailable(f"the storage server answers {reply.status}: {await reply.text()}")
    answer = await reply.json(content_type=None)
    answer = answer.get("resource", answer)
    return Checksums(answer.get("md5Hash"), answer["crc32c"])


async def _blocks(reply: aiohttp.ClientResponse, size: int) -> AsyncIterator[bytes]:
    try:
        async for block in reply.content.iter_any():
            size -= len(block)
            yield block
    except aiohttp.ClientError as error:
        raise Unavailable(f"the storage server broke off: {error}") from error
    if size:
        raise Unavailable(f"the storage server broke off {size} bytes early")


def _path(bucket: str, key: str) -> str:
    return f"/storage/v1/b/{bucket}/o/{quote(key, safe='')}"
