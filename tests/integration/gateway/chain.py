"""A gateway in front of an echo server."""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from cloud.gateway.deadlines import Deadlines
from cloud.gateway.listener import Refusal
from cloud.gateway.tunnel import Gateway

HOST = "storage.googleapis.com"


PIECE = bytes(65_536)
sent_endlessly = Counter[str]()
"""Pieces that the server has written, by path."""


async def echo(request: web.BaseRequest) -> web.StreamResponse:
    if request.path.startswith("/endless"):
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(PIECE)
            sent_endlessly[request.path] += 1
    if request.path.startswith("/sized/"):
        return web.Response(body=bytes(int(request.path.removeprefix("/sized/"))))
    if request.headers.get("Expect"):
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    body = await request.read()
    return web.json_response(
        {"method": request.method, "url": str(request.url), "body": body.decode(), "fields": sorted(request.headers)}
    )


class Chain:
    """A gateway in front of an echo server, with its address and CA for clients."""

    def __init__(self, gateway: Gateway, server: web.Server, refusals: list[Refusal]) -> None:
        self.gateway = gateway
        self.server = server
        self.refusals = refusals
        self.trust = ssl.create_default_context(cafile=str(gateway.ca_file))

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = self.gateway.address.split(":")
        return await asyncio.open_connection(host, int(port))

    async def send(self, data: bytes) -> bytes:
        """Everything the gateway sends in response to ``data``, until it closes the connection."""
        reader, writer = await self.connect()
        try:
            writer.write(data)
            return await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()

    async def tunnel(
        self, host: str = HOST, sni: str | None = HOST, alpn: list[str] | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await self.connect()
        writer.write(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        trust = ssl.create_default_context(cafile=str(self.gateway.ca_file))
        trust.check_hostname = sni is not None
        if alpn is not None:
            trust.set_alpn_protocols(alpn)
        await writer.start_tls(trust, server_hostname=sni)
        return reader, writer


@asynccontextmanager
async def running(
    folder, deadlines: Deadlines | None = None, max_connections: int = 8000, **options
) -> AsyncIterator[Chain]:
    """Args:
    options: of aiohttp's server.
    """
    server = web.Server(echo, access_log=None, **options)
    refusals: list[Refusal] = []
    gateway = Gateway(server, folder / "ca", refusals.append, deadlines=deadlines, max_connections=max_connections)
    await gateway.start()
    try:
        yield Chain(gateway, server, refusals)
    finally:
        await gateway.close()
        server.pre_shutdown()
        await server.shutdown(1)
