"""The launcher: imports modules once, then forks a supervisor for each request."""

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Sequence

from .confine import Namespaces
from .network import create_network
from .supervisor import Supervisor, report
from .unix import (
    LINUX,
    become_subreaper,
    child_signals,
    descendants,
    die_with_parent,
    fork,
    open_descriptors,
    reap,
    send_signal,
)
from .user_process import Streams

NETWORK = b"n"
"""The byte that requests a network; any other a process."""


def main(control_fd: int, parent: int, preload: Sequence[str]) -> Callable[[], None]:
    """Serve until the engine is gone. Returns only in a user's process: the function that it has to call."""
    control = socket.socket(fileno=control_fd)
    control.set_inheritable(False)
    if LINUX:
        die_with_parent(parent, signal.SIGKILL)
        become_subreaper()
    try:
        for name in preload:
            importlib.import_module(name)
    except BaseException as error:  # noqa: BLE001 - a module may call sys.exit
        traceback.print_exc()
        reason = traceback.format_exception_only(error)[-1].strip()
        control.sendall(json.dumps({"failed": f"cannot preload {name}: {reason}"}).encode() + b"\n")
        sys.exit(1)
    kept = open_descriptors() - {control_fd}
    # What is loaded now never becomes garbage: collections in children need not traverse it, and copy its pages.
    gc.collect()
    gc.freeze()
    child_ended = child_signals()
    control.sendall(json.dumps({"ready": True}).encode() + b"\n")
    return _serve(control, child_ended, kept)


def _serve(control: socket.socket, child_ended: int, kept: frozenset[int]) -> Callable[[], None]:
    supervisors: set[int] = set()
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(child_ended, select.POLLIN)
    while True:
        ready = dict(poll.poll())
        if child_ended in ready:
            os.read(child_ended, 4096)
            _reap_supervisors(supervisors)
        if control.fileno() in ready:
            kind, descriptors, _, _ = socket.recv_fds(control, 1, 6)
            if not kind:
                sys.exit(0)
            connection = descriptors[0]
            try:
                pid = fork()
            except OSError as error:
                with socket.socket(fileno=os.dup(connection)) as engine:
                    report(engine, {"error": f"no process can be started: {error.strerror}"})
            else:
                if pid == 0:
                    control.detach()
                    if kind == NETWORK:
                        create_network(socket.socket(fileno=connection))
                    streams = Streams(connection, *descriptors[1:3])
                    rest = descriptors[3:]  # two namespaces or none, then a socket or none
                    namespaces = Namespaces(*rest[:2]) if len(rest) >= 2 else None
                    return Supervisor(streams, namespaces, rest[-1] if len(rest) % 2 else None, kept).run()
                if kind != NETWORK:
                    supervisors.add(pid)
            for descriptor in descriptors:
                os.close(descriptor)


def _reap_supervisors(supervisors: set[int]) -> None:
    """Reap supervisors. The processes of one that was killed have become children of this process: kill them."""
    orphaned = False
    for pid, status in reap()[0]:
        orphaned = orphaned or (pid in supervisors and status != 0)
        supervisors.discard(pid)
    if orphaned:
        kept = {process for pid in supervisors for process in descendants(pid)}
        for process in set(descendants(os.getpid())) - kept:
            if process.pid not in supervisors:
                send_signal(process.pid, signal.SIGKILL)
