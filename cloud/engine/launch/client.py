"""``Launcher``: starts processes that run a Python module, warm or cold, and never lets one outlive this process."""

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
"""What trainers, serving workers and the building of packages spend their first seconds on."""
_CLOSING_GRACE = 1.0
_FORKSERVER = Path(__file__).parent / "forkserver" / "__main__.py"


class Launcher:
    """Starts processes for one engine.

    A process does not depend on its launcher any more once it runs: if a launcher dies (memory ran out, say), the
    processes go on, and the next ``launch`` starts another. If the engine dies, all of them end.

    Args:
        kind: COLD gives each process a fresh interpreter; WARM (Linux) forks it from one with ``preload`` loaded.
        preload: modules to import in a warm launcher.
        environ: variables that libraries read while they are loaded (``GCS_*`` of TensorFlow): the warm launcher loads
            its modules under them, besides ``inherited_environ``. To be repeated in each command for the cold one.
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
        self._stand_in: Launcher | None = None
        self._starting = asyncio.Lock()
        self._processes: set[Process] = set()

    async def start(self) -> None:
        """Start the launcher's process and return at once, while it still loads. Does nothing if it runs."""
        await self._running()

    async def ready(self) -> None:
        """Wait until everything is loaded; requests made before are not lost, they wait.

        Raises:
            Unavailable: a module cannot be loaded; the message says which and why.
        """
        await (await self._running()).ready()

    async def launch(self, command: Command, on_output: OnOutput, *, allow_cold_fallback: bool = False) -> Process:
        """Start a process.

        Args:
            on_output: gets each line, in the order of its stream, in this event loop; must not raise.
            allow_cold_fallback: start it cold if a warm launcher is still loading, for a process that needs no
                TensorFlow.

        Raises:
            FailedPrecondition: the folder to run in does not exist.
            Unavailable: the launcher cannot load its modules, or was killed twice.
        """
        if allow_cold_fallback and not (await self._running()).is_ready:
            self._stand_in = self._stand_in or Launcher(LauncherKind.COLD, environ=self._environ)
            return await self._stand_in.launch(command, on_output)
        said = ""
        for _ in range(2):
            server = await self._running()
            try:
                process = await server.launch(command, on_output)
            except NeverStartedError:
                await server.ready()  # says why, if it never was
                await server.close()
                said = server.said
            else:
                self._processes.add(process)
                process.on_end(self._processes.discard)
                return process
        raise Unavailable(
            f"the launcher was killed, twice, while it started a process; its last words: {said or 'none'}"
        )

    async def close(self) -> None:
        """End all processes and the launcher. May be called twice."""
        await asyncio.gather(*(process.stop(_CLOSING_GRACE) for process in self._processes))
        if self._stand_in:
            await self._stand_in.close()
        if self._server:
            await self._server.close()
            self._server = None

    async def _running(self) -> "_ForkServer":
        async with self._starting:
            if self._server is not None and not self._server.is_running:
                await self._server.close()
                self._server = None
            if self._server is None:
                self._server = await _ForkServer.start(self._kind, self._preload, self._environ)
            return self._server


class _ForkServer:
    """One launcher's process."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket, output: int) -> None:
        self._process = process
        self._control = control
        self._lines: deque[str] = deque(maxlen=20)
        self._output = OutputPipe("stderr", output, lambda line: self._lines.append(line.text))
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._following = asyncio.create_task(self._follow())
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
    def said(self) -> str:
        """What it wrote last."""
        return "\n".join(self._lines)

    @property
    def is_ready(self) -> bool:
        return self._ready.done()

    async def ready(self) -> None:
        await asyncio.shield(self._ready)

    async def launch(self, command: Command, on_output: OnOutput) -> Process:
        leash, their_leash = socket.socketpair()
        stdout, their_stdout = os.pipe()
        stderr, their_stderr = os.pipe()
        process = Process(leash, stdout, stderr, on_output)
        with their_leash:
            try:
                # If nobody is there to take them, the leash breaks, and that is noticed.
                with contextlib.suppress(OSError):
                    await send_descriptors(self._control, (their_stdout, their_stderr, their_leash.fileno()))
            finally:
                os.close(their_stdout)
                os.close(their_stderr)
        await process.begin(command)
        return process

    async def close(self) -> None:
        if self._process.returncode is None:
            self._process.kill()  # it keeps nothing that could be lost, and may be busy loading
        await self._process.wait()
        await self._following

    async def _follow(self) -> None:
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
                text = f"the launcher did not start: {reason or 'it ended'}\n{self.said}"
                self._ready.set_exception(Unavailable(text))
                self._ready.exception()  # retrieved: nobody may have asked
