"""``Bridge``: ML Engine's API of 2018, served on this machine over Google's cloud of today.

    program -> gateway -> ml v1, logging v2 -> GcpBackend -> Vertex AI
                       -> Cloud Storage: handed on as it is

A program finds it as it finds a local cloud, through environment variables alone, and is the project's owner there; to
Google everything comes from whose credentials the bridge was started with.
"""

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import hdrs, web

from cloud.emulator.app import Mount
from cloud.emulator.logging_v2.routes import HOSTS as LOGGING_HOSTS
from cloud.emulator.logging_v2.routes import LoggingV2
from cloud.emulator.ml_v1.routes import DOCUMENT_PATHS, HOSTS, MlV1
from cloud.emulator.oauth2.tokens import project_number
from cloud.emulator.rest.api import Document
from cloud.emulator.rest.call import require_credential
from cloud.engine.principal import Principal
from cloud.errors import Unavailable
from cloud.server.base import ServedCloud
from cloud.server.front import Front
from cloud.server.owner_access import OwnerAccess
from cloud.settings import Settings

if TYPE_CHECKING:
    from cloud.backends.gcp import GcpBackend
    from cloud.gateway.tunnel import Refusal

_OF_ONE_CONNECTION = frozenset(
    name.lower()
    for name in (
        hdrs.AUTHORIZATION,
        hdrs.CONNECTION,
        hdrs.CONTENT_ENCODING,
        hdrs.CONTENT_LENGTH,
        hdrs.EXPECT,
        hdrs.HOST,
        hdrs.TRANSFER_ENCODING,
    )
)
_STORAGE = "storage.googleapis.com"
_BLOCK = 1 << 18


class Bridge(ServedCloud):
    """Use as an async context manager, like ``LocalCloud``; closes ``backend`` at its end.

    Args:
        on_refusal: told of each request for a host that is neither bridged nor handed on.
    """

    def __init__(
        self, settings: Settings, backend: "GcpBackend", *, on_refusal: "Callable[[Refusal], None] | None" = None
    ) -> None:
        super().__init__(settings, on_refusal=on_refusal)
        self._backend = backend
        self._parts.push_async_callback(backend.close)

    async def _start(self) -> Front:
        settings, state, parts, backend = self.settings, self._state, self._parts, self._backend
        door = OwnerAccess(settings, state.folder("owner"))
        parts.push_async_callback(door.close)
        storage = _HandedOn(backend)
        parts.push_async_callback(storage.close)
        front = Front(settings, state, storage, door, self._on_refusal)
        parts.push_async_callback(front.close)
        await front.start()
        number = project_number(settings.project)
        ml = MlV1(backend, project_number=number, tenant_number=number, state_dir=state.folder("ml_v1"))
        parts.push_async_callback(ml.close)
        ml.start()
        front.emulator.mount(
            *(Mount(hosts, paths, Document(ml)) for hosts, paths in DOCUMENT_PATHS.items()),
            Mount(HOSTS, r".*", ml),
            Mount(LOGGING_HOSTS, r".*", LoggingV2(backend, project_number=number)),
        )
        return front

    @property
    def violations(self) -> list[str]:
        """None: Google itself refuses."""
        return []


class _HandedOn:
    """Cloud Storage's dialect: each request as it came, but for whose it is."""

    def __init__(self, backend: "GcpBackend") -> None:
        self._backend = backend
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def method_id(self, _: web.Request) -> str:
        return "storage.request"

    async def handle(self, request: web.Request, principal: Principal) -> web.StreamResponse:
        require_credential(principal)
        if self._session is None:
            self._session = self._backend.session()
        host = request.host if request.host.endswith(".googleapis.com") else _STORAGE
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _OF_ONE_CONNECTION}
        if hdrs.CONTENT_ENCODING in request.headers:
            headers[hdrs.CONTENT_ENCODING] = request.headers[hdrs.CONTENT_ENCODING]
        if request.content_length is not None:
            headers[hdrs.CONTENT_LENGTH] = str(request.content_length)
        headers[hdrs.AUTHORIZATION] = f"Bearer {await self._backend.token()}"
        try:
            async with self._session.request(
                request.method,
                f"https://{host}{request.rel_url.raw_path_qs}",
                headers=headers,
                data=_blocks(request) if request.can_read_body else None,
                allow_redirects=False,
            ) as reply:
                return await _copy(reply, request)
        except aiohttp.ClientError as error:
            raise Unavailable(f"{host} cannot be reached: {error}") from error


async def _blocks(request: web.Request) -> AsyncIterator[bytes]:
    while block := await request.content.read(_BLOCK):
        yield block


async def _copy(reply: aiohttp.ClientResponse, request: web.Request) -> web.StreamResponse:
    kept = [(name, value) for name, value in reply.headers.items() if name.lower() not in _OF_ONE_CONNECTION]
    answer = web.StreamResponse(status=reply.status, reason=reply.reason)
    for name, value in kept:
        answer.headers.add(name, value)
    if request.method != hdrs.METH_HEAD and hdrs.CONTENT_ENCODING not in reply.headers and reply.content_length:
        answer.content_length = reply.content_length
    await answer.prepare(request)
    async for block in reply.content.iter_chunked(_BLOCK):
        await answer.write(block)
    await answer.write_eof()
    return answer
