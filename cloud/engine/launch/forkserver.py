"""The launcher's own program: turns requests into processes that look as if ``python -m MODULE`` had started them.

    python -P -u -X utf8 forkserver.py warm|cold CONTROL_FD PARENT_PID [MODULE_TO_PRELOAD ...]

Self-contained on purpose: no process that runs somebody's trainer has a line of ``cloud`` in it. Three roles, one
below the other:

- **launcher**: waits on the control socket, where each byte carries three file descriptors: standard output, standard
  error and a *leash*, a socket whose other end only the engine holds. It forks a supervisor for each.
- **supervisor**: reads the request from its leash and forks the user's process. It is the subreaper of everything that
  process starts, however it detaches. When the user's process ends, when a stop is asked for, or when the leash breaks
  because the engine is gone, it ends the whole tree and reports the user's exit status. Launcher or not: a supervisor
  does not need its launcher any more.
- **user's process**: *warm* goes on in this interpreter, with all that is preloaded; *cold* becomes a fresh one.

What a user can tell about warm: modules of the preload are in ``sys.modules`` and read their environment variables
when they were loaded (``PYTHON*`` variables, too, come too late); a job's own module of the same name wins unless the
preloaded one contains compiled code; ``inspect.stack()`` ends in this file. Nothing else, or it is a bug.

On systems other than Linux there is no subreaper: only the process group of the user's process is ended there, and
only cold is offered.
"""

import sys

_AT_STARTUP = frozenset(sys.modules)

# ruff: noqa: E402 - what every interpreter loads at its start must be known before this program loads more
import contextlib
import ctypes
import gc
import importlib.machinery
import json
import os
import runpy
import select
import signal
import socket
import time
import traceback
import types
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

_LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
_LEFTOVER_GRACE = 1.0
"""Seconds that processes have to end after the one that started them did, or after the engine is gone."""


class Request(NamedTuple):
    """What to run; see ``Command`` in client.py."""

    module: str
    argv: Sequence[str]
    environ: Mapping[str, str]
    cwd: str
    import_path: Sequence[str]


class Streams(NamedTuple):
    """The descriptors that come with one request."""

    stdout: int
    stderr: int
    leash: int


# ------------------------------------------------------------------- launcher


def main(kind: str, control_fd: int, parent: int, preload: Sequence[str]) -> Request:
    """Serve until the engine is gone. Returns only in a process that is to become the user's."""
    control = socket.socket(fileno=control_fd)
    control.set_inheritable(False)
    if _LINUX:
        _die_with_parent(parent, signal.SIGKILL)
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    try:
        for name in preload:
            importlib.import_module(name)
    except BaseException as error:  # noqa: BLE001 - also a module that calls sys.exit
        traceback.print_exc()
        reason = traceback.format_exception_only(error)[-1].strip()
        control.sendall(json.dumps({"failed": f"cannot preload {name}: {reason}"}).encode() + b"\n")
        sys.exit(1)
    kept = _open_descriptors() - {control_fd}
    # What is loaded now never becomes garbage: no collection in a child needs to look at it, or copy its pages.
    gc.collect()
    gc.freeze()
    child_ended = _child_signals()
    control.sendall(json.dumps({"ready": True}).encode() + b"\n")
    return _serve(kind, control, child_ended, kept)


def _serve(kind: str, control: socket.socket, child_ended: int, kept: frozenset[int]) -> Request:
    supervisors: set[int] = set()
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(child_ended, select.POLLIN)
    while True:
        ready = dict(poll.poll())
        if child_ended in ready:
            os.read(child_ended, 4096)
            _bury(supervisors)
        if control.fileno() in ready:
            _, descriptors, _, _ = socket.recv_fds(control, 1, 3)
            if len(descriptors) != 3:
                sys.exit(0)
            streams = Streams(*descriptors)
            try:
                pid = _fork()
            except OSError as error:
                with socket.socket(fileno=os.dup(streams.leash)) as leash:
                    _report(leash, {"error": f"no process can be started: {error.strerror}"})
            else:
                if pid == 0:
                    control.detach()
                    return Supervisor(kind, streams, kept).run()
                supervisors.add(pid)
            for descriptor in streams:
                os.close(descriptor)


