"""``Command``: what to run. ``ExitStatus``: how it ended."""

import os
import resource
import signal
import site
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from cloud.engine.launch.confinement import Confinement
from cloud.errors import InvalidArgument

_HAS_SAFE_PATH = (3, 11)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that processes can run in.

    Args:
        path: its executable; by default that of this process.
        preload: modules that its fork server may have imported before a process starts; empty: it has no fork server,
            and every process starts cold.
        version: its major and minor version, by default this process's. Before 3.11 every process starts cold.
        idle: seconds without a process until its fork server ends.
    """

    path: Path = Path(sys.executable)
    preload: tuple[str, ...] = ()
    version: tuple[int, int] = sys.version_info[:2]
    idle: float = 300.0

    @property
    def command_line(self) -> list[str]:
        """Its executable with the flags that every process has: isolated from the working directory (not before 3.11,
        which has no ``-P``), unbuffered, in UTF-8."""
        return [str(self.path), *(["-P"] if self.version >= _HAS_SAFE_PATH else []), "-u", "-X", "utf8"]

    @property
    def can_preload(self) -> bool:
        """Whether it has a fork server on a system that supports one."""
        return bool(self.preload) and self.version >= _HAS_SAFE_PATH

    @property
    def cold(self) -> "Interpreter":
        """The same Python, in which every process starts cold."""
        return replace(self, preload=())

    @property
    def environ(self) -> dict[str, str]:
        """Variables for it to find packages installed with ``pip --user`` although ``HOME`` differs; empty in a virtual
        environment, if there are none, and for another Python than this process's."""
        if self._is_own and site.ENABLE_USER_SITE and os.path.isdir(site.getusersitepackages()):
            return {"PYTHONUSERBASE": site.getuserbase()}
        return {}

    def adapt(self, environ: Mapping[str, str]) -> dict[str, str]:
        """``environ`` for a process of this Python: the programs and Pythons that it finds are this environment's, not
        those of this process's."""
        if self._is_own:
            return {**self.environ, **environ}
        adapted = {name: value for name, value in environ.items() if name != "VIRTUAL_ENV"}
        folder = self.path.parent
        own = os.path.dirname(sys.executable) if sys.prefix != sys.base_prefix else None
        others = (part for part in environ.get("PATH", os.defpath).split(os.pathsep) if part != own)
        adapted["PATH"] = os.pathsep.join([str(folder), *others])
        if (folder.parent / "pyvenv.cfg").exists():
            adapted["VIRTUAL_ENV"] = str(folder.parent)
        return adapted

    @property
    def _is_own(self) -> bool:
        return str(self.path) == sys.executable


@dataclass(frozen=True, slots=True)
class Command:
    """``python -m MODULE ARGV...`` in the working directory ``cwd``.

    Args:
        environ: the environment, to which ``full_environ`` adds.
        import_path: folders that come first in ``sys.path``.
        interpreter: the Python that runs it; None is this one, cold.
        limits: resource limits of the process and of each that it starts, by their names in ``resource.setrlimit``
            (``RLIMIT_NOFILE``), in their units.
        confinement: what it may do on this machine; None: what the user may.

    Raises:
        InvalidArgument: a NUL character, an invalid variable name, or an unknown limit.
    """

    module: str
    argv: tuple[str, ...]
    environ: Mapping[str, str]
    cwd: Path
    import_path: tuple[Path, ...] = ()
    interpreter: Interpreter | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    confinement: Confinement | None = None

    def __post_init__(self) -> None:
        for text in (self.module, *self.argv, *self.environ, *self.environ.values()):
            if "\0" in text:
                raise InvalidArgument(f"a NUL character cannot be handed to a process: {text[:200]!r}", field="args")
        for name in self.environ:
            if not name or "=" in name:
                raise InvalidArgument(f"not the name of a variable: {name[:200]!r}", field="environ")
        for name, most in self.limits.items():
            if not name.startswith("RLIMIT_") or not hasattr(resource, name) or most < 0:
                raise InvalidArgument(f"not a limit of this system: {name[:200]!r} of {most}", field="limits")

    def full_environ(self) -> dict[str, str]:
        """``environ``, with the import path in ``PYTHONPATH``, so that a Python that the process starts finds the same
        modules; with the locale C.UTF-8 if none is set; and adapted to the interpreter."""
        environ = dict(self.environ)
        inherited = environ.get("PYTHONPATH")
        path = [*map(str, self.import_path), *([inherited] if inherited else [])]
        if path:
            environ["PYTHONPATH"] = os.pathsep.join(path)
        if not any(environ.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG")):
            environ["LANG"] = "C.UTF-8"
        return (self.interpreter or Interpreter()).adapt(environ)


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a process ended: exactly one of ``code`` and ``signal`` is set.

    Args:
        reason: why its supervisor killed it, if it did so by itself.
    """

    code: int | None = None
    signal: int | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if (self.code is None) == (self.signal is None):
            raise ValueError(f"either a code or a signal: {self.code}, {self.signal}")

    @property
    def ok(self) -> bool:
        return self.code == 0

    def __str__(self) -> str:
        if self.signal is None:
            return f"exited with status {self.code}"
        try:
            name = f" ({signal.Signals(self.signal).name})"
        except ValueError:  # a real-time signal
            name = ""
        return f"was killed by signal {self.signal}{name}{f': {self.reason}' if self.reason else ''}"
