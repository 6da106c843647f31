"""``StudentPage``: the address that a student keeps, which leads to his notebooks and his console."""

import hmac
import socket
from collections.abc import Awaitable, Callable

from aiohttp import web

from cloud.classroom.rendering import HEADERS, STATIC, render
from cloud.console.access import is_own_host
from cloud.errors import CloudError
from cloud.gateway.callers import Callers

_HEADERS = {**HEADERS, "Referrer-Policy": "no-referrer"}
"""The address is a secret."""


class StudentPage:
    """Between ``start`` and ``close``.

    Args:
        key: in the address, and not to be guessed.
        console: makes an address of the console, for one use.
        notebooks: gives the address of JupyterLab, once it runs.
    """

    def __init__(
        self, name: str, key: str, language: str, console: Callable[[], str], notebooks: Callable[[], Awaitable[str]]
    ) -> None:
        self._name, self._key, self._language = name, key, language
        self._console, self._notebooks = console, notebooks
        self.port = 0
        self._callers = Callers()
        application = web.Application(middlewares=[self._guard])
        application.add_routes(
            [
                web.get("/{key}/", self._page),
                web.get("/{key}/notebooks", self._to_notebooks),
                web.get("/{key}/console", self._to_console),
                web.static("/static", STATIC),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)

    async def start(self, port: int) -> None:
        """Listen on ``port`` of 127.0.0.1; on another one if that is taken, or 0."""
        listening = socket.socket()
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listening.bind(("127.0.0.1", port))
            except OSError:
                listening.bind(("127.0.0.1", 0))
            self.port = listening.getsockname()[1]
            await self._runner.setup()
            await web.SockSite(self._runner, listening).start()
        except BaseException:
            listening.close()
            raise

    async def close(self) -> None:
        await self._runner.cleanup()
        self._callers.close()

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        connection = request.transport.get_extra_info("socket") if request.transport else None
        is_own = connection is not None and self._callers.admits(connection) and is_own_host(request, self.port)
        key = request.match_info.get("key", self._key)  # what is static has none
        if not is_own or not hmac.compare_digest(key.encode(errors="replace"), self._key.encode()):
            return web.Response(text="This address is not yours.\n", status=403, headers=_HEADERS)
        return await handler(request)

    async def _page(self, _: web.Request) -> web.Response:
        return self._show("")

    def _show(self, problem: str) -> web.Response:
        text = render("student.html", self._language, name=self._name, base=f"/{self._key}", problem=problem)
        return web.Response(text=text, content_type="text/html", headers=_HEADERS, status=503 if problem else 200)

    async def _to_notebooks(self, _: web.Request) -> web.Response:
        try:
            address = await self._notebooks()
        except CloudError as error:
            return self._show(error.message)
        return web.Response(status=303, headers={**_HEADERS, "Location": address})

    async def _to_console(self, _: web.Request) -> web.Response:
        return web.Response(status=303, headers={**_HEADERS, "Location": self._console()})
