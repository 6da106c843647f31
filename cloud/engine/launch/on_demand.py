"""``OnDemandServer``: a fork server that runs while it is in use."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from cloud.engine.launch.command import Command, Interpreter
from cloud.engine.launch.deadlines import Deadlines
from cloud.engine.launch.fork_server import ForkServer
from cloud.engine.launch.network import Network
from cloud.engine.launch.output import OnOutput
from cloud.engine.launch.process import NeverStartedError, Process
from cloud.errors import Unavailable

_Result = TypeVar("_Result")


class OnDemandServer:
    """The fork server of one interpreter. The first launch starts it; it ends when it was without a process for the
    interpreter's idle time, and the next launch starts another. It also does so if the fork server dies, for example
    for lack of memory.
    """

    def __init__(self, interpreter: Interpreter, environ: Mapping[str, str], deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._interpreter = interpreter
        self._environ = environ
        self._server: ForkServer | None = None
        self._starting = asyncio.Lock()
        self._uses = 0
        """Processes, and launches that have not returned."""
        self._timer: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Start the fork server, and return while it still imports modules. Does nothing if it runs."""
        with self._use():
            await self._ensure_running()

    async def ready(self) -> None:
        """Wait until the fork server has imported its modules; see ``ForkServer.ready``."""
        with self._use():
            await (await self._ensure_running()).ready()

    @property
    def is_ready(self) -> bool:
        """Whether a launch need not wait for modules to be imported."""
        return self._server is not None and self._server.is_ready

    async def launch(self, command: Command, on_output: OnOutput) -> Process:
        """Start a process; see ``Launcher.launch``."""
        python = None if self._interpreter.preload else (command.interpreter or Interpreter()).command_line
        return await self._request(lambda server: self._launch(server, command, on_output, python))

    async def _launch(
        self, server: ForkServer, command: Command, on_output: OnOutput, python: Sequence[str] | None
    ) -> Process:
        process = await server.launch(command, on_output, python)
        self._begin_use()
        process.on_end(lambda _: self._end_use())
        return process

    async def create_network(self, port: int) -> Network:
        """Create a network; see ``Launcher.create_network``."""
        return await self._request(lambda server: server.create_network(port))

    async def _request(self, request: Callable[[ForkServer], Awaitable[_Result]]) -> _Result:
        last_output = ""
        for _ in range(2):
            with self._use():
                server = await self._ensure_running()
                await server.ready()
                try:
                    async with asyncio.timeout(self._deadlines.start):
                        return await request(server)
                except (NeverStartedError, TimeoutError):  # it was killed or stopped
                    await server.close()
                    last_output = server.last_output
        raise Unavailable(
            "the launcher was killed or did not answer, twice, while it started a process; its last output: "
            f"{last_output or 'none'}"
        )

    async def close(self) -> None:
        """End the fork server. May be called twice."""
        if self._timer:
            self._timer.cancel()
        server, self._server = self._server, None
        if server:
            await server.close()
        await asyncio.gather(*self._ending)

    async def _ensure_running(self) -> ForkServer:
        async with self._starting:
            if self._server is not None and not self._server.is_running:
                await self._server.close()
                self._server = None
            if self._server is None:
                self._server = await ForkServer.start(self._interpreter, self._environ, self._deadlines)
            return self._server

    @contextmanager
    def _use(self) -> Iterator[None]:
        self._begin_use()
        try:
            yield
        finally:
            self._end_use()

    def _begin_use(self) -> None:
        self._uses += 1
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _end_use(self) -> None:
        self._uses -= 1
        if not self._uses and self._server:
            self._timer = asyncio.get_running_loop().call_later(self._interpreter.idle, self._end_server)

    def _end_server(self) -> None:
        # Nothing is awaited since the timer fired, so no launch has got this fork server.
        server, self._server = self._server, None
        if server:
            ending = asyncio.create_task(server.close())
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
