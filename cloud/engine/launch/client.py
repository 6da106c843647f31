"""``Launcher``: starts processes that run a Python module, warm or cold. None of them outlives this process."""

import asyncio
import contextlib
import os
import socket
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from cloud.engine.launch.command import Command, ExitStatus, interpreter_environ
from cloud.engine.launch.messages import receive_messages, send_descriptors
from cloud.engine.launch.output import OnOutput, OutputLine, OutputPipe
from cloud.engine.launch.process import NeverStartedError, Process
from cloud.errors import Unavailable
from cloud.settings import LauncherKind, inherited_environ

__all__ = ["PRELOAD", "Command", "ExitStatus", "Launcher", "OutputLine", "Process"]

PRELOAD = (
    "tensorflow",
    "keras",
    "orjson",
    "uvloop",
    "setuptools.build_meta",
    *(f"setuptools.command.{name}" for name in ("bdist_wheel", "build_ext", "build_py", "egg_info", "install")),
    *(f"setuptools.command.{name}" for name in ("install_egg_info", "install_lib", "install_scripts")),
)
"""The modules whose import takes trainers, serving workers and package builds their first seconds."""
_CLOSING_GRACE = 1.0
_FORKSERVER = Path(__file__).parent / "forkserver" / "__main__.py"


class Launcher:
    """Starts processes for one engine.

    A running process does not depend on its fork server: if that dies (out of memory, for example), the processes
    continue, and the next ``launch`` starts another fork server. If the engine dies, all processes end.

    Args:
        kind: COLD gives each process a fresh interpreter; WARM (Linux) forks it from one with ``preload`` imported.
        preload: modules that the warm fork server imports.
        environ: variables that libraries read at import (``GCS_*`` of TensorFlow). The warm fork server imports its
            modules with them and ``inherited_environ``; for cold processes each command has to repeat them.
    """

    def __init__(
        self,
        kind: LauncherKind,
        *,
        preload: Sequence[str] = PRELOAD,
        environ: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._kind = kind
        self._preload = tuple(preload) if kind is LauncherKind.WARM else ()
        self._environ = dict(environ)
        self._server: _ForkServer | None = None
        self._cold_launcher: Launcher | None = None
        self._starting = asyncio.Lock()
        self._processes: set[Process] = set()

    async def start(self) -> None:
        """Start the fork server and return while it still imports modules. Does nothing if it runs."""
        await self._ensure_running()

    async def ready(self) -> None:
        """Wait until all modules are imported. (Earlier calls of ``launch`` wait for that, too.)

        Raises:
            Unavailable: a module cannot be imported; the message says which and why.
        """
        await (await self._ensure_running()).ready()

    async def launch(self, command: Command, on_output: OnOutput, *, allow_cold_fallback: bool = False) -> Process:
        """Start a process.

        Args:
            on_output: called with each line, in the order of its stream, in this event loop; must not raise.
            allow_cold_fallback: start it cold if the warm fork server is not ready, for a process that does not need
                TensorFlow.

        Raises:
            FailedPrecondition: the working directory does not exist.
            Unavailable: the fork server cannot import its modules, or was killed twice.
        """
        if allow_cold_fallback and not (await self._ensure_running()).is_ready:
            self._cold_launcher = self._cold_launcher or Launcher(LauncherKind.COLD, environ=self._environ)
            return await self._cold_launcher.launch(command, on_output)
        last_output = ""
        for _ in range(2):
            server = await self._ensure_running()
            try:
                process = await server.launch(command, on_output)
            except NeverStartedError:
                await server.ready()  # raises the reason if it failed to start
                await server.close()
                last_output = server.last_output
            else:
                self._processes.add(process)
                process.on_end(self._processes.discard)
                return process
        raise Unavailable(
            f"the launcher was killed, twice, while it started a process; its last output: {last_output or 'none'}"
        )

    async def close(self) -> None:
        """End all processes and the fork server. May be called twice."""
        await asyncio.gather(*(process.stop(_CLOSING_GRACE) for process in self._processes))
        if self._cold_launcher:
            await self._cold_launcher.close()
        if self._server:
            await self._server.close()
            self._server = None

    async def _ensure_running(self) -> "_ForkServer":
        async with self._starting:
            if self._server is not None and not self._server.is_running:
                await self._server.close()
                self._server = None
            if self._server is None:
                self._server = await _ForkServer.start(self._kind, self._preload, self._environ)
            return self._server


class _ForkServer:
    """The process of one fork server."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket, output: int) -> None:
        self._process = process
        self._control = control
        self._lines: deque[str] = deque(maxlen=20)
        self._output = OutputPipe("stderr", output, lambda line: self._lines.append(line.text))
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read_messages())
        self.is_running = True

    @classmethod
    async def start(cls, kind: LauncherKind, preload: Sequence[str], environ: Mapping[str, str]) -> "_ForkServer":
        ours, theirs = socket.socketpair()
        reader, writer = os.pipe()
        ours.settimeout(0)
        flags = ("-P", "-u", "-X", "utf8")
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, *flags, str(_FORKSERVER), kind.value, str(theirs.fileno()), str(os.getpid())),
                *preload,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writer,
                stderr=writer,
                env={**interpreter_environ(), **inherited_environ(), **environ},
                cwd="/",
                start_new_session=True,
                pass_fds=(theirs.fileno(),),
            )
        except BaseException:
            ours.close()
            os.close(reader)
            raise
        finally:
            theirs.close()
            os.close(writer)
        return cls(process, ours, reader)

    @property
    def last_output(self) -> str:
        """The last lines that it wrote."""
        return "\n".join(self._lines)

    @property
    def is_ready(self) -> bool:
        return self._ready.done()

    async def ready(self) -> None:
        await asyncio.shield(self._ready)

    async def launch(self, command: Command, on_output: OnOutput) -> Process:
        connection, their_connection = socket.socketpair()
        stdout, their_stdout = os.pipe()
        stderr, their_stderr = os.pipe()
        process = Process(connection, stdout, stderr, on_output)
        with their_connection:
            try:
                # If the fork server is gone, the connection breaks, and ``begin`` raises.
                with contextlib.suppress(OSError):
                    await send_descriptors(self._control, (their_stdout, their_stderr, their_connection.fileno()))
            finally:
                os.close(their_stdout)
                os.close(their_stderr)
        await process.begin(command)
        return process

    async def close(self) -> None:
        if self._process.returncode is None:
            self._process.kill()  # it has no state to lose, and may be busy importing
        await self._process.wait()
        await self._reading

    async def _read_messages(self) -> None:
        reason = ""
        try:
            async for message in receive_messages(self._control):
                if "ready" in message:
                    self._ready.set_result(None)
                else:
                    reason = message["failed"]
        finally:
            self.is_running = False
            self._control.close()
            self._output.drain()
            if not self._ready.done():
                text = f"the launcher did not start: {reason or 'it ended'}\n{self.last_output}"
                self._ready.set_exception(Unavailable(text))
                self._ready.exception()  # mark as retrieved: ready() may not have been called
