"""``DockerSocket``: where this cloud's programs find Docker's API, and the variables that lead them there."""

import asyncio
import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cloud.folders import socket_folder, temporary
from cloud.folders.temporary import Kind

if TYPE_CHECKING:
    from aiohttp import web

    from cloud.emulator.docker_engine.engine import DockerEngine

_NAME = "docker.sock"
_MAX_LINE = 2**18
"""Bytes of a request line or a header: build arguments are in the query, credentials of registries in a header."""


class DockerSocket:
    """A Unix socket in a private folder, opened when a program of the owner is to find it.

    Args:
        modules: what ``make`` and its first requests import. They are imported in a thread, as a program connects: most
            never do.
        make: makes the engine that answers.
        configuration: the folder of the docker command's own settings: ``docker login`` and ``gcloud auth
            configure-docker`` do not change those of the user's home.
    """

    def __init__(self, modules: Sequence[str], make: "Callable[[], DockerEngine]", configuration: Path) -> None:
        self._modules, self._make, self._configuration = modules, make, configuration
        self._engine: DockerEngine | None = None
        self._folder: Path | None = None
        self._server: asyncio.Server | None = None
        self._handlers: web.Server | None = None
        self._opening = asyncio.Lock()

    async def environ(self) -> dict[str, str]:
        """The variables of a program. The first call opens the socket.

        https://docs.docker.com/reference/cli/docker/#environment-variables. BuildKit is another builder, with an API
        of its own, which is not served.
        """
        async with self._opening:
            folder = self._folder = self._folder or await self._open()
        return {
            "DOCKER_HOST": f"unix://{folder / _NAME}",
            "DOCKER_BUILDKIT": "0",
            "DOCKER_CONFIG": str(self._configuration),
        }

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        if self._handlers is not None:
            self._handlers.pre_shutdown()
            await self._handlers.shutdown(1.0)
        if self._folder is not None:
            temporary.remove(self._folder)

    async def _open(self) -> Path:
        from aiohttp import web  # by now the emulator has loaded it

        # A build whose client is gone ends.
        handlers = self._handlers = web.Server(
            self._handle,
            handler_cancellation=True,
            access_log=None,
            auto_decompress=False,
            max_line_size=_MAX_LINE,
            max_field_size=_MAX_LINE,
        )
        folder = socket_folder.create(Kind.DOCKER, _NAME)
        self._configuration.mkdir(mode=0o700, exist_ok=True)
        self._server = await asyncio.get_running_loop().create_unix_server(handlers, folder / _NAME)
        return folder

    async def _handle(self, request: "web.BaseRequest") -> "web.StreamResponse":
        if self._engine is None:
            await asyncio.to_thread(lambda: list(map(importlib.import_module, self._modules)))
            self._engine = self._engine or self._make()
        return await self._engine.handle(request)
