"""``Notebooks``: a student's JupyterLab, started when he first opens it."""

import asyncio
from collections.abc import Mapping

from cloud.gateway.environ import CONFLICTING
from cloud.lab import notebooks as chapters
from cloud.lab.folder import LabFolder
from cloud.lab.jupyter import JupyterServer, check_installed, hold_port
from cloud.settings import whole_environ


class Notebooks:
    """Args:
    environ: of the owner's programs.
    """

    def __init__(self, folder: LabFolder, language: str, environ: Mapping[str, str]) -> None:
        self._folder, self._language, self._environ = folder, language, environ
        self._server: JupyterServer | None = None
        self._ended: asyncio.Task[int] | None = None
        self._starting = asyncio.Lock()

    @property
    def is_running(self) -> bool:
        return self._server is not None and self._ended is not None and not self._ended.done()

    async def address(self) -> str:
        """What a browser opens; JupyterLab runs then.

        Raises:
            FailedPrecondition: it cannot be started.
        """
        async with self._starting:
            if self._server is None or not self.is_running:
                await self._start()
        assert self._server is not None  # noqa: S101 - started
        return self._server.address

    async def _start(self) -> None:
        await self._close()
        check_installed()
        server = JupyterServer(
            self._folder.jupyter,
            root=self._folder.work(self._language),
            language=self._language,
            first=chapters.names(self._language)[0],
            held=hold_port(0),
        )
        inherited = {name: value for name, value in whole_environ().items() if name not in CONFLICTING}
        try:
            await server.start(inherited | dict(self._environ))
        except BaseException:
            await server.close()
            raise
        self._server, self._ended = server, asyncio.create_task(server.wait())

    async def close(self) -> None:
        async with self._starting:
            await self._close()

    async def _close(self) -> None:
        if self._server is not None:
            await self._server.close()
        if self._ended is not None:
            await self._ended
        self._server = self._ended = None
