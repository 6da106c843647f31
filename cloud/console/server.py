"""``ConsoleServer``: the console's own port on this machine."""

import asyncio
import secrets
import socket
from collections.abc import Iterable

from aiohttp import web

from cloud.console.access import Access, sign
from cloud.console.app import Application
from cloud.console.rendering import prepare
from cloud.gateway.callers import Callers


class ConsoleServer:
    """Between ``start`` and ``close``.

    Args:
        pages: the routes of all pages.
        port: on 127.0.0.1; 0 picks a free one.
    """

    def __init__(self, pages: Iterable[web.RouteDef], project: str, port: int = 0) -> None:
        self.key = secrets.token_hex(32)
        """With which ``address`` makes addresses in other processes of this user."""
        self._wanted = port
        self._port = 0
        self._callers = Callers()
        self._preparing: asyncio.Task[None] | None = None
        app = Application(pages, Access(self.key), lambda: self._port, self._admits, project)
        # A reader who leaves ends what waits for something to tell him.
        self._runner = web.AppRunner(app.application, access_log=None, shutdown_timeout=1.0, handler_cancellation=True)

    async def start(self) -> None:
        """Raises:
        OSError: the port is taken.
        """
        listening = socket.socket()
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(("127.0.0.1", self._wanted))
            self._port = listening.getsockname()[1]
            await self._runner.setup()
            await web.SockSite(self._runner, listening).start()
            self._preparing = asyncio.create_task(asyncio.to_thread(prepare))
        except BaseException:
            listening.close()
            raise

    async def close(self) -> None:
        """End every connection, also those that wait for a log to grow."""
        await self._runner.cleanup()
        if self._preparing:
            await self._preparing
        self._callers.close()

    @property
    def port(self) -> int:
        return self._port

    def address(self) -> str:
        """A new address, which opens the console once."""
        return address(self._port, self.key)

    def _admits(self, request: web.Request) -> bool:
        connection = request.transport.get_extra_info("socket") if request.transport else None
        return connection is not None and self._callers.admits(connection)


def address(port: int, key: str) -> str:
    """A new address of the console with this port and key."""
    return f"http://127.0.0.1:{port}/open?token={sign(key)}"
