"""Applies a request's confinement in the user's process, before the user's code. Standard library only."""

import os
import socket
from collections.abc import Sequence
from typing import NamedTuple

from . import capabilities, gcs_alone, gcs_mount, landlock, namespaces, private_root, seccomp, system_paths
from .limits import limit_resources

_OOM_SCORE = 500
"""When memory ends, this process ends before the server, whose score is 0 by default (proc_pid_oom_score_adj(5))."""


class Confinement(NamedTuple):
    """See ``Confinement`` in ``cloud.engine.launch.confinement``."""

    read: Sequence[str]
    write: Sequence[str]
    files: bool
    signals: bool
    ports: Sequence[int] | None
    max_processes: int | None
    is_free: bool
    root: str | None


class Namespaces(NamedTuple):
    """Descriptors of ``/proc/PID/ns`` files."""

    user: int
    network: int


def confine(
    wanted: Confinement, joined: Namespaces | None, programs: Sequence[str], engine: socket.socket | None
) -> None:
    """Confine this process, which must have one thread, and all that it starts, for ever. A process that could not be
    confined must end.

    Args:
        joined: the namespaces in which it runs; their descriptors are left open.
        programs: executables that it needs besides those of the system.
        engine: gets the descriptor that serves ``/gcs``, which it has in a root folder of its own; None: it has none.

    Raises:
        OSError: the system refuses it; names the step.
    """
    if wanted.is_free:
        gcs_alone.enter(engine)
        return
    for path in wanted.write:
        os.stat(path)
    by_landlock = wanted.files and (joined is None or landlock.version() >= landlock.FILES_ABI)
    read = [*system_paths.READ, *wanted.read, *programs]
    devices = system_paths.devices()
    write = [system_paths.SHARED_MEMORY, *wanted.write]
    device = None
    if joined:
        namespaces.join(*joined)
        device = gcs_mount.open_device() if engine else None
    _limit(wanted.max_processes if joined else None)  # while /proc can be written
    if joined:
        private_root.enter([*read, *devices], wanted.write, read_only=not by_landlock)
        read = ["/"]
        devices.append(private_root.TERMINALS)
        write.extend(private_root.WRITABLE)
        if engine:
            gcs_mount.mount(engine, device)
            write.append(f"{gcs_mount.FOLDER}/")
        if wanted.root:
            write.extend(private_root.add_files(wanted.root))
    elif not by_landlock:
        gcs_alone.enter(engine)
    capabilities.reduce()
    ports = None if joined else wanted.ports
    if by_landlock or wanted.signals or ports is not None:
        files = landlock.rights(read=read, devices=devices, write=write) if by_landlock else None
        landlock.restrict(landlock.Rules(files, ports, not wanted.signals))
    if wanted.signals or joined or ports is not None:
        seccomp.restrict(datagrams=joined is not None or ports is None)


def _limit(max_processes: int | None) -> None:
    limit_resources({"RLIMIT_CORE": 0, **({"RLIMIT_NPROC": max_processes} if max_processes is not None else {})})
    with open("/proc/self/oom_score_adj", "r+") as file:
        score = int(file.read())
        if score < _OOM_SCORE:
            file.write(str(_OOM_SCORE))
