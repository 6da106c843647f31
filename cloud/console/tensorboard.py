"""TensorBoard over the folders of the last jobs: started when it is first visited, shown below the console's address.

Its pages show what jobs wrote, so they have a policy of their own, which is TensorBoard's without any other host.
"""

import asyncio
import logging
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path

import aiohttp
from aiohttp import hdrs, web
from yarl import URL

from cloud.backends.base import Backend
from cloud.console.curves import metrics_folder
from cloud.console.rendering import HEADERS, page
from cloud.errors import Unavailable
from cloud.folders import temporary
from cloud.folders.temporary import Kind
from cloud.resources.tuning import TuningSpec

PREFIX = "/tensorboard"
_MOST_JOBS = 20
"""The newest ones that have a folder."""
_LOOKED_AT = 200
_LONGEST_START = 120.0
_LONGEST_END = 5.0
_OTHER_HOSTS = re.compile(r"\s(?:https?:)?//[^\s;]+|\s\*(?=[\s;]|$)")
_FORWARDED = (hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.CONTENT_TYPE, hdrs.IF_NONE_MATCH, "X-TensorBoard-Feature-Flags")
_RETURNED = (hdrs.CONTENT_TYPE, hdrs.CONTENT_ENCODING, hdrs.CACHE_CONTROL, hdrs.ETAG, hdrs.EXPIRES)


class TensorBoardPages:
    """Args:
    environ: of a program that uses this cloud as its owner.
    """

    def __init__(self, backend: Backend, environ: Callable[[], Awaitable[Mapping[str, str]]]) -> None:
        self._backend, self._environ = backend, environ
        self._running: _TensorBoard | None = None
        self._starting = asyncio.Lock()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(PREFIX, self.visit),
            web.get(f"{PREFIX}/{{path:.*}}", self.forward),
            web.post(f"{PREFIX}/{{path:.*}}", self.forward),
        ]

    async def close(self) -> None:
        if self._running:
            await self._running.close()

    async def visit(self, request: web.Request) -> web.Response:
        """A page that is seen until TensorBoard's first page comes."""
        folders = await self._folders()
        if folders and self._running and self._running.folders != folders:  # there are other jobs by now
            async with self._starting:
                await self.close()
                self._running = None
        query = f"?{request.query_string}" if request.query_string else ""
        return page(request, "tensorboard.html", folders=folders, address=f"{PREFIX}/{query}")

    async def forward(self, request: web.Request) -> web.StreamResponse:
        """TensorBoard's answer.

        Raises:
            Unavailable: it does not start.
        """
        board = await self._board()
        headers = {name: request.headers[name] for name in _FORWARDED if name in request.headers}
        body = await request.read() if request.body_exists else None
        address = f"http://tensorboard{request.raw_path}"
        try:
            async with board.session.request(
                request.method, URL(address, encoded=True), headers=headers, data=body, allow_redirects=False
            ) as answer:
                response = web.StreamResponse(status=answer.status, headers=_headers(answer))
                await response.prepare(request)
                async for block in answer.content.iter_any():
                    await response.write(block)
        except aiohttp.ClientConnectionError as error:
            raise Unavailable(f"TensorBoard has ended: open {PREFIX} again. ({error})") from error
        return response

    async def _board(self) -> "_TensorBoard":
        async with self._starting:
            if self._running is None or self._running.has_ended:
                folders = await self._folders()
                if not folders:
                    raise Unavailable("no job has a folder in Cloud Storage yet, which TensorBoard could show")
                self._running = _TensorBoard(folders)
                await self._running.start(await self._environ())
            return self._running

    async def _folders(self) -> dict[str, str]:
        """The folders of the newest jobs that have one, by their ids."""
        found: dict[str, str] = {}
        for job in await self._backend.list_jobs(limit=_LOOKED_AT):
            spec = job.spec
            folder = metrics_folder(spec.training if isinstance(spec, TuningSpec) else spec)
            if folder and len(found) < _MOST_JOBS and "," not in str(folder):  # which separates folders there
                found[job.job_id] = str(folder).rstrip("/")
        return found


class _TensorBoard:
    """The process, from ``start`` to ``close``."""

    def __init__(self, folders: Mapping[str, str]) -> None:
        self.folders = dict(folders)
        self._process: Process | None = None
        self._folder: Path | None = None

    @property
    def has_ended(self) -> bool:
        return self._process is None or self._process.returncode is not None

    async def start(self, environ: Mapping[str, str]) -> None:
        """Raises:
        Unavailable: it does not start.
        """
        self._folder = await asyncio.to_thread(temporary.create, Kind.BOARD)
        socket, log = self._folder / "socket", self._folder / "log"
        spec = ",".join(f"{name}:{path}" for name, path in self.folders.items())
        command = [sys.executable, "-m", "cloud.console.tensorboard_server", str(socket), spec, PREFIX]
        with log.open("wb") as errors:
            self._process = process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, stderr=errors, env=environ
            )
        self.session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(str(socket)), auto_decompress=False, trust_env=False
        )
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        said = b""
        with suppress(TimeoutError):
            said = await asyncio.wait_for(process.stdout.readline(), _LONGEST_START)
        if not said:
            text = (await asyncio.to_thread(log.read_bytes))[-2000:].decode(errors="replace")
            await self.close()
            logging.getLogger(__name__).warning("TensorBoard did not start: %s", text)
            reason = [line for line in text.splitlines() if "Error" in line] or text.splitlines() or [""]
            raise Unavailable(f"TensorBoard did not start. {reason[-1]}")

    async def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), _LONGEST_END)
            except TimeoutError:
                process.kill()
                await process.wait()
            await self.session.close()
        if self._folder:
            await asyncio.to_thread(temporary.remove, self._folder)
            self._folder = None


def _headers(answer: aiohttp.ClientResponse) -> dict[str, str]:
    """Of what is handed on: TensorBoard's, and the console's where that is not weaker."""
    kept = {str(name): answer.headers[name] for name in _RETURNED if name in answer.headers}
    policy = _OTHER_HOSTS.sub("", answer.headers.get("Content-Security-Policy", "default-src 'none'"))
    policy = re.sub(r"frame-ancestors[^;]*", "frame-ancestors 'self'", policy)
    if hdrs.LOCATION in answer.headers and answer.headers[hdrs.LOCATION].startswith("/"):
        kept[hdrs.LOCATION] = answer.headers[hdrs.LOCATION]
    return {**HEADERS, **kept, "Content-Security-Policy": policy}
