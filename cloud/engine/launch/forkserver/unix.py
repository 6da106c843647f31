"""System calls of Unix, some of Linux only, for processes, signals and descriptors."""

import contextlib
import ctypes
import os
import signal
import sys
import warnings
from collections.abc import Iterable, Iterator
from typing import NamedTuple

LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h


def fork() -> int:
    with warnings.catch_warnings():
        # Preloaded libraries have threads, which are idle: only a TensorFlow op would give them work.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def become_subreaper() -> None:
    """Make every orphaned descendant a child of this process."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def die_with_parent(parent: int, number: signal.Signals) -> None:
    _prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it had ended before
        os._exit(1)


def child_signals() -> int:
    """A descriptor that becomes readable whenever a child ends."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return reader


def reset_signals() -> None:
    """Set signal handlers as a freshly started interpreter has them."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError, ValueError):  # the C library reserves some real-time signals
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def send_signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # ended; its id may be another user's process now
        os.kill(pid, number)


def reap() -> tuple[list[tuple[int, int]], bool]:
    """Pid and status of each child that has ended, and whether others are left."""
    ended: list[tuple[int, int]] = []
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return ended, True
            ended.append((pid, status))
    except ChildProcessError:
        return ended, False


class Process(NamedTuple):
    """See proc_pid_stat(5)."""

    pid: int
    state: str
    parent: int
    group: int
    session: int
    threads: int


def processes() -> Iterator[Process]:
    """All processes that are visible here. Linux only."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{entry}/stat", "rb") as file:
                # pid (a name with any characters) state parent group session ... threads
                state, *fields = file.read().rpartition(b")")[2].split()
                parent, group, session = map(int, fields[:3])
                yield Process(int(entry), state.decode(), parent, group, session, threads=int(fields[16]))


def threads_of_machine() -> int:
    """How many threads there are. Linux only."""
    with open("/proc/loadavg") as file:
        return int(file.read().split()[3].partition("/")[2])  # proc_loadavg(5)


def descendants(ancestor: int) -> list[Process]:
    """All descendants of ``ancestor``, children before grandchildren."""
    children: dict[int, list[Process]] = {}
    for process in processes():
        children.setdefault(process.parent, []).append(process)
    found = list(children.get(ancestor, ()))
    for process in found:
        found.extend(children.get(process.pid, ()))
    return found


def open_descriptors() -> frozenset[int]:
    found = map(int, os.listdir("/proc/self/fd" if LINUX else "/dev/fd"))
    return frozenset(descriptor for descriptor in found if _is_open(descriptor))


def _is_open(descriptor: int) -> bool:
    # The list includes the descriptor through which it was read.
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def close_all_but(kept: Iterable[int]) -> None:
    for descriptor in open_descriptors() - {0, 1, 2, *kept}:
        os.close(descriptor)