def _bury(supervisors: set[int]) -> None:
    """Reap supervisors. What one that was killed left behind has become a child of this process: end it."""
    orphaned = False
    for pid, status in _reap()[0]:
        orphaned = orphaned or (pid in supervisors and status != 0)
        supervisors.discard(pid)
    if orphaned:
        kept = {descendant for pid in supervisors for descendant in (pid, *_descendants(pid))}
        for pid in set(_descendants(os.getpid())) - kept:
            _signal(pid, signal.SIGKILL)


# ----------------------------------------------------------------- supervisor


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

    def run(self) -> Request:
        """Returns only in the user's process."""
        gc.disable()
        os.setsid()
        _reset_signals()
        _close_all_but(self._kept | set(self._streams))
        if _LINUX:
            _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        leash = socket.socket(fileno=self._streams.leash)
        request = _read_request(leash)
        try:
            os.chdir(request.cwd)
        except OSError as error:
            _report(leash, {"error": f"cannot run in {request.cwd}: {error.strerror}"})
            os._exit(0)
        parent = os.getpid()
        try:
            self._pid = _fork()
        except OSError as error:
            _report(leash, {"error": f"no process can be started: {error.strerror}"})
            os._exit(0)
        if self._pid == 0:
            leash.detach()
            _become_user_process(self._streams, self._kept, parent)
            if self._kind == "cold":
                _execute(request)
            return request
        os.close(self._streams.stdout)
        os.close(self._streams.stderr)
        self._watch(leash)
        os._exit(0)

    def _watch(self, leash: socket.socket) -> None:
        _report(leash, {"pid": self._pid})
        child_ended = _child_signals()
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
        if not _LINUX:
            _signal(-self._pid, signal.SIGKILL)
        assert self._status is not None  # noqa: S101 - no child is left, so the first one was reaped
        code = os.waitstatus_to_exitcode(self._status)
        _report(leash, {"signal": -code} if code < 0 else {"code": code})

    def _any_left(self) -> bool:
        """Whether any process of the tree lives: without children there are no descendants, for orphans come here."""
        ended, any_left = _reap()
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
            for pid in self._tree():
                _signal(pid, signal.SIGTERM)
                _signal(pid, signal.SIGCONT)  # a stopped process would not hear of it
        self._deadline = deadline if self._deadline is None else min(deadline, self._deadline)

    def _kill(self) -> None:
        # All stand still before any dies, so that none can have a child that is missed.
        seen: set[int] = set()
        while new := set(self._tree()) - seen:
            for pid in new:
                _signal(pid, signal.SIGSTOP)
            seen |= new
        for pid in seen:
            _signal(pid, signal.SIGKILL)

    def _tree(self) -> list[int]:
        if _LINUX:
            return _descendants(os.getpid())
        return [-self._pid]


def _report(leash: socket.socket, message: Mapping[str, object]) -> None:
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


# ------------------------------------------------------------- user's process


def _become_user_process(streams: Streams, kept: Iterable[int], parent: int) -> None:
    """Everything about a process that does not depend on what runs in it."""
    os.setsid()
    if _LINUX:
        _die_with_parent(parent, signal.SIGKILL)
    os.dup2(streams.stdout, 1)
    os.dup2(streams.stderr, 2)
    _close_all_but(kept)


def _execute(request: Request) -> NoReturn:
    command = [sys.executable, "-P", "-u", "-X", "utf8", "-m", request.module, *request.argv]
    os.execve(command[0], command, request.environ)  # noqa: S606 - the whole point


def run_module(request: Request) -> None:
    """Be ``python -m``: this function returns or raises what the interpreter's own main function would see."""
    gc.enable()
    _replace_environ(request.environ)
    sys.argv = ["-m", *request.argv]
    sys.orig_argv = [sys.executable, "-P", "-u", "-X", "utf8", "-m", request.module, *request.argv]
    python_path = request.environ.get("PYTHONPATH", "")
    sys.path[:0] = [os.path.abspath(folder) for folder in python_path.split(os.pathsep) if folder]
    _forget_shadowed(request.import_path)
    if "numpy.random" in sys.modules:  # like the standard library's, which looks after itself
        sys.modules["numpy.random"].seed()
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.modules["__main__"].__dict__.update(__builtins__=sys.modules["builtins"], __annotations__={})
    try:
        runpy._run_module_as_main(request.module)  # type: ignore[attr-defined] # what "-m" itself calls
    except SystemExit:
        raise
    except BaseException as error:
        _hide_launcher(error)
        raise


