"""``Process``: one launched process as the engine sees it."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable

from cloud.engine.launch.command import Command, ExitStatus
from cloud.engine.launch.messages import receive_messages, send_message
from cloud.engine.launch.output import OnOutput, OutputPipe
from cloud.errors import CloudError, FailedPrecondition


class NeverStartedError(Exception):
    """The launcher went before it had started the process."""


class Process:
    """A running process, with everything it starts. Made by ``Launcher.launch``.

    Args:
        leash: the engine's end; if it is closed, by whatever, the process ends.
        stdout: read end of the pipe, like ``stderr``.
    """

    def __init__(self, leash: socket.socket, stdout: int, stderr: int, on_output: OnOutput) -> None:
        self._leash = leash
        self._leash.settimeout(0)
        self._pipes = [OutputPipe("stdout", stdout, on_output), OutputPipe("stderr", stderr, on_output)]
        loop = asyncio.get_running_loop()
        self._started: asyncio.Future[int] = loop.create_future()
        self._ended: asyncio.Future[ExitStatus] = loop.create_future()
        self._following = asyncio.create_task(self._follow())

    @property
    def pid(self) -> int:
        """Of the process that runs the module."""
        return self._started.result()

    async def begin(self, command: Command) -> None:
        """Have the process started; called once.

        Raises:
            NeverStartedError: nobody is there to do it.
            FailedPrecondition: it cannot be started, with the reason.
        """
        request = {
            "module": command.module,
            "argv": command.argv,
            "environ": command.full_environ(),
            "cwd": str(command.cwd),
            "import_path": [str(folder) for folder in command.import_path],
            "interpreter": str(command.interpreter) if command.interpreter else None,
            "limits": dict(command.limits),
        }
        try:
            # Whoever is to read this may have gone; then the answer, or its absence, says so.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                await send_message(self._leash, request)
            await asyncio.shield(self._started)
        except BaseException:
            self._following.cancel()
            raise

    def on_end(self, callback: Callable[["Process"], object]) -> None:
        """Have ``callback`` called with this process when ``wait`` would return."""
        self._ended.add_done_callback(lambda _: callback(self))

    async def wait(self) -> ExitStatus:
        """How it ended, once nothing of it is left and its output is delivered to the last byte."""
        return await asyncio.shield(self._ended)

    async def stop(self, grace: float) -> ExitStatus:
        """SIGTERM to the process and all that it started, SIGKILL to what is left after ``grace`` seconds."""
        if not self._ended.done():
            with contextlib.suppress(OSError):  # it ends at this very moment
                await send_message(self._leash, {"stop": grace})
        return await self.wait()

    async def _follow(self) -> None:
        # A supervisor that dies without a word was killed, and the kernel then kills the process it looks after.
        status = ExitStatus(signal=signal.SIGKILL)
        refusal: CloudError | None = None
        try:
            async for message in receive_messages(self._leash):
                match message:
                    case {"pid": pid}:
                        self._started.set_result(pid)
                    case {"error": reason}:
                        refusal = FailedPrecondition(reason)
                    case _:
                        status = ExitStatus(**message)
            for pipe in self._pipes:
                pipe.drain()
        finally:
            self._leash.close()
            for pipe in self._pipes:
                pipe.close()
            if not self._started.done():
                self._started.set_exception(refusal or NeverStartedError())
                self._started.exception()  # retrieved: begin() may have been cancelled and not ask any more
            self._ended.set_result(status)
