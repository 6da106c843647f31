"""What a job of this machine must not reach: files, a process, listeners."""

import contextlib
import os
import select
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

from integration.launch.attacks import BANNER

_NOBODY = 65534
_SERVER = """
import ctypes, sys
ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1))  # any process of the user may trace it (Yama)
secret = ctypes.create_string_buffer(b"secret")
file = open(sys.argv[1])
print(ctypes.addressof(secret), file.fileno(), flush=True)
sys.stdin.read()
"""


class Machine:
    """Made once; ``close`` ends it."""

    def __init__(self, folder: Path) -> None:
        self._exit = contextlib.ExitStack()
        self._folder = folder / "machine"
        self._folder.mkdir()
        readable = folder / "readable"
        readable.mkdir()
        for path in (self._folder / "secret", self._folder / "emptied", readable / "file"):
            path.write_text("secret")
        (self._folder / "program").write_text("#!/bin/sh\n")
        (self._folder / "program").chmod(0o755)
        self.readable = readable
        self.programs = folder / "setuid"
        self.programs.mkdir()
        self._targets: dict[str, object] = {
            "folder": str(self._folder),
            "readable": str(readable),
            "setuid": str(self._setuid_program()),
            **self._start_server(),
            **self._start_listeners(),
        }

    def targets(self, run: str) -> dict[str, object]:
        """For one process that attacks.

        Args:
            run: a name that no other process has.
        """
        for name in ("deleted", "renamed"):
            (self._folder / f"{name}-{run}").touch()
        return {**self._targets, "run": run}

    def close(self) -> None:
        self._exit.close()

    def _setuid_program(self) -> Path:
        """A copy of ``id`` that runs as another user; of this one, unless this is root."""
        program = self.programs / "id"
        shutil.copy("/usr/bin/id", program)
        if os.getuid() == 0:
            os.chown(program, _NOBODY, _NOBODY)
        program.chmod(0o4755)
        return program

    def _start_server(self) -> dict[str, object]:
        server = subprocess.Popen(
            [sys.executable, "-c", _SERVER, str(self._folder / "secret")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=self._folder,
        )
        self._exit.callback(server.wait)
        self._exit.enter_context(server.stdin or contextlib.nullcontext())
        assert server.stdout
        self._exit.enter_context(server.stdout)
        address, descriptor = map(int, server.stdout.readline().split())
        return {"server": server.pid, "address": address, "descriptor": descriptor}

    def _start_listeners(self) -> dict[str, object]:
        tcp = socket.create_server(("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        abstract, unix = (socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(2))
        name = f"test-{os.getpid()}"
        abstract.bind(f"\0{name}")
        with contextlib.chdir(self._folder):
            unix.bind("socket")  # by a short path: one of a Unix socket has at most 107 bytes
        with socket.create_server(("127.0.0.1", 0)) as free:
            free_port = free.getsockname()[1]
        for listener in (tcp, abstract, unix):
            listener.listen()
        self._serve(udp, [tcp, abstract, unix])
        return {
            "tcp": tcp.getsockname()[1],
            "udp": udp.getsockname()[1],
            "abstract": name,
            "free_port": free_port,
        }

    def _serve(self, udp: socket.socket, listeners: list[socket.socket]) -> None:
        ours, theirs = socket.socketpair()

        def serve() -> None:
            while True:
                ready, _, _ = select.select([theirs, udp, *listeners], [], [])
                if theirs in ready:
                    return
                if udp in ready:
                    udp.sendto(BANNER, udp.recvfrom(10)[1])
                for listener in listeners:
                    if listener in ready:
                        _greet(listener)

        thread = threading.Thread(target=serve)
        for each in (ours, theirs, udp, *listeners):
            self._exit.enter_context(each)
        self._exit.callback(thread.join)
        self._exit.callback(ours.shutdown, socket.SHUT_RDWR)
        thread.start()


def _greet(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection, contextlib.suppress(OSError):
        connection.settimeout(10)
        connection.send(BANNER)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(100):  # a client's first bytes that are not read would reset the connection
            pass
