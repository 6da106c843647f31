"""Run as a script, with ``python -I -S``: becomes fake-gcs-server, and leaves a child, its guard.

Its arguments are a descriptor, one end of a Unix socket whose other end only the engine holds; the engine's process id;
"isolated", to have the server in a network namespace of its own, or "shared"; then the server's command line. If the
system refuses the namespace, it writes the error to the socket and ends.

For each byte that the guard reads from the socket it sends back a new, unconnected TCP socket of the server's
namespace. At end-of-file, however the engine ended, it kills the server. On Linux the kernel does that, too
(PR_SET_PDEATHSIG), when the engine's thread that started the server has ended: guard and engine may be killed at once.

Standard library only, and little of it: the guard lives as long as the server. ``socket`` alone would add a megabyte.
"""

import _socket
import importlib
import os
import sys

_PACKAGE = "_forkserver"
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_SIGKILL = 9


def main(control: int, engine: int, *, is_isolated: bool, command: list[str]) -> None:
    _make_package()
    if is_isolated:
        try:
            importlib.import_module(f"{_PACKAGE}.namespaces").enter_new_network()
        except OSError as error:
            os.write(control, f"{error.errno} {error.strerror}".encode())
            return
    server = os.getpid()
    if os.fork() == 0:
        _die_with(server)
        _close_standard_streams()  # the engine reads the server's output until its end
        guard(_socket.socket(fileno=control), server)
    else:
        os.close(control)
        # After the namespace: entering one clears it (prctl(2)).
        _die_with(engine)
        os.execv(command[0], command)  # noqa: S606 - the purpose of this program


def guard(control: _socket.socket, server: int) -> None:
    """Hand out sockets until the other end of ``control`` is closed; then kill the process ``server``, the parent."""
    try:
        while requests := control.recv(64):
            for _ in requests:
                # A socket belongs to the namespace of the process that made it, whoever uses it.
                new = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
                descriptor = new.fileno().to_bytes(4, sys.byteorder)
                try:
                    control.sendmsg([b"\0"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, descriptor)])
                finally:
                    new.close()
    except ConnectionError:
        return  # closed before all that it asked for was read
    finally:
        if os.getppid() == server:  # otherwise it has ended, and its id may be another process's
            os.kill(server, _SIGKILL)


def _make_package() -> None:
    # The launcher's modules, without the package ``cloud``, which would take a hundred others.
    package = type(sys)(_PACKAGE)
    package.__path__ = [os.path.join(os.path.dirname(__file__), os.pardir, "launch", "forkserver")]
    sys.modules[_PACKAGE] = package


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        importlib.import_module(f"{_PACKAGE}.libc").call("prctl", _PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it had ended before
            os._exit(1)


def _close_standard_streams() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    os.close(null)


if __name__ == "__main__":
    _control, _engine, _mode, *_command = sys.argv[1:]
    main(int(_control), int(_engine), is_isolated=_mode == "isolated", command=_command)
