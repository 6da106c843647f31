"""The user's process: its setup before the user's module runs."""

import gc
import importlib.machinery
import os
import runpy
import signal
import sys
import types
from collections.abc import Mapping, Sequence
from typing import NamedTuple, NoReturn

from . import AT_STARTUP
from .confine import Confinement
from .fresh_state import renew, replace_environ
from .legacy_keras import heed_variable
from .unix import LINUX, die_with_parent


class Request(NamedTuple):
    """What to run; see ``Command`` in ``cloud.engine.launch.command``."""

    module: str
    argv: Sequence[str]
    environ: Mapping[str, str]
    cwd: str
    import_path: Sequence[str]
    python: Sequence[str] | None
    """The command line of the interpreter to execute; None: continue in this one."""
    limits: Mapping[str, int]
    confinement: Confinement | None


class Streams(NamedTuple):
    """The descriptors that come with one request."""

    connection: int
    stdout: int
    stderr: int


def become_user_process(streams: Streams, parent: int) -> None:
    """The setup that does not depend on the module: session, parent, output."""
    os.setsid()
    if LINUX:
        die_with_parent(parent, signal.SIGKILL)
    os.dup2(streams.stdout, 1)
    os.dup2(streams.stderr, 2)


def execute(python: Sequence[str], request: Request) -> NoReturn:
    command = [*python, "-m", request.module, *request.argv]
    try:
        os.execve(command[0], command, request.environ)  # noqa: S606 - the purpose of this function
    except OSError as error:
        os.write(2, f"cannot run {command[0]}: {error.strerror}\n".encode())
        os._exit(126 if isinstance(error, PermissionError) else 127)  # as a shell does


def run_module(request: Request) -> None:
    """Run the module as ``python -m`` does; raises what the interpreter's main function has to handle."""
    gc.enable()
    replace_environ(request.environ)
    sys.argv = ["-m", *request.argv]
    sys.orig_argv = [sys.executable, "-P", "-u", "-X", "utf8", "-m", request.module, *request.argv]
    python_path = request.environ.get("PYTHONPATH", "")
    sys.path[:0] = [os.path.abspath(folder) for folder in python_path.split(os.pathsep) if folder]
    _unload_shadowed(request.import_path)
    main = types.ModuleType("__main__")
    main.__dict__.update(__builtins__=sys.modules["builtins"], __annotations__={})
    renew(main)
    heed_variable()
    try:
        runpy._run_module_as_main(request.module)  # type: ignore[attr-defined] # what "-m" itself calls
    except SystemExit:
        raise
    except BaseException as error:
        _hide_launcher(error)
        raise


def _hide_launcher(error: BaseException) -> None:
    """Make the interpreter print ``error`` without this file's frames."""
    trace = error.__traceback__.tb_next if error.__traceback__ else None
    show = sys.excepthook
    sys.excepthook = lambda kind, value, _: show(kind, value.with_traceback(trace), trace)


def _unload_shadowed(import_path: Sequence[str]) -> None:
    """Unload preloaded modules that a job's own shadow, unless they have compiled code, which cannot be reloaded."""
    importlib.invalidate_caches()
    families: dict[str, list[str]] = {}
    for name in sys.modules:
        families.setdefault(name.partition(".")[0], []).append(name)
    present = {
        entry.partition(".")[0] for folder in import_path if os.path.isdir(folder) for entry in os.listdir(folder)
    }
    for name in present & families.keys() - AT_STARTUP - {"__main__"}:
        spec = importlib.machinery.PathFinder.find_spec(name, import_path)
        if spec is None or spec.loader is None or spec.origin == getattr(sys.modules.get(name), "__file__", None):
            continue
        if not any(_is_compiled(member) for member in families[name]):
            for member in families[name]:
                del sys.modules[member]


def _is_compiled(name: str) -> bool:
    spec = getattr(sys.modules[name], "__spec__", None)
    return isinstance(getattr(spec, "loader", None), importlib.machinery.ExtensionFileLoader)
