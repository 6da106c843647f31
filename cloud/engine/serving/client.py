"""The engine's side of the worker's HTTP: a pool of kept connections to one port of this machine.

A client for the internet does much that is of no use here; measured against aiohttp's, this one lets 64 callers have
twice the predictions.
"""

import asyncio
from http import HTTPStatus
from typing import cast

import httptools

CONNECTIONS = 128
"""Requests past this number wait for their turn; file descriptors are few."""


class WorkerClient:
    """Posts to one worker; each request has a connection to itself, which is kept for the next."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[_Connection] = []
        self._turns = asyncio.Semaphore(CONNECTIONS)

    async def post(self, path: str, body: bytes) -> tuple[HTTPStatus, bytes]:
        """Raises:
        ConnectionError: the worker is gone, or goes before it has answered.
        """
        async with self._turns:
            connection = await self._connection()
            try:
                answer = await connection.post(path, body)
            except BaseException:  # also when cancelled: an answer still to come must not meet the next request
                connection.abort()
                raise
            self._idle.append(connection)
            return answer

    def close(self) -> None:
        for connection in self._idle:
            connection.abort()
        self._idle.clear()

    async def _connection(self) -> "_Connection":
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, "127.0.0.1", self._port)
        return connection


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self.is_open = False
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._answer: asyncio.Future[tuple[HTTPStatus, bytes]] | None = None

    async def post(self, path: str, body: bytes) -> tuple[HTTPStatus, bytes]:
        if not self.is_open:
            raise ConnectionResetError("the worker closed the connection")
        self._answer = asyncio.get_running_loop().create_future()
        head = b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(head % (path.encode(), len(body)) + body)
        return await self._answer

    def abort(self) -> None:
        self._transport.abort()

    # ---------------------------------------------------------------- called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionAbortedError(f"the worker does not speak HTTP: {error}"))
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self._fail(
            exc if isinstance(exc, ConnectionError) else ConnectionResetError("the worker closed the connection")
        )

    # ---------------------------------------------------------------- called by the parser

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        body, self._body = b"".join(self._body), []
        if self._answer and not self._answer.done():
            self._answer.set_result((HTTPStatus(self._parser.get_status_code()), body))

    def _fail(self, error: ConnectionError) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(error)
