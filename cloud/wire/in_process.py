"""HTTP/1.1 to a server in the same process, without sockets: aiohttp's client and the server's protocol are joined.

Bytes are exchanged: parsing, limits, chunked bodies, keep-alive and flow control are those of a real connection.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

_HIGH_WATER, _LOW_WATER = 2**16, 2**14
"""Bytes in flight at which a writer is paused, and resumed."""


class MemoryTransport(asyncio.Transport):
    """One end of a connection in memory; ``connect`` makes both. What is written is received in a later turn of the
    event loop, in order, and not while the receiver pauses reading."""

    peer: "MemoryTransport"

    def __init__(self, protocol: asyncio.BaseProtocol, sockname: tuple[str, int], peername: tuple[str, int]) -> None:
        super().__init__({"sockname": sockname, "peername": peername})
        self._loop = asyncio.get_running_loop()
        self._protocol: Any = protocol
        self._incoming: deque[bytes] = deque()
        self._incoming_size = 0
        self._has_ended = False
        """Whether the peer writes no more."""
        self._is_reading, self._is_writing_paused = True, False
        self._is_closing = self._is_lost = False

    # ---------------------------------------------------------------- writing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if data and not self._is_closing:
            self.peer._receive(bytes(data))

    def get_write_buffer_size(self) -> int:
        return self.peer._incoming_size

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        """The peer still receives what was written; nothing more is received here."""
        if not self._is_closing:
            self._is_closing = True
            self.peer._end()
            self._loop.call_soon(self._lose, None)

    def abort(self) -> None:
        """Bytes in flight are lost, as when a connection is reset."""
        if not self._is_closing:
            self._is_closing = True
            self._loop.call_soon(self._lose, None)
        peer = self.peer
        peer._is_closing = True
        self._loop.call_soon(peer._lose, ConnectionResetError("Connection reset by peer"))

    # ---------------------------------------------------------------- reading

    def is_reading(self) -> bool:
        return self._is_reading

    def pause_reading(self) -> None:
        self._is_reading = False

    def resume_reading(self) -> None:
        self._is_reading = True
        self._loop.call_soon(self._deliver)

    def _receive(self, data: bytes) -> None:
        if self._is_closing:
            return
        self._incoming.append(data)
        self._incoming_size += len(data)
        self._loop.call_soon(self._deliver)
        if self._incoming_size > _HIGH_WATER and not self.peer._is_writing_paused:
            self.peer._is_writing_paused = True
            self.peer._protocol.pause_writing()

    def _end(self) -> None:
        self._has_ended = True
        self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        while self._incoming and self._is_reading and not self._is_closing:
            data = self._incoming.popleft()
            self._incoming_size -= len(data)
            self._protocol.data_received(data)
        if self._incoming_size <= _LOW_WATER and self.peer._is_writing_paused and not self.peer._is_lost:
            self.peer._is_writing_paused = False
            self.peer._protocol.resume_writing()
        if self._has_ended and not self._incoming and self._is_reading and not self._is_closing:
            self._protocol.eof_received()
            self.close()

    def _lose(self, error: Exception | None) -> None:
        if not self._is_lost:
            self._is_lost = True
            self._incoming.clear()
            self._incoming_size = 0
            self._protocol.connection_lost(error)


def connect(client: asyncio.BaseProtocol, server: asyncio.BaseProtocol, *, port: int) -> MemoryTransport:
    """Join two protocols; returns the client's end. ``port`` is the one that the server sees as its own."""
    here, there = ("127.0.0.1", 0), ("127.0.0.1", port)
    near, far = MemoryTransport(client, here, there), MemoryTransport(server, there, here)
    near.peer, far.peer = far, near
    server.connection_made(far)
    client.connection_made(near)
    return near


class InProcessConnector(aiohttp.BaseConnector):
    """The connector of an ``aiohttp.ClientSession`` all of whose requests, whatever their host, go to one server in
    this process, without TLS.

    Args:
        server: makes the protocol of one connection, as for ``loop.create_server``.
        port: the local port that the server sees.
        limit: connections at a time; 0 for any number.
    """

    def __init__(self, server: Callable[[], asyncio.BaseProtocol], *, port: int = 80, limit: int = 100) -> None:
        super().__init__(limit=limit)
        self._server, self._port = server, port

    async def _create_connection(self, *_: object) -> ResponseHandler:
        # The only method in which aiohttp's own connectors differ.
        client = ResponseHandler(asyncio.get_running_loop())
        connect(client, self._server(), port=self._port)
        return client
