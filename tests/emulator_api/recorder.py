"""An API that records who called it, and requests to an emulator that has it in storage's place."""

import asyncio
from collections.abc import Callable

from aiohttp import web

from cloud.engine.principal import Principal
from cloud.testing.client import Client, Response


class Recorder:
    """Stands for storage: remembers who asked, and answers or raises what it is told to."""

    def __init__(self) -> None:
        self.seen: list[Principal] = []
        self.outcome: Exception | None = None

    async def handle(self, request: web.Request, principal: Principal, /) -> web.StreamResponse:
        self.seen.append(principal)
        if self.outcome is not None:
            raise self.outcome
        return web.Response(text="stored")


async def send(
    emulator: Callable[[], asyncio.Protocol],
    method: str,
    url: str,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
) -> Response:
    host, slash, path = url.partition("/")
    async with Client(emulator, host=host) as client:
        return await client.request(method, slash + path, headers=headers, body=body)
