"""A cloud in a process of its own, and the processes of it that can be killed."""

import contextlib
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cloud.server.announcement import RunningCloud, find_running
from integration.user_environ import user_environ


class Victim(StrEnum):
    SERVER = "server"
    FORK_SERVER = "fork server"
    SUPERVISOR = "supervisor"
    JOB = "job"
    OF_A_JOB = "process that a job started"
    WORKER = "worker"
    STORAGE = "fake-gcs-server"
    GUARD = "what guards fake-gcs-server"


@dataclass(frozen=True, slots=True)
class Process:
    pid: int
    parent: int
    command: str


class Server:
    """``python -m cloud.serve --state FOLDER``, started and killed several times.

    Its temporary files, and those of all other clouds of its user, are in ``temporary``.
    """

    def __init__(self, folder: Path) -> None:
        self.state, self.temporary, user = folder / "state", folder / "t", folder / "user"
        for each in (self.temporary, user):
            each.mkdir(mode=0o700)
        self.announcements = user / "offline-ml-cloud"
        own = {"XDG_RUNTIME_DIR": str(user), "TMPDIR": str(self.temporary), "CLOUD_CONCURRENT_JOBS": "2"}
        self._environ = {"CLOUD_LAUNCHER": "cold"} | user_environ() | own

    def spawn(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cloud.serve", "--state", str(self.state)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._environ,
            start_new_session=True,
        )

    def start(self) -> RunningCloud:
        self.spawn()
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if "Ctrl-C ends it" in line:
                running = find_running(self.state)
                assert running is not None
                return running
        raise AssertionError(self.process.communicate())

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    close = kill

    def check_that_another_start_leaves_nothing(self) -> None:
        """Start and end another cloud of the same user, with a state folder of its own."""
        argv = [sys.executable, "-m", "cloud.serve", "--", "true"]
        ended = subprocess.run(argv, env=self._environ, capture_output=True, text=True, timeout=60, check=False)
        assert (ended.returncode, "warning" in ended.stderr) == (0, False), ended.stderr
        for pid, handle in self._left():
            readable, _, _ = select.select([handle], [], [], 5)
            os.close(handle)
            assert readable, f"process {pid} outlives its server: {_read(pid, 'cmdline')!r}"
        left = [str(path) for path in self.temporary.rglob("*")]
        assert left == []
        assert os.listdir(self.announcements) == []

    def _left(self) -> "list[tuple[int, int]]":
        """Processes (and their pidfds) with one of the folders in their arguments, environment or working directory."""
        found, folder = [], os.fsencode(self.state.parent)
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                data = _read(int(entry.name), "cmdline") + _read(int(entry.name), "environ")
                if folder in data + os.fsencode(os.readlink(entry / "cwd")):
                    found.append((int(entry.name), os.pidfd_open(int(entry.name))))
        return found

    def find(self, victim: Victim) -> list[int]:
        """The processes of this kind."""
        if victim is Victim.SERVER:
            return [self.process.pid]
        processes = _descendants(self.process.pid)
        return [each.pid for each in processes.values() if _kind(each, processes, self.process.pid) is victim]

    def tree(self) -> str:
        """The processes of the cloud, for people."""
        return "\n".join(map(str, _descendants(self.process.pid).values()))


def _kind(process: Process, processes: dict[int, Process], server: int) -> Victim | None:
    parent = processes.get(process.parent)
    is_forkserver = "forkserver/__main__.py" in process.command
    if "-filesystem-root" in process.command and "fake-gcs-server-" in process.command.split("\0")[0]:
        return Victim.STORAGE
    if is_forkserver and process.parent == server:
        return Victim.FORK_SERVER
    if is_forkserver:
        # A process that was forked and has not executed its interpreter yet looks like its supervisor.
        grandparent = processes.get(parent.parent) if parent else None
        return Victim.SUPERVISOR if grandparent is None else None
    if "cloud.engine.serving" in process.command:
        return Victim.WORKER
    if parent and "\0wait\0" in f"{parent.command}\0":
        return Victim.OF_A_JOB
    if "\0wait\0" in f"{process.command}\0":
        return Victim.JOB
    return Victim.GUARD if "server_guard.py" in process.command else None


def _descendants(ancestor: int) -> dict[int, Process]:
    children: dict[int, list[Process]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((entry / "stat").read_bytes().rpartition(b")")[2].split()[1])
            command = _read(int(entry.name), "cmdline").decode(errors="replace")
            children.setdefault(parent, []).append(Process(int(entry.name), parent, command))
    return {each.pid: each for each in _walk(ancestor, children)}


def _walk(ancestor: int, children: dict[int, list[Process]]) -> Iterator[Process]:
    for child in children.get(ancestor, ()):
        yield child
        yield from _walk(child.pid, children)


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
