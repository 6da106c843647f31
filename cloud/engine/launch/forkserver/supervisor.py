"""The supervisor: parent of one user's process, and the end of whatever that leaves behind."""

import contextlib
import gc
import json
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Mapping
from functools import partial

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
)
from .user_process import Request, Streams, become_user_process, execute, limit_resources, run_module

_LEFTOVER_GRACE = 1.0
"""Seconds that processes have to end after the one that started them did, or after the engine is gone."""


class Supervisor:
    """Parent of one user's process, and of whatever that leaves behind."""

    def __init__(self, kind: str, streams: Streams, kept: frozenset[int]) -> None:
        self._kind = kind
        self._streams = streams
        self._kept = kept
        self._pid = 0
        self._status: int | None = None
        self._deadline: float | None = None
        """When SIGKILL follows; None as long as nothing is to end."""

    def run(self) -> Callable[[], None]:
        """Returns only in the user's process: what it is to do."""
        gc.disable()
        os.setsid()
        reset_signals()
        close_all_but(self._kept | set(self._streams))
        if LINUX:
            become_subreaper()
        leash = socket.socket(fileno=self._streams.leash)
        request = _read_request(leash)
        try:
            os.chdir(request.cwd)
        except OSError as error:
            report(leash, {"error": f"cannot run in {request.cwd}: {error.strerror}"})
            os._exit(0)
        parent = os.getpid()
        try:
            self._pid = fork()
        except OSError as error:
            report(leash, {"error": f"no process can be started: {error.strerror}"})
            os._exit(0)
        if self._pid == 0:
            become_user_process(self._streams, parent)
            report(leash, {"pid": os.getpid()})  # not before it has a group to be signalled by
            leash.detach()
            close_all_but(self._kept)
            limit_resources(request.limits)
            is_cold = self._kind == "cold" or request.interpreter is not None
            return partial(execute if is_cold else run_module, request)
        os.close(self._streams.stdout)
        os.close(self._streams.stderr)
        self._watch(leash)
        os._exit(0)

    def _watch(self, leash: socket.socket) -> None:
        child_ended = child_signals()
        poll = select.poll()
        poll.register(leash, select.POLLIN)
        poll.register(child_ended, select.POLLIN)
        pending = b""
        while self._any_left():
            ready = dict(poll.poll(self._patience()))
            if child_ended in ready:
                os.read(child_ended, 4096)
            if leash.fileno() in ready:
                received = _receive(leash)
                *lines, pending = (pending + received).split(b"\n")
                for line in lines:
                    self._end(json.loads(line)["stop"])
                if not received:
                    poll.unregister(leash)
                    self._end(_LEFTOVER_GRACE)
        if not LINUX:
            send_signal(-self._pid, signal.SIGKILL)  # orphans do not come here to be waited for
        assert self._status is not None  # noqa: S101 - no child is left, so the first one was reaped
        code = os.waitstatus_to_exitcode(self._status)
        report(leash, {"signal": -code} if code < 0 else {"code": code})

    def _any_left(self) -> bool:
        """Whether any process of the tree lives: without children there are no descendants, for orphans come here."""
        ended, any_left = reap()
        self._status = dict(ended).get(self._pid, self._status)
        if not any_left:
            return False
        if self._status is not None and self._deadline is None:
            self._end(_LEFTOVER_GRACE)
        if self._deadline is not None and time.monotonic() >= self._deadline:
            self._kill()
        return True

    def _patience(self) -> float | None:
        """Milliseconds until there is something to do without being told; None is for ever."""
        if self._deadline is None:
            return None
        # After SIGKILL another look is due soon: a process may have been born while the others died.
        return max((self._deadline - time.monotonic()) * 1000, 20)

    def _end(self, grace: float) -> None:
        deadline = time.monotonic() + grace
        if self._deadline is None:
            for group in self._groups():
                send_signal(-group, signal.SIGTERM)
                send_signal(-group, signal.SIGCONT)  # a stopped process would not hear of it
        self._deadline = deadline if self._deadline is None else min(deadline, self._deadline)

    def _kill(self) -> None:
        # A signal to a group reaches all of it at once, also one that forks at this moment (kernel/fork.c). All groups
        # stand still before any dies, so that none can have a child that is missed.
        seen: set[int] = set()
        while new := self._groups() - seen:
            for group in new:
                send_signal(-group, signal.SIGSTOP)
            seen |= new
        for group in seen:
            send_signal(-group, signal.SIGKILL)

    def _groups(self) -> set[int]:
        """The process groups of the tree. Nobody else is in them: a group is within a session, and the tree's sessions
        were made in it."""
        return {process.group for process in descendants(os.getpid())} - {os.getpgrp()} if LINUX else {self._pid}


def report(leash: socket.socket, message: Mapping[str, object]) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # nobody is left to be told
        leash.sendall(json.dumps(message).encode() + b"\n")


def _read_request(leash: socket.socket) -> Request:
    """The first line from the engine; ends this process if the engine goes before it is said."""
    received = b""
    while not received.endswith(b"\n"):  # the engine says nothing else before it hears the pid
        piece = _receive(leash)
        if not piece:
            os._exit(0)
        received += piece
    return Request(**json.loads(received))


def _receive(leash: socket.socket) -> bytes:
    try:
        return leash.recv(65536)
    except ConnectionResetError:
        return b""