def _hide_launcher(error: BaseException) -> None:
    """Have the interpreter show ``error`` without this file's frames."""
    trace = error.__traceback__.tb_next if error.__traceback__ else None
    show = sys.excepthook
    sys.excepthook = lambda kind, value, _: show(kind, value.with_traceback(trace), trace)


def _replace_environ(environ: Mapping[str, str]) -> None:
    """Exactly ``environ``, for Python and for C, whatever libraries of the preload may have set."""
    ctypes.CDLL(None).clearenv()
    os.environ.clear()
    os.environ.update(environ)
    # What was worked out from the old one:
    time.tzset()
    if "tempfile" in sys.modules:
        setattr(sys.modules["tempfile"], "tempdir", None)  # noqa: B010 - a module, for all mypy knows


def _forget_shadowed(import_path: Sequence[str]) -> None:
    """Let a job's own modules win over preloaded ones of the same name, if those can be loaded twice in a process."""
    importlib.invalidate_caches()
    families: dict[str, list[str]] = {}
    for name in sys.modules:
        families.setdefault(name.partition(".")[0], []).append(name)
    present = {
        entry.partition(".")[0] for folder in import_path if os.path.isdir(folder) for entry in os.listdir(folder)
    }
    for name in present & families.keys() - _AT_STARTUP - {"__main__"}:
        spec = importlib.machinery.PathFinder.find_spec(name, import_path)
        if spec is None or spec.loader is None or spec.origin == getattr(sys.modules[name], "__file__", None):
            continue
        if not any(_is_compiled(member) for member in families[name]):
            for member in families[name]:
                del sys.modules[member]


def _is_compiled(name: str) -> bool:
    spec = getattr(sys.modules[name], "__spec__", None)
    return isinstance(getattr(spec, "loader", None), importlib.machinery.ExtensionFileLoader)


# ------------------------------------------------------------ what Unix offers


def _fork() -> int:
    with warnings.catch_warnings():
        # Libraries of the preload have threads; they wait for work that only a TensorFlow op would give them.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def _die_with_parent(parent: int, number: signal.Signals) -> None:
    _prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it was faster
        os._exit(1)


def _child_signals() -> int:
    """A descriptor that becomes readable whenever a child ends."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return reader


def _reset_signals() -> None:
    """As an interpreter has them just after it started."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError, ValueError):  # the C library keeps a few real-time signals for itself
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # gone, or gone and replaced by somebody else's
        os.kill(pid, number)


def _reap() -> tuple[list[tuple[int, int]], bool]:
    """Pid and status of each child that has ended, and whether there are others."""
    ended: list[tuple[int, int]] = []
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return ended, True
            ended.append((pid, status))
    except ChildProcessError:
        return ended, False


def _descendants(ancestor: int) -> list[int]:
    """Pids below ``ancestor``, children before grandchildren (proc_pid_stat(5), field 4)."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{entry}/stat", "rb") as file:
                # The second field is a name in brackets, with anything in it.
                parent = int(file.read().rpartition(b")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry))
    found = [ancestor]
    for pid in found:
        found.extend(children.get(pid, ()))
    return found[1:]


def _open_descriptors() -> frozenset[int]:
    found = map(int, os.listdir("/proc/self/fd" if _LINUX else "/dev/fd"))
    return frozenset(descriptor for descriptor in found if _is_open(descriptor))


def _is_open(descriptor: int) -> bool:
    # The list holds the descriptor, too, through which it was read.
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _close_all_but(kept: Iterable[int]) -> None:
    for descriptor in _open_descriptors() - {0, 1, 2, *kept}:
        os.close(descriptor)


def _arguments(argv: Sequence[str]) -> dict[str, Any]:
    kind, control_fd, parent, *preload = argv
    return {"kind": kind, "control_fd": int(control_fd), "parent": int(parent), "preload": preload}


if __name__ == "__main__":
    run_module(main(**_arguments(sys.argv[1:])))
