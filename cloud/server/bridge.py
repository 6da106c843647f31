"""``Bridge``: ML Engine's API of 2018, served on this machine over Google's cloud of today.

    program -> gateway -> ml v1, logging v2 -> GcpBackend -> Vertex AI
                       -> Cloud Storage (requests forwarded unchanged)

Programs reach it like a local cloud, by environment variables alone, and are the project's owner there. Towards Google
every request has the credentials that the bridge was started with.
"""

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import hdrs, web

from cloud.emulator.iamcredentials import routes as iam_credentials
from cloud.emulator.logging_v2 import addresses as logging_addresses
from cloud.emulator.logging_v2.routes import LoggingV2
from cloud.emulator.ml_v1 import addresses as ml_addresses
from cloud.emulator.ml_v1.routes import MlV1
from cloud.emulator.mounts import Mount
from cloud.emulator.rest.api import Document
from cloud.emulator.rest.call import require_credential
from cloud.engine.principal import Principal
from cloud.engine.project.identities import project_number
from cloud.errors import Unavailable
from cloud.server.base import ServedCloud
from cloud.server.front import Front
from cloud.server.owner_access import OwnerAccess
from cloud.settings import Settings

if TYPE_CHECKING:
    from cloud.backends.gcp import GcpBackend
    from cloud.gateway.listener import Refusal

_NOT_FORWARDED = frozenset(
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
        on_refusal: called for each request for a host that is neither bridged nor forwarded.
    """

    def __init__(
        self, settings: Settings, backend: "GcpBackend", *, on_refusal: "Callable[[Refusal], None] | None" = None
    ) -> None:
        super().__init__(settings, on_refusal=on_refusal)
        self._backend = backend
        self._parts.push_async_callback(backend.close)

    async def _start(self) -> Front:
        settings, state, parts, backend = self.settings, self._state, self._parts, self._backend
        owner_access = OwnerAccess(settings, state.folder("owner"))
        parts.push_async_callback(owner_access.close)
        storage = _StorageProxy(backend)
        parts.push_async_callback(storage.close)
        front = Front(settings, state, storage, owner_access, self._on_refusal)
        parts.push_async_callback(front.close)
        await front.start()
        number = project_number(settings.project)
        ml = MlV1(backend, project_number=number, tenant_number=number, state_dir=state.folder("ml_v1"))
        parts.push_async_callback(ml.close)
        ml.start()
        front.emulator.mount(
            *(Mount(hosts, paths, Document(lambda: ml)) for hosts, paths in ml_addresses.DOCUMENT_PATHS.items()),
            Mount(ml_addresses.HOSTS, r".*", ml),
            Mount(
                iam_credentials.HOSTS,
                r".*",
                iam_credentials.IamCredentialsV1(settings.project, number, owner_access.keys, front.tokens),
            ),
            Mount(
                logging_addresses.HOSTS,
                r".*",
                LoggingV2(backend, project_number=number),
                scopes=logging_addresses.SCOPES,
            ),
        )
        return front

    @property
    def violations(self) -> list[str]:
        """Always empty: Google itself enforces access control."""
        return []


class _StorageProxy:
    """The API of Cloud Storage: forwards each request unchanged but for its credentials."""

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
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _NOT_FORWARDED}
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
            ) as upstream:
                return await _forward(upstream, request)
        except aiohttp.ClientError as error:
            raise Unavailable(f"{host} cannot be reached: {error}") from error


async def _blocks(request: web.Request) -> AsyncIterator[bytes]:
    while block := await request.content.read(_BLOCK):
        yield block


async def _forward(upstream: aiohttp.ClientResponse, request: web.Request) -> web.StreamResponse:
    kept = [(name, value) for name, value in upstream.headers.items() if name.lower() not in _NOT_FORWARDED]
    response = web.StreamResponse(status=upstream.status, reason=upstream.reason)
    for name, value in kept:
        response.headers.add(name, value)
    if request.method != hdrs.METH_HEAD and hdrs.CONTENT_ENCODING not in upstream.headers and upstream.content_length:
        response.content_length = upstream.content_length
    await response.prepare(request)
    async for block in upstream.content.iter_chunked(_BLOCK):
        await response.write(block)
    await response.write_eof()
    return response
