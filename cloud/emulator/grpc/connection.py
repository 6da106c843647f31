"""``GrpcEndpoint``: gRPC's clients of one source, before the modules that serve them are loaded.

Most clouds never need them.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from cloud.emulator.grpc.deadlines import Deadlines

if TYPE_CHECKING:
    from cloud.emulator.grpc.calls import GrpcCalls

_log = logging.getLogger(__name__)


class GrpcEndpoint:
    """Makes the protocols of HTTP/2 connections; loads what they need when the first one is made.

    Args:
        rest: makes the protocol of one HTTP/1.1 connection to the emulator.
        deadlines: of the connections made from now on.
    """

    def __init__(self, rest: Callable[[], asyncio.Protocol], deadlines: Callable[[], Deadlines]) -> None:
        self._rest, self._deadlines = rest, deadlines
        self._loading: asyncio.Task[GrpcCalls] | None = None

    def __call__(self) -> asyncio.Protocol:
        if self._loading is None:
            self._loading = asyncio.create_task(self._load())
        return _Connection(self._loading)

    async def close(self) -> None:
        """Once its connections are closed. May be called twice."""
        if self._loading is not None:
            await asyncio.wait([self._loading])
            if self._loading.exception() is None:
                await self._loading.result().close()

    async def _load(self) -> "GrpcCalls":
        calls = await asyncio.to_thread(_load_modules)
        return calls(self._rest, self._deadlines)


def _load_modules() -> "type[GrpcCalls]":
    """In a thread: it takes a fifth of a second, in which other requests are answered."""
    from cloud.emulator.grpc import methods
    from cloud.emulator.grpc.calls import GrpcCalls

    methods.pool()
    return GrpcCalls


class _Connection(asyncio.Protocol):
    """Keeps what is received until the connection's own protocol can be made, and then passes all on to it."""

    def __init__(self, loading: "asyncio.Task[GrpcCalls]") -> None:
        self._loading = loading
        self._transport: asyncio.Transport
        self._protocol: asyncio.Protocol | None = None
        self._received = bytearray()
        self._is_lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._loading.done():
            self._begin(self._loading)
        else:
            self._loading.add_done_callback(self._begin)

    def data_received(self, data: bytes) -> None:
        if self._protocol is None:
            self._received += data
        else:
            self._protocol.data_received(data)

    def eof_received(self) -> bool | None:
        return None if self._protocol is None else self._protocol.eof_received()

    def pause_writing(self) -> None:
        if self._protocol is not None:
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        if self._protocol is not None:
            self._protocol.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        self._is_lost = True
        if self._protocol is not None:
            self._protocol.connection_lost(error)

    def _begin(self, loading: "asyncio.Task[GrpcCalls]") -> None:
        if self._is_lost:
            return
        if loading.cancelled() or (error := loading.exception()) is not None:
            _log.error("gRPC cannot be served", exc_info=None if loading.cancelled() else error)
            self._transport.abort()
            return
        self._protocol = loading.result()()
        self._protocol.connection_made(self._transport)
        if self._received:
            self._protocol.data_received(bytes(self._received))
            self._received.clear()
