"""A TCP relay that aborts connections, as an unreliable network between a client and its server does."""

import asyncio
import contextlib
import re

_PIECE = re.compile(rb"^PUT \S+ HTTP/1\.1\r\n(?:[^\r]+\r\n)*content-range: bytes \d", re.MULTILINE | re.IGNORECASE)


class FlakyRelay:
    """Relays all data to ``host:port``, but aborts the connections of some upload chunks.

    Args:
        breaks: how many bytes of the connection of the nth upload chunk (from 0) are relayed before it is aborted.
    """

    def __init__(self, host: str, port: int, breaks: dict[int, int]) -> None:
        self._there = (host, port)
        self._breaks = breaks
        self._pieces = 0
        self.broken = 0

    async def __aenter__(self) -> "FlakyRelay":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(*self._there)
        back = asyncio.create_task(_copy(there_reader, writer))
        allowance: int | None = None
        # Either end may close its connection first.
        with contextlib.suppress(ConnectionError):
            while block := await reader.read(65536):
                for _ in _PIECE.findall(block):
                    allowance = self._breaks.get(self._pieces)
                    self._pieces += 1
                if allowance is not None and (allowance := allowance - len(block)) < 0:
                    self.broken += 1
                    break
                there_writer.write(block)
                await there_writer.drain()
        back.cancel()
        there_writer.transport.abort()
        writer.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while block := await reader.read(65536):
        writer.write(block)
        await writer.drain()
    writer.close()
