"""The worker's HTTP/1.1 server, on httptools: request and response bodies in memory, keep-alive, no files, no TLS.

Importing aiohttp takes a third of the time in which a worker loads a model and is ready
(docs/decisions/0017-models-loaded-by-tensorflows-c-api.md).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast
from urllib.parse import unquote

import httptools

MAX_HEAD = 2**16
"""Bytes of a request's line and headers: the user chooses the paths of a container's routes."""
_TIME_TO_SEND = 60.0
"""Seconds that a client may take to send a request once it has begun."""
_TIME_TO_READ = 5.0
"""Seconds that a client has to read why its request was refused."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    """Decoded, without the query."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    status: HTTPStatus
    body: bytes
    """JSON."""


Handler = Callable[[Request], Awaitable[Response]]
"""Must not raise."""


class HttpServer:
    """Serves until ``close``.

    Args:
        refuse: makes the response to a request that is not handled: too large, or not HTTP.
        max_body: bytes of a request's body.
    """

    def __init__(self, handler: Handler, refuse: Callable[[HTTPStatus, str], Response], *, max_body: int) -> None:
        self.handler, self.refuse, self.max_body = handler, refuse, max_body
        self.connections: set[_Connection] = set()

    async def listen(self, host: str, port: int) -> int:
        """Listen; returns the port, which is a free one if ``port`` is 0.

        Raises:
            OSError: the port is taken.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), host, port, backlog=1024)
        taken: int = self._server.sockets[0].getsockname()[1]
        return taken

    async def close(self) -> None:
        """Accept no connection or request any more, and return once the requests that were received are answered."""
        self._server.close()
        for connection in list(self.connections):
            connection.finish()
        while self.connections:
            await asyncio.wait([connection.closed for connection in self.connections])


class _Connection(asyncio.Protocol):
    """Requests of one client, which are answered one after the other."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._pending: deque[Request] = deque()
        """Received, and not being answered."""
        self._answering: asyncio.Task[None] | None = None
        self._is_last = self._is_receiving = self._is_receiving_head = self._is_paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self._begin()

    def _begin(self) -> None:
        self._url, self._body, self._head_size, self._body_size = b"", list[bytes](), 0, 0

    def finish(self) -> None:
        """Close once all received requests are answered."""
        if self._answering is None and not self._is_last:
            self._transport.close()
        self._is_last = True

    # ---------------------------------------------------------------- called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._server.connections.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        self._server.connections.discard(self)
        self._writable.set()
        self._stop_timer()
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        if self._is_last:
            return
        self._stop_timer()
        try:
            self._parser.feed_data(data)
            if self._is_receiving_head:  # the parser keeps a header until it is complete
                self._count_head(len(data))
        except httptools.HttpParserUpgrade:
            pass  # the request is answered as if it had not asked for that
        except _RefusalError as refusal:
            self._refuse(refusal.status, refusal.text)
        except httptools.HttpParserError as error:
            cause = error.__context__
            found = cause if isinstance(cause, _RefusalError) else _RefusalError(HTTPStatus.BAD_REQUEST, str(error))
            self._refuse(found.status, found.text)
        if self._is_receiving and not self._is_last:
            self._timer = self._loop.call_later(
                _TIME_TO_SEND, self._refuse, HTTPStatus.REQUEST_TIMEOUT, "the request is not complete"
            )

    # ---------------------------------------------------------------- called by the parser

    def on_message_begin(self) -> None:
        self._is_receiving = self._is_receiving_head = True

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_head(len(name) + len(value))
        if name.lower() == b"expect" and value.lower() == b"100-continue":
            self._transport.write(_CONTINUE)

    def on_headers_complete(self) -> None:
        self._is_receiving_head = False

    def on_body(self, body: bytes) -> None:
        self._body.append(body)
        self._body_size += len(body)
        if self._body_size > self._server.max_body:
            raise _RefusalError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {self._server.max_body} bytes")

    def on_message_complete(self) -> None:
        self._is_receiving = False
        path = self._url.partition(b"?")[0].decode("latin-1")
        request = Request(
            self._parser.get_method().decode(), unquote(path) if "%" in path else path, b"".join(self._body)
        )
        self._is_last = not self._parser.should_keep_alive()
        self._begin()
        self._pending.append(request)
        if self._answering is None:
            self._answering = self._loop.create_task(self._answer())
        elif not self._is_paused:  # it sends requests ahead: read on once those are answered
            self._is_paused = True
            self._transport.pause_reading()

    def _count_head(self, size: int) -> None:
        self._head_size += size
        if self._head_size > MAX_HEAD:
            raise _RefusalError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"a head of more than {MAX_HEAD} bytes")

    # ---------------------------------------------------------------- responses

    async def _answer(self) -> None:
        while self._pending:
            request = self._pending.popleft()
            response = await self._server.handler(request)
            stays = bool(self._pending) or not self._is_last
            self._write(response, stays=stays, with_body=request.method != "HEAD")
            if not self._writable.is_set():
                await self._writable.wait()
        self._answering = None
        if self._is_last:
            self._transport.close()
        elif self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()

    def _refuse(self, status: HTTPStatus, text: str) -> None:
        """Answer that a request cannot be read, and close. (Those before it may go unanswered.)"""
        self._is_last = True
        self._pending.clear()
        self._write(self._server.refuse(status, text), stays=False, with_body=True)
        # The client may be sending, and would not read the response if this side closed both directions.
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._timer = self._loop.call_later(_TIME_TO_READ, self._transport.abort)

    def _write(self, response: Response, *, stays: bool, with_body: bool) -> None:
        head = b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n" % (
            response.status,
            response.status.phrase.encode(),
            len(response.body),
            b"" if stays else b"Connection: close\r\n",
        )
        self._transport.write(head + response.body if with_body else head)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _RefusalError(Exception):
    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text
