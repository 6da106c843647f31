"""A client of one API, or of a whole emulator, in the name of a principal, without a socket."""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from cloud.emulator.app import MAX_BODY, Emulator
from cloud.emulator.mounts import EmulatedApi, Mount
from cloud.emulator.oauth2.keys import KeyRing
from cloud.emulator.oauth2.tokens import TokenRegistry
from cloud.engine.principal import ANONYMOUS, Principal
from cloud.testing.client import Client


class Served:
    """An emulator all of whose requests are this API's, and its tokens."""

    def __init__(self, api: EmulatedApi, *, requires_auth: bool = True) -> None:
        self.tokens = TokenRegistry()
        self.emulator = Emulator("my-project", "us-central1", api, self.tokens, KeyRing())
        self.emulator.mount(Mount(r".*", r".*", api, requires_auth=requires_auth))

    def client(self, principal: Principal = ANONYMOUS, host: str = "localhost") -> Client:
        token = None if principal == ANONYMOUS else self.tokens.current(principal).value
        return Client(self.emulator, host=host, token=token)


async def received(method: str, target: str, headers: Mapping[str, str] | None = None) -> web.Request:
    """A request as an HTTP server's handler gets it."""
    requests = []

    async def keep(request: web.BaseRequest) -> web.Response:
        requests.append(request)
        return web.Response()

    def make(*parts: Any) -> web.Request:
        return web.Request(*parts, asyncio.get_running_loop(), client_max_size=MAX_BODY)

    async with Client(web.Server(keep, request_factory=make, access_log=None)) as client:
        await client.request(method, target, headers=headers)
    return requests[0]
