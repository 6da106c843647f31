"""``Process``: the engine's handle of one launched process."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence

from cloud.engine.launch.command import Command, ExitStatus
from cloud.engine.launch.messages import receive_messages, send_message
from cloud.engine.launch.orphans import kill_orphans
from cloud.engine.launch.output import OnOutput, OutputPipe
from cloud.errors import CloudError, FailedPrecondition


class NeverStartedError(Exception):
    """The fork server ended before it started the process."""


class Process:
    """A running process, with all processes that it starts. Made by ``Launcher.launch``.

    Args:
        connection: to the process's supervisor, which ends the process if the connection is closed.
        stdout: read end of the pipe, like ``stderr``.
        end_limit: see ``Deadlines.end``.
    """

    def __init__(
        self, connection: socket.socket, stdout: int, stderr: int, on_output: OnOutput, end_limit: float
    ) -> None:
        self._connection = connection
        self._connection.settimeout(0)
        self._end_limit = end_limit
        self._supervisor = 0
        """Its process id; 0 before the start."""
        self._pipes = [OutputPipe("stdout", stdout, on_output), OutputPipe("stderr", stderr, on_output)]
        loop = asyncio.get_running_loop()
        self._started: asyncio.Future[int] = loop.create_future()
        self._ended: asyncio.Future[ExitStatus] = loop.create_future()
        self._reading = asyncio.create_task(self._read_messages())
        self._environ: Mapping[str, str] = {}

    @property
    def pid(self) -> int:
        """Process id of the process that runs the module."""
        return self._started.result()

    async def begin(self, command: Command, python: Sequence[str] | None) -> None:
        """Send the request to start the process, and wait until it is started. Called once.

        Args:
            python: the command line of the interpreter to start it in; None: it continues in the fork server's.

        Raises:
            NeverStartedError: the fork server is gone.
            FailedPrecondition: it cannot be started; the message says why.
        """
        self._environ = command.full_environ()
        request = {
            "module": command.module,
            "argv": command.argv,
            "environ": self._environ,
            "cwd": str(command.cwd),
            "import_path": [str(folder) for folder in command.import_path],
            "python": python,
            "limits": dict(command.limits),
            "confinement": command.confinement.request() if command.confinement else None,
        }
        try:
            # The supervisor may be gone: then no response comes, and ``_started`` gets the error.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                await send_message(self._connection, request)
            await asyncio.shield(self._started)
        except BaseException:
            self._reading.cancel()
            raise

    def on_end(self, callback: Callable[["Process"], object]) -> None:
        """Call ``callback`` with this process when ``wait`` would return."""
        self._ended.add_done_callback(lambda _: callback(self))

    async def wait(self) -> ExitStatus:
        """See ``RunningProcess``."""
        return await asyncio.shield(self._ended)

    async def stop(self, grace: float) -> ExitStatus:
        """See ``RunningProcess``."""
        if not self._ended.done():
            with contextlib.suppress(OSError):  # it has just ended
                await send_message(self._connection, {"stop": grace})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace + self._end_limit):
                return await self.wait()
        # The supervisor itself does not run: it was stopped. It lives, as its status is missing, so the id is its own.
        for number in (signal.SIGCONT, signal.SIGKILL):
            if self._supervisor and not self._ended.done():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._supervisor, number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._end_limit):
                    return await self.wait()
        return await self.wait()

    async def _read_messages(self) -> None:
        status: ExitStatus | None = None
        refusal: CloudError | None = None
        try:
            async for message in receive_messages(self._connection):
                match message:
                    case {"pid": pid, "supervisor": supervisor}:
                        self._supervisor = supervisor
                        self._started.set_result(pid)
                    case {"error": reason}:
                        refusal = FailedPrecondition(reason)
                    case _:
                        status = ExitStatus(**message)
            if status is None and self._started.done():
                # The supervisor was killed; the kernel then kills the user's process.
                await asyncio.to_thread(kill_orphans, self.pid, self._environ)
            for pipe in self._pipes:
                pipe.drain()
        finally:
            self._connection.close()
            for pipe in self._pipes:
                pipe.close()
            if not self._started.done():
                self._started.set_exception(refusal or NeverStartedError())
                self._started.exception()  # mark as retrieved: begin() may have been cancelled
            self._ended.set_result(status or ExitStatus(signal=signal.SIGKILL))
