"""``Client``: sends requests to an emulator in this process, without sockets.

    async with Client(emulator, host="ml.googleapis.com", token=token) as client:
        response = await client.request("GET", "/v1/projects/my-project/jobs")

Requests are HTTP/1.1 over a connection in memory (``cloud.wire.in_process``), which is kept alive.
"""

import asyncio
import io
import json as json_module
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from cloud.resources import Json
from cloud.wire.in_process import InProcessConnector, connect


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Json:
        """Raises:
        ValueError: the body is not JSON.
        """
        return json_module.loads(self.body)


class Client:
    """Use as an async context manager, in one event loop.

    Args:
        server: protocol factory, as for ``loop.create_server``; an ``Emulator`` is one.
        host: value of the header ``Host``.
        token: a bearer token, sent with every request; without one, requests have no credentials.
        port: the local port that the server sees.
    """

    def __init__(
        self,
        server: Callable[[], asyncio.BaseProtocol],
        *,
        host: str = "localhost",
        token: str | None = None,
        port: int = 80,
    ) -> None:
        self._server, self._host, self._token, self._port = server, host, token, port
        self._opened: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        if self._opened is not None:
            session, self._opened = self._opened, None
            await session.close()

    async def request(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | AsyncIterable[bytes] = b"",
        json: Json = None,
        host: str | None = None,
        token: str | None = None,
    ) -> Response:
        """Send one request and read the whole response. Redirects are not followed, and nothing is decompressed.

        Args:
            target: path and query, sent as they are.
            body: bytes, or an iterator of them for a chunked body.
            json: sent as JSON instead of ``body``, unless it is None.
            host, token: for this request, instead of the client's.

        Raises:
            aiohttp.ClientConnectionError: the server closed the connection without a response.
            aiohttp.ClientPayloadError: the server closed the connection before the response's end.
            aiohttp.ClientError: the response is not HTTP.
        """
        async with self.stream(
            method, target, headers=headers, body=body, json=json, host=host, token=token
        ) as response:
            return Response(response.status, response.headers, await response.read())

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | AsyncIterable[bytes] = b"",
        json: Json = None,
        host: str | None = None,
        token: str | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """``request`` for a response that is streamed: ``response.content`` is its stream."""
        sent = {"Host": self._host if host is None else host}
        token = self._token if token is None else token
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        if json is not None:
            body = json_module.dumps(json).encode()
            sent["Content-Type"] = "application/json"
        sent |= headers or {}
        async with self._session().request(
            method,
            URL(f"http://localhost{target}", encoded=True),
            headers=sent,
            # aiohttp warns of large bodies, unless they come from a file.
            data=io.BytesIO(body) if isinstance(body, bytes) and body else body or None,
            allow_redirects=False,
        ) as response:
            yield response

    async def exchange(self, data: bytes) -> bytes:
        """Send exactly these bytes on a new connection; returns all that the server sends until it closes it."""
        end: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        transport = connect(_Recorder(end), self._server(), port=self._port)
        transport.write(data)
        try:
            return await end
        finally:
            transport.abort()

    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            self._opened = aiohttp.ClientSession(
                connector=InProcessConnector(self._server, port=self._port),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                middlewares=(_once,),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            )
        return self._opened


async def _once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    # On these two errors aiohttp's session would silently send an idempotent request again.
    try:
        return await send(request)
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
        raise aiohttp.ClientConnectionError(f"no response: {error}") from error


class _Recorder(asyncio.Protocol):
    def __init__(self, end: "asyncio.Future[bytes]") -> None:
        self._end, self._received = end, bytearray()

    def data_received(self, data: bytes) -> None:
        self._received += data

    def connection_lost(self, error: Exception | None) -> None:
        if not self._end.done():
            self._end.set_result(bytes(self._received))
