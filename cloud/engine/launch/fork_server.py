"""``ForkServer``: the process that starts others, warm or cold, for one interpreter."""

import asyncio
import contextlib
import os
import socket
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cloud.engine.launch.command import Command, Interpreter
from cloud.engine.launch.deadlines import Deadlines
from cloud.engine.launch.messages import receive_descriptors, receive_messages, send_descriptors, send_message
from cloud.engine.launch.network import Network
from cloud.engine.launch.output import OnOutput, OutputPipe
from cloud.engine.launch.process import NeverStartedError, Process
from cloud.errors import FailedPrecondition, Unavailable
from cloud.settings import inherited_environ

_NO_HOME = {"HOME": os.devnull}
"""What libraries read from the user's home when they are imported (Keras: ``.keras/keras.json``) is not the job's."""
_PROGRAM = Path(__file__).parent / "forkserver" / "__main__.py"


class ForkServer:
    """One fork server, from its start to its end.

    A process that it has started does not depend on it.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, control: socket.socket, output: int, deadlines: Deadlines
    ) -> None:
        self._deadlines = deadlines
        self._process = process
        self._control = control
        self._lines: deque[str] = deque(maxlen=20)
        self._output = OutputPipe("stderr", output, lambda line: self._lines.append(line.text))
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read_messages())
        self.is_running = True

    @classmethod
    async def start(cls, interpreter: Interpreter, environ: Mapping[str, str], deadlines: Deadlines) -> "ForkServer":
        """Start it, and return while it still imports modules."""
        ours, theirs = socket.socketpair()
        reader, writer = os.pipe()
        ours.settimeout(0)
        try:
            process = await asyncio.create_subprocess_exec(
                *(*interpreter.command_line, str(_PROGRAM), str(theirs.fileno()), str(os.getpid())),
                *interpreter.preload,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writer,
                stderr=writer,
                env={**interpreter.environ, **inherited_environ(), **environ, **_NO_HOME},
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
        return cls(process, ours, reader, deadlines)

    @property
    def last_output(self) -> str:
        """The last lines that it wrote."""
        return "\n".join(self._lines)

    @property
    def is_ready(self) -> bool:
        """Whether all modules are imported."""
        return self._ready.done() and not self._ready.exception()

    async def ready(self) -> None:
        """Wait until all modules are imported.

        Raises:
            Unavailable: one cannot be imported; the message says which and why. Or it takes too long: then this ends.
        """
        try:
            async with asyncio.timeout(self._deadlines.load):
                await asyncio.shield(self._ready)
        except TimeoutError:
            await self.close()
            raise Unavailable(
                f"the launcher did not load its modules within {self._deadlines.load:g} s and was ended: the same call "
                f"may work later\n{self.last_output}"
            ) from None

    async def launch(self, command: Command, on_output: OnOutput, python: Sequence[str] | None) -> Process:
        """Start a process; ``python`` as in ``Process.begin``.

        Raises:
            NeverStartedError: the fork server has ended, or ends before it has started the process.
            FailedPrecondition: the working directory does not exist, or the process cannot be confined.
        """
        connection, their_connection = socket.socketpair()
        stdout, their_stdout = os.pipe()
        stderr, their_stderr = os.pipe()
        process = Process(connection, stdout, stderr, on_output, self._deadlines.end)
        confinement = command.confinement
        network = confinement.network if confinement else None
        mount = confinement.mount if confinement else None
        mounted, their_mounted = socket.socketpair() if mount else (None, None)
        descriptors = [their_connection.fileno(), their_stdout, their_stderr, *(network.namespaces if network else ())]
        if their_mounted:
            descriptors.append(their_mounted.fileno())
        with their_connection, their_mounted or contextlib.nullcontext():
            try:
                # If the fork server is gone, the connection breaks, and ``begin`` raises.
                with contextlib.suppress(OSError):
                    await send_descriptors(self._control, b"p", descriptors)
            finally:
                os.close(their_stdout)
                os.close(their_stderr)
        with mounted or contextlib.nullcontext():
            await process.begin(command, python)
            if mounted and mount:
                await _serve_mount(mounted, process, mount)
        return process

    async def create_network(self, port: int) -> Network:
        """See ``Launcher.create_network``.

        Raises:
            NeverStartedError: the fork server has ended.
            FailedPrecondition: the system refuses it.
        """
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.settimeout(0)
            with contextlib.suppress(OSError):
                await send_descriptors(self._control, b"n", (theirs.fileno(),))
            theirs.close()
            with contextlib.suppress(OSError):
                await send_message(ours, {"port": port})
            message, descriptors = await receive_descriptors(ours, 3)
        if message is None:
            raise NeverStartedError
        if not descriptors:
            raise FailedPrecondition(f"no network for a job: {message['error']}")
        user, network, listening = descriptors
        return Network(user, network, socket.socket(fileno=listening))

    async def close(self) -> None:
        """End it. May be called twice."""
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


async def _serve_mount(mounted: socket.socket, process: Process, serve: Callable[[int], Callable[[], None]]) -> None:
    """Serve ``/gcs`` of a process that has started, if it could mount it: it sent the descriptor before."""
    mounted.settimeout(0)
    _, descriptors = await receive_descriptors(mounted, 1)
    if descriptors:
        end = serve(descriptors[0])
        process.on_end(lambda _: end())
