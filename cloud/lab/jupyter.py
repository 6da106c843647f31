"""``JupyterServer``: JupyterLab, as a process beside the cloud."""

import asyncio
import contextlib
import importlib.util
import os
import secrets
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from cloud.cli.child import start_watchdog
from cloud.errors import FailedPrecondition
from cloud.lab import jupyter_files

_PROGRAM = Path(__file__).with_name("jupyter_process.py")
_DEFAULT_PORT = 8888
_TRIED_PORTS = 50
_START_SECONDS = 120.0
_POLL = 0.05
_END_SECONDS = 10.0
"""In which kernels and terminals end."""
_LOG_LINES = 15
_NEEDED = ("jupyterlab", "ipykernel", "jupyterlab_language_pack_es_ES")


def check_installed() -> None:
    """Raises:
    FailedPrecondition: the extra ``lab`` is not installed.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise FailedPrecondition(
            f"the lab needs {' and '.join(missing)}, of the extra lab: {sys.executable} -m pip install "
            "'offline-ml-cloud[lab]' (in a checkout: '.[lab]')"
        )


def hold_port(wanted: int | None) -> socket.socket:
    """A socket bound to the port ``wanted``, if it is free; None: Jupyter's own, or the first that is free after it; 0:
    any. It does not listen: no connection of another program gets the port meanwhile, and JupyterLab can.

    Raises:
        FailedPrecondition: it is taken, or may not be used.
    """
    if wanted:
        try:
            return _bind(wanted)
        except OSError as error:
            raise FailedPrecondition(
                f"port {wanted} cannot be used: {error.strerror}; choose another with --port (0 picks a free one)"
            ) from error
    if wanted is None:
        for port in range(_DEFAULT_PORT, _DEFAULT_PORT + _TRIED_PORTS):
            with contextlib.suppress(OSError):
                return _bind(port)
    return _bind(0)


def _bind(port: int) -> socket.socket:
    held = socket.socket()
    # As Jupyter's server: connections of the last lab may still be waiting for their end.
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind(("127.0.0.1", port))
    except OSError:
        held.close()
        raise
    return held


class JupyterServer:
    """Between ``start`` and ``close``. It ends with this process, however that ends.

    Args:
        folder: of JupyterLab's own files.
        root: the learner's folder.
        first: the notebook that the address opens.
        held: ``hold_port``; it is closed when JupyterLab listens.
    """

    def __init__(self, folder: Path, *, root: Path, language: str, first: str, held: socket.socket) -> None:
        self._folder, self._root, self._language, self._first, self._held = folder, root, language, first, held
        self._port: int = held.getsockname()[1]
        self._token = secrets.token_hex(24)
        self._process: asyncio.subprocess.Process | None = None
        self._watchdog: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> str:
        """What a browser opens."""
        return f"http://127.0.0.1:{self._port}/lab/tree/{self._first}?token={self._token}"

    @property
    def log(self) -> Path:
        return self._folder / "jupyter.log"

    async def start(self, environ: Mapping[str, str]) -> None:
        """Args:
            environ: of the owner's programs.

        Raises:
            FailedPrecondition: it ended, or does not answer in two minutes.
        """
        if sys.platform != "linux":
            self._held.close()  # elsewhere two sockets cannot be bound to one port
        programs = Path(sys.executable).parent
        guest = jupyter_files.environ(
            self._folder, environ, root=self._root, language=self._language, programs=programs
        )
        jupyter_files.write(self._folder, guest, first=self._first, port=self._port, token=self._token)
        self._watchdog = await start_watchdog()
        output = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", str(_PROGRAM)),  # -P: nothing of the learner's is imported
                cwd=self._root,
                env=guest,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for the lab, which ends it
            )
        finally:
            os.close(output)
        assert self._watchdog.stdin is not None  # noqa: S101 - a pipe
        self._watchdog.stdin.write(f"-{self._process.pid}\n".encode())
        await self._watchdog.stdin.drain()
        await self._wait_until_up()
        self._held.close()

    async def wait(self) -> int:
        """Its exit status, once it has ended, as when a user shuts it down by its menu."""
        assert self._process is not None  # noqa: S101 - started
        return await self._process.wait()

    def ended_early(self, status: int) -> FailedPrecondition:
        """What to say if it ended by itself."""
        try:
            lines = self.log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        except OSError:
            lines = []
        return FailedPrecondition("\n".join([f"JupyterLab ended with status {status}; the end of {self.log}:", *lines]))

    async def close(self) -> None:
        self._held.close()
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), _END_SECONDS)
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                await self._process.wait()
        if self._watchdog is not None:
            await self._watchdog.communicate(b"ended\n")
            self._watchdog = None

    async def _wait_until_up(self) -> None:
        assert self._process is not None  # noqa: S101 - started
        ended = asyncio.ensure_future(self._process.wait())
        try:
            async with asyncio.timeout(_START_SECONDS):
                while not await self._answers():
                    if (await asyncio.wait([ended], timeout=_POLL))[0]:
                        raise self.ended_early(ended.result())
        except TimeoutError:
            raise FailedPrecondition(f"JupyterLab did not answer in {_START_SECONDS:.0f} s; see {self.log}") from None
        finally:
            ended.cancel()

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return False
        try:
            writer.write(b"GET /api HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
            return b" 200 " in await reader.readline()
        except OSError:
            return False
        finally:
            writer.close()
