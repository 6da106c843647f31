"""An HTTP client for workers: a pool of keep-alive connections to one Unix socket.

aiohttp's client does much that is not needed here, and takes seven times the processor time for a request
(docs/decisions/0015-one-http-server.md).
"""

import asyncio
from collections import deque
from pathlib import Path
from typing import cast

import httptools

MAX_CONNECTIONS = 128
"""Further requests wait for a free connection; file descriptors are few."""


class WorkerClient:
    """Posts to one worker. A connection carries one request at a time, and is reused for the next.

    Args:
        socket: its path.
        time_limit: seconds for one request, including the wait for a connection.
    """

    def __init__(self, socket: Path, time_limit: float) -> None:
        self._socket, self._time_limit = str(socket), time_limit
        self._idle: list[_Connection] = []
        self._busy: set[_Connection] = set()
        self._free = MAX_CONNECTIONS
        self._waiting: deque[asyncio.Future[None]] = deque()
        """Requests that wait for a connection. A released connection goes to the first of them, so ``_free`` is 0 while
        any wait. Like ``asyncio.Semaphore``, but in a fifth of the time when no request waits."""
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    async def post(self, path: str, body: bytes, time_limit: float | None = None) -> tuple[int, bytes]:
        """Status and body of the response; see ``request``."""
        return await self.request("POST", path, body, time_limit)

    async def request(
        self, verb: str, path: str, body: bytes = b"", time_limit: float | None = None
    ) -> tuple[int, bytes]:
        """Status and body of the response.

        Args:
            time_limit: seconds for this request; None: as for all.

        Raises:
            ConnectionError: the worker is gone, or closed the connection before it responded.
            TimeoutError: there was no response within the time limit.
        """
        deadline = self._loop.time() + (self._time_limit if time_limit is None else time_limit)
        if self._free:
            self._free -= 1
        else:
            await self._wait_for_connection(deadline)
        try:
            if (connection := self._take_idle()) is None:
                connection = await self._connect(deadline)
            response = self._send(connection, _head(verb, path, len(body)) + body, deadline)
        except BaseException:
            self._release_connection()
            raise
        try:
            return await response
        finally:
            self._finish(connection, response)

    async def _connect(self, deadline: float) -> "_Connection":
        try:
            async with asyncio.timeout_at(deadline):
                return (await self._loop.create_unix_connection(_Connection, self._socket))[1]
        except FileNotFoundError:  # its folder goes with the worker
            raise ConnectionRefusedError("the worker is gone") from None

    def _take_idle(self) -> "_Connection | None":
        while self._idle:
            if (connection := self._idle.pop()).is_open:
                return connection
        return None

    async def _wait_for_connection(self, deadline: float) -> None:
        waiter = self._loop.create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout_at(deadline):
                await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():  # too late: pass it to the next request
                self._release_connection()
            raise

    def _release_connection(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._free += 1

    def _send(self, connection: "_Connection", request: bytes, deadline: float) -> "asyncio.Future[tuple[int, bytes]]":
        response = connection.send(request)
        connection.deadline = deadline
        self._busy.add(connection)
        if self._timer is None or deadline < self._timer.when():
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(deadline, self._expire_requests)
        return response

    def _finish(self, connection: "_Connection", response: "asyncio.Future[tuple[int, bytes]]") -> None:
        self._busy.discard(connection)
        if (
            response.cancelled() or response.exception()
        ):  # a late response must not be taken for that of the next request
            connection.abort()
        else:
            self._idle.append(connection)
        self._release_connection()

    def close(self) -> None:
        for connection in self._idle:
            connection.abort()
        self._idle.clear()

    def _expire_requests(self) -> None:
        # One timer for all requests: one of uvloop's for each would cost more than the rest of a request.
        now = self._loop.time()
        for connection in self._busy:
            if connection.deadline <= now:
                connection.fail(TimeoutError())
        waiting = [connection.deadline for connection in self._busy if connection.deadline > now]
        self._timer = self._loop.call_at(min(waiting), self._expire_requests) if waiting else None


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self.is_open = False
        self.deadline = 0.0
        """Of the current request, in the loop's time."""
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._response: asyncio.Future[tuple[int, bytes]] | None = None

    def send(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """Send a request; the future gets status and body of the response.

        Raises:
            ConnectionError: the connection is closed. The future can raise it, too.
        """
        if not self.is_open:
            raise ConnectionResetError("the worker closed the connection")
        self._response = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._response

    def abort(self) -> None:
        self._transport.abort()

    def fail(self, error: Exception) -> None:
        """Fail the current request with ``error``, if it has no response yet."""
        if self._response and not self._response.done():
            self._response.set_exception(error)

    # ---------------------------------------------------------------- called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.fail(ConnectionAbortedError(f"the worker's response is not HTTP: {error}"))
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self.fail(exc if isinstance(exc, ConnectionError) else ConnectionResetError("the worker closed the connection"))

    # ---------------------------------------------------------------- called by the parser

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        body, self._body = b"".join(self._body), []
        if self._response and not self._response.done():
            self._response.set_result((self._parser.get_status_code(), body))


def _head(verb: str, path: str, length: int) -> bytes:
    head = "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return (head % (verb, path, length)).encode()
