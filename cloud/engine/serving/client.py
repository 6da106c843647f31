"""The engine's side of the worker's HTTP: a pool of kept connections to one port of this machine.

A client for the internet does much that is of no use here: aiohttp's takes seven times the processor time for a request
(docs/decisions/0015-one-http-server.md).
"""

import asyncio
from collections import deque
from typing import cast

import httptools

CONNECTIONS = 128
"""Requests past this number wait for their turn; file descriptors are few."""


class WorkerClient:
    """Posts to one worker; each request has a connection to itself, which is kept for the next.

    Args:
        time_limit: seconds for one request, waiting for its turn included.
    """

    def __init__(self, port: int, time_limit: float) -> None:
        self._port, self._time_limit = port, time_limit
        self._idle: list[_Connection] = []
        self._busy: set[_Connection] = set()
        self._free = CONNECTIONS
        self._waiting: deque[asyncio.Future[None]] = deque()
        """Requests that wait for a connection. One that is done with is handed to the first of them, so ``_free`` is 0
        while there are any: what a semaphore does, in a fifth of its time where nobody waits."""
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Returns status and body of the answer.

        Raises:
            ConnectionError: the worker is gone, or goes before it has answered.
            TimeoutError: there was no answer within the time limit.
        """
        deadline = self._loop.time() + self._time_limit
        if self._free:
            self._free -= 1
        else:
            await self._turn(deadline)
        try:
            if (connection := self._kept()) is None:
                async with asyncio.timeout_at(deadline):
                    _, connection = await self._loop.create_connection(_Connection, "127.0.0.1", self._port)
            answer = self._begin(connection, path, body, deadline)
        except BaseException:
            self._end_turn()
            raise
        try:
            return await answer
        finally:
            self._end(connection, answer)

    def _kept(self) -> "_Connection | None":
        while self._idle:
            if (connection := self._idle.pop()).is_open:
                return connection
        return None

    async def _turn(self, deadline: float) -> None:
        turn = self._loop.create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout_at(deadline):
                await turn
        except BaseException:
            if turn.done() and not turn.cancelled():  # it came too late: it is the next one's
                self._end_turn()
            raise

    def _end_turn(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _begin(
        self, connection: "_Connection", path: str, body: bytes, deadline: float
    ) -> "asyncio.Future[tuple[int, bytes]]":
        answer = connection.post(path, body)
        connection.deadline = deadline
        self._busy.add(connection)
        if self._timer is None:
            self._timer = self._loop.call_at(deadline, self._end_the_late)
        return answer

    def _end(self, connection: "_Connection", answer: "asyncio.Future[tuple[int, bytes]]") -> None:
        self._busy.discard(connection)
        if answer.cancelled() or answer.exception():  # an answer still to come must not meet the next request
            connection.abort()
        else:
            self._idle.append(connection)
        self._end_turn()

    def close(self) -> None:
        for connection in self._idle:
            connection.abort()
        self._idle.clear()

    def _end_the_late(self) -> None:
        # One timer for all: uvloop's cost more than all else that a request takes here.
        now = self._loop.time()
        for connection in self._busy:
            if connection.deadline <= now:
                connection.fail(TimeoutError())
        waiting = [connection.deadline for connection in self._busy if connection.deadline > now]
        self._timer = self._loop.call_at(min(waiting), self._end_the_late) if waiting else None


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self.is_open = False
        self.deadline = 0.0
        """Of the request under way, in the loop's time."""
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    def post(self, path: str, body: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """Raises:
        ConnectionError: as does the future.
        """
        if not self.is_open:
            raise ConnectionResetError("the worker closed the connection")
        self._answer = asyncio.get_running_loop().create_future()
        head = b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(head % (path.encode(), len(body)) + body)
        return self._answer

    def abort(self) -> None:
        self._transport.abort()

    def fail(self, error: Exception) -> None:
        """Let the request under way end with ``error``, if it has no answer yet."""
        if self._answer and not self._answer.done():
            self._answer.set_exception(error)

    # ---------------------------------------------------------------- called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.fail(ConnectionAbortedError(f"the worker does not speak HTTP: {error}"))
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self.fail(exc if isinstance(exc, ConnectionError) else ConnectionResetError("the worker closed the connection"))

    # ---------------------------------------------------------------- called by the parser

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        body, self._body = b"".join(self._body), []
        if self._answer and not self._answer.done():
            self._answer.set_result((self._parser.get_status_code(), body))
