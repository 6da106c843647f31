"""fake-gcs-server for tests: one that anyone reaches, an engine's in a process of its own, and how processes end."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from cloud.engine.storage.server import FakeGcsServer
from cloud.engine.storage.server_binary import find_binary

WITHOUT_NAMESPACES = (
    *("unshare", "--user", "--map-root-user"),
    *("sh", "-c", 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"', "sh"),
)
"""Before a command line: runs it where the kernel refuses further user namespaces, as some machines do."""
_ENGINE = """
import asyncio, sys
from pathlib import Path
from cloud.engine.storage.server import FakeGcsServer

async def main(root, override=None):
    server = FakeGcsServer(Path(root), override)
    await server.start()
    print(server.pid, server.url, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.close()

asyncio.run(main(*sys.argv[1:]))
"""


def has_namespaces() -> bool:
    """Whether this machine makes network namespaces for its users, so that refusing them can be tested."""
    unshare = shutil.which("unshare")
    argv = [str(unshare), "--user", "--map-root-user", "--net", "true"]
    return unshare is not None and subprocess.run(argv, check=False, capture_output=True).returncode == 0


def session_of(server: FakeGcsServer) -> aiohttp.ClientSession:
    """A session that reaches ``server``."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(socket_factory=server.open_socket))


@contextmanager
def public_server(root: Path) -> Iterator[str]:
    """Run one that everyone reaches, as users start it themselves; yields its URL."""
    options = ("-backend", "filesystem", "-filesystem-root", str(root), "-scheme", "http", "-host", "127.0.0.1")
    with subprocess.Popen(
        [find_binary(None), *options, "-port", "0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout
            while "server started at" not in process.stdout.readline():
                assert process.poll() is None
            yield f"http://127.0.0.1:{listening_port(process.pid)}"
        finally:
            process.terminate()


def listening_port(pid: int) -> int | None:
    """The TCP port of this network namespace on which a process listens."""
    links = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            links.append(descriptor.readlink().name)
    for table in ("tcp", "tcp6"):
        for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = row.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in links:
                return int(fields[1].rpartition(":")[2], 16)
    return None


def guard_of(server: int) -> int:
    """Process id of the guard of the server with this process id."""
    (guard,) = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    return int(guard)


class Watched:
    """A process that may be no child: ``async with Watched(pid) as process: ...; await process.ended()``."""

    def __init__(self, pid: int) -> None:
        self._descriptor = os.pidfd_open(pid)  # now, so that no later process of this id is meant
        self._ended = asyncio.Event()

    async def __aenter__(self) -> Self:
        asyncio.get_running_loop().add_reader(self._descriptor, self._ended.set)
        return self

    async def ended(self) -> None:
        async with asyncio.timeout(10):
            await self._ended.wait()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)


class Engine:
    """An engine in a process of its own.

    Attributes:
        server: process id of its fake-gcs-server.
        url: the server's.
    """

    def __init__(self, process: asyncio.subprocess.Process, server: int, url: str) -> None:
        self.process = process
        self.server = server
        self.url = url

    async def close(self) -> str:
        """End it, unless it was killed; returns what it wrote to stderr."""
        _, errors = await self.process.communicate(b"")
        return errors.decode()


@asynccontextmanager
async def engine(*arguments: object, before: tuple[str, ...] = ()) -> AsyncIterator[Engine]:
    """Start one with the ``arguments`` of ``FakeGcsServer``; ``before``: as ``WITHOUT_NAMESPACES``."""
    argv = (*before, sys.executable, "-c", _ENGINE, *map(str, arguments))
    process = await asyncio.create_subprocess_exec(*argv, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    assert process.stdout
    try:
        line = await process.stdout.readline()
        pid, url = line.decode().split()
        yield Engine(process, int(pid), url)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()
