"""One process of fake-gcs-server, with its guard."""

import asyncio
import contextlib
import logging
import os
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections import deque
from collections.abc import Callable
from pathlib import Path

from cloud.engine.confinement.layers import explain_refusal, read_settings
from cloud.engine.storage.server_sockets import ServerSockets
from cloud.errors import FailedPrecondition
from cloud.settings import inherited_environ

log = logging.getLogger(__name__)

_GUARD = Path(__file__).with_name("server_guard.py")
_START_SECONDS = 30.0
_STOP_SECONDS = 5.0
_REAP_SECONDS = 0.1
_PORT_INSIDE = 24443
"""In a namespace where nothing else listens any port is free."""


class NetworkRefusedError(OSError):
    """The system refuses a network namespace."""


class PortTakenError(Exception):
    pass


class ServerProcess:
    """Made by ``start``.

    Attributes:
        url: ``http://127.0.0.1:PORT``, for sockets of ``open_socket``.
    """

    def __init__(self, process: Process, control: socket.socket, url: str, on_unreachable: Callable[[], None]) -> None:
        self.url = url
        self._process = process
        self._sockets = ServerSockets(control, self._lose_guard)
        self._on_unreachable = on_unreachable
        self._is_isolated = False
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def start(
        cls, binary: str, root: Path, temporary: Path, *, is_isolated: bool, on_unreachable: Callable[[], None]
    ) -> "ServerProcess":
        """Start it; returns once it listens.

        Args:
            root: the existing folder of objects.
            temporary: the existing folder of temporary files.
            is_isolated: listen in a network namespace of its own; otherwise on a free port of this machine.
            on_unreachable: called if the guard ends; the server ends soon.

        Raises:
            NetworkRefusedError: ``is_isolated``, and the system refuses it; the text says why.
            PortTakenError: not ``is_isolated``, and another process was faster: try again.
            FailedPrecondition: the program fails.
            OSError: there are not enough file descriptors, processes or memory, or it was killed: try again.
        """
        if is_isolated and sys.platform != "linux":
            raise NetworkRefusedError("only Linux has them")
        port = _PORT_INSIDE if is_isolated else _free_port()
        ours, theirs = socket.socketpair()
        options = ("-backend", "filesystem", "-filesystem-root", str(root), "-scheme", "http")
        address = ("-host", "127.0.0.1", "-port", str(port), "-external-url", f"http://127.0.0.1:{port}")
        # It buffers each upload in memory several times, and does not return the memory unless limited.
        environ = {**inherited_environ(), "GOMEMLIMIT": "128MiB", "GOGC": "50", "TMPDIR": str(temporary)}
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(_GUARD), str(theirs.fileno()), str(os.getpid())),
                *("isolated" if is_isolated else "shared", binary, *options, *address),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=PIPE,
                stderr=STDOUT,
                env=environ,
                pass_fds=(theirs.fileno(),),
                # Ctrl-C in the terminal must not reach the server, which is needed for the clean-up.
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        started = cls(process, ours, f"http://127.0.0.1:{port}", on_unreachable)
        try:
            await started._listening(binary, is_isolated=is_isolated)
        except BaseException:
            await started._discard()
            raise
        return started

    @property
    def pid(self) -> int:
        return self._process.pid

    def open_socket(self, address: tuple[int, int, int, str, object]) -> socket.socket:
        """A socket to connect to ``url`` with; ``address`` as in the ``socket_factory`` of aiohttp's ``TCPConnector``.

        Raises:
            OSError: there is none.
        """
        return self._sockets.take() if self._is_isolated else socket.socket(*address[:3])

    async def wait(self) -> int:
        """Wait for its end; returns the exit status."""
        status = await self._process.wait()
        self._sockets.close()
        return status

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def stop(self) -> None:
        """End it. Idempotent."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self.kill()
        await self._discard()

    async def _listening(self, binary: str, *, is_isolated: bool) -> None:
        output = self._process.stdout
        assert output is not None  # noqa: S101 - for the type checker
        last: deque[str] = deque(maxlen=5)
        try:
            async with asyncio.timeout(_START_SECONDS):
                async for line in output:
                    last.append(line.decode(errors="replace").strip())
                    # Printed after the port is bound: no other process can be listening there.
                    if b"server started at" in line:
                        self._tasks.append(asyncio.create_task(_drain(output)))
                        if is_isolated:
                            self._is_isolated = True
                            await self._sockets.fill()
                        return
                await self._process.wait()
        except TimeoutError:
            last.append(f"it does not listen after {_START_SECONDS:g} s")
        if self._sockets.message:
            number, _, text = self._sockets.message.partition(" ")
            raise NetworkRefusedError(explain_refusal(OSError(int(number), text), read_settings()))
        if "address already in use" in " ".join(last):
            raise PortTakenError
        if (self._process.returncode or 0) < 0:
            raise InterruptedError(f"it was killed by signal {-(self._process.returncode or 0)} while it started")
        raise FailedPrecondition(f"{binary} does not start: {' / '.join(last) or 'it prints nothing'}")

    async def _discard(self) -> None:
        if self._process.returncode is None:
            self.kill()
        await self.wait()
        await asyncio.gather(*self._tasks)

    def _lose_guard(self) -> None:
        self._on_unreachable()
        self._tasks.append(asyncio.create_task(self._end_without_guard()))

    async def _end_without_guard(self) -> None:
        # Mostly the guard has ended because the server has, which is noticed a moment later.
        try:
            async with asyncio.timeout(_REAP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            log.warning("the guard of fake-gcs-server ended: ending the server, too")
            self.kill()


def _free_port() -> int:
    # -port 0 works but the port is not printed. So a free port is found by binding it: if another process binds it
    # before the server does, the server ends with "address already in use", and another port is tried.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _drain(output: asyncio.StreamReader) -> None:
    # Not by lines, which may exceed the reader's limit. If the pipe is not drained it fills, and the server blocks.
    while block := await output.read(2**16):
        log.debug("%s", block.decode(errors="replace").rstrip())
