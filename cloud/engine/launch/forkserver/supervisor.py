"""The supervisor: parent of one user's process, which ends everything that process started."""

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial

from .confine import Confinement, Namespaces, confine
from .limits import limit_resources
from .unix import (
    LINUX,
    become_subreaper,
    child_signals,
    close_all_but,
    descendants,
    fork,
    reap,
    reset_signals,
    send_signal,
    threads_of_machine,
)
from .user_process import Request, Streams, become_user_process, execute, run_module

_LEFTOVER_GRACE = 1.0
"""Seconds between SIGTERM and SIGKILL once the user's process has ended, or the engine is gone."""
_COUNT_INTERVAL = 0.5
"""Seconds between counts of the processes of a tree: the kernel exempts root from RLIMIT_NPROC, and outside of a
namespace it counts all of a user's processes (getrlimit(2))."""


class Supervisor:
    """Parent of one user's process and subreaper of everything that process starts.

    Args:
        namespaces: those in which the user's process runs; None: this process's.
        mounting: a socket to the engine, for the descriptor that serves ``/gcs``; None: there is no such folder.
        kept: descriptors that are not closed.
    """

    def __init__(
        self, streams: Streams, namespaces: Namespaces | None, mounting: int | None, kept: frozenset[int]
    ) -> None:
        self._streams = streams
        self._namespaces = namespaces
        self._mounting = mounting
        self._kept = kept
        self._pid = 0
        self._status: int | None = None
        self._deadline: float | None = None
        """When SIGKILL is sent; None while the user's process may run."""
        self._max_processes: int | None = None
        """Processes and threads of the tree at a time, where the kernel does not limit them; None for no limit."""
        self._reason = ""
        """Why this process has ended the tree, if it did by itself."""

    def run(self) -> Callable[[], None]:
        """Returns only in the user's process: the function that it has to call."""
        gc.disable()
        os.setsid()
        reset_signals()
        mounting = () if self._mounting is None else (self._mounting,)
        close_all_but({*self._kept, *self._streams, *(self._namespaces or ()), *mounting})
        if LINUX:
            become_subreaper()
        connection = socket.socket(fileno=self._streams.connection)
        request = _read_request(connection)
        try:
            os.chdir(request.cwd)
        except OSError as error:
            report(connection, {"error": f"cannot run in {request.cwd}: {error.strerror}"})
            os._exit(0)
        parent = os.getpid()
        try:
            self._pid = fork()
        except OSError as error:
            report(connection, {"error": f"no process can be started: {error.strerror}"})
            os._exit(0)
        if self._pid == 0:
            become_user_process(self._streams, parent)
            self._confine(request, connection)
            report(
                connection, {"pid": os.getpid(), "supervisor": parent}
            )  # not before it has a process group to be signalled
            connection.detach()
            close_all_but(self._kept)
            limit_resources(request.limits)
            return partial(execute, request.python, request) if request.python else partial(run_module, request)
        for descriptor in (self._streams.stdout, self._streams.stderr, *(self._namespaces or ()), *mounting):
            os.close(descriptor)
        if LINUX and request.confinement is not None and not (self._namespaces and os.getuid()):
            self._max_processes = request.confinement.max_processes
        self._watch(connection)
        os._exit(0)

    def _confine(self, request: Request, connection: socket.socket) -> None:
        """Confine the user's process as requested; if it cannot be, it reports why and ends."""
        if request.confinement is None:
            return
        try:
            programs = [request.python[0] if request.python else sys.executable]
            engine = None if self._mounting is None else socket.socket(fileno=os.dup(self._mounting))
            confine(request.confinement, self._namespaces, programs, engine)
            if engine:
                engine.close()
            os.chdir(request.cwd)  # in the new root
        except OSError as error:
            path = "" if error.filename is None else f"{error.filename}: "
            report(connection, {"error": f"cannot be confined: {path}{error.strerror}"})
            os._exit(0)

    def _watch(self, connection: socket.socket) -> None:
        child_ended = child_signals()
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        poll.register(child_ended, select.POLLIN)
        pending = b""
        while self._any_left():
            ready = dict(poll.poll(self._poll_timeout()))
            if child_ended in ready:
                os.read(child_ended, 4096)
            if connection.fileno() in ready:
                received = _receive(connection)
                *lines, pending = (pending + received).split(b"\n")
                for line in lines:
                    self._terminate(json.loads(line)["stop"])
                if not received:
                    poll.unregister(connection)
                    self._terminate(_LEFTOVER_GRACE)
        if not LINUX:
            send_signal(-self._pid, signal.SIGKILL)  # orphans are not children of this process
        assert self._status is not None  # noqa: S101 - no child is left, so the first one was reaped
        code = os.waitstatus_to_exitcode(self._status)
        report(connection, {"reason": self._reason, **({"signal": -code} if code < 0 else {"code": code})})

    def _any_left(self) -> bool:
        """Whether any process of the tree is alive. Orphans become children: without children none is."""
        ended, any_left = reap()
        self._status = dict(ended).get(self._pid, self._status)
        if not any_left:
            return False
        if self._status is not None and self._deadline is None:
            self._terminate(_LEFTOVER_GRACE)
        if self._max_processes is not None and not self._reason:
            self._check_processes(self._max_processes)
        if self._deadline is not None and time.monotonic() >= self._deadline:
            self._kill()
        return True

    def _check_processes(self, most: int) -> None:
        if threads_of_machine() <= most:  # the whole machine has no more
            return
        if sum(process.threads for process in descendants(os.getpid())) > most:
            self._reason = f"it had more than {most} processes and threads at a time"
            self._deadline = time.monotonic()

    def _poll_timeout(self) -> float | None:
        """Milliseconds until there is something to do; None for no limit."""
        if self._deadline is None:
            return None if self._max_processes is None else _COUNT_INTERVAL * 1000
        # After SIGKILL, check again soon: a process may have been forked while the others were killed.
        return max((self._deadline - time.monotonic()) * 1000, 20)

    def _terminate(self, grace: float) -> None:
        deadline = time.monotonic() + grace
        if self._deadline is None:
            for group in self._groups():
                send_signal(-group, signal.SIGTERM)
                send_signal(-group, signal.SIGCONT)  # a stopped process would not handle it
        self._deadline = deadline if self._deadline is None else min(deadline, self._deadline)

    def _kill(self) -> None:
        # A signal to a group reaches all of it at once, also a process that is forking (kernel/fork.c). All groups are
        # stopped before any is killed, so that none can start a process that is missed.
        seen: set[int] = set()
        while new := self._groups() - seen:
            for group in new:
                send_signal(-group, signal.SIGSTOP)
            seen |= new
        for group in seen:
            send_signal(-group, signal.SIGKILL)

    def _groups(self) -> set[int]:
        """The process groups of the tree. No other process is in them: a group belongs to one session, and the tree's
        sessions were created in it."""
        return {process.group for process in descendants(os.getpid())} - {os.getpgrp()} if LINUX else {self._pid}


def report(connection: socket.socket, message: Mapping[str, object]) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the engine is gone
        connection.sendall(json.dumps(message).encode() + b"\n")


def _read_request(connection: socket.socket) -> Request:
    """The first line from the engine; ends this process if the engine is gone before it sent one."""
    received = b""
    while not received.endswith(b"\n"):  # the engine sends nothing else before it receives the pid
        piece = _receive(connection)
        if not piece:
            os._exit(0)
        received += piece
    fields = json.loads(received)
    confinement = fields.pop("confinement")
    return Request(**fields, confinement=Confinement(**confinement) if confinement else None)


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionResetError:
        return b""
