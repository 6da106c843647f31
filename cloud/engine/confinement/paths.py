"""Which folders and files the processes of a Python have to read, besides those of the system that every confined
process has (``launch/forkserver/system_paths.py``).

Paths are as programs know them: where a link is on the way, the process needs the link and what it leads to.
"""

import asyncio
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from cloud.engine.confinement.real_paths import holds, real
from cloud.engine.launch.command import Interpreter
from cloud.engine.runtimes.view_folders import site_folders
from cloud.errors import FailedPrecondition
from cloud.settings import inherited_environ

_PROGRAM = """
import json, os, sys
needed = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, sys.executable]
path = [entry for entry in sys.path if os.path.isabs(entry)]
for finder in sys.meta_path:  # of packages that are installed as links to their sources
    module = sys.modules.get(getattr(finder, "__module__", None))
    mapping = getattr(module, "MAPPING", None)
    path += mapping.values() if isinstance(mapping, dict) else []
try:
    with open("/proc/self/maps") as maps:
        needed += {line.split(None, 5)[5].strip() for line in maps if " /" in line}
except OSError:
    pass
print(json.dumps([needed, path]))
"""
_SITES = ("site-packages", "dist-packages")
SYSTEM = tuple(map(Path, ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/nix/store", "/gnu/store")))
"""Folders that every confined process reads, as a whole."""


class PythonPaths:
    """What each interpreter reads, asked of it once.

    Args:
        secrets: folders that no job may read, such as the home folder: a folder of packages that holds one is left out.
    """

    def __init__(self, secrets: Sequence[Path]) -> None:
        self._secrets = tuple(secrets)
        self._known: dict[Interpreter, asyncio.Task[tuple[Path, ...]]] = {}

    async def of(self, interpreter: Interpreter) -> tuple[Path, ...]:
        """Its installation, its packages and what they are links to, and the libraries that it loads.

        Raises:
            FailedPrecondition: the interpreter has gone.
        """
        key = interpreter.cold
        known = self._known.get(key)
        if known is None or (known.done() and (known.cancelled() or known.exception())):
            known = self._known[key] = asyncio.create_task(self._ask(key))
        return await asyncio.shield(known)

    def of_import_path(self, folders: Iterable[Path]) -> tuple[Path, ...]:
        """The folders, and what their entries are links to."""
        present = [folder for folder in folders if folder.exists()]
        found = {*present, *(target for folder in present for target in _link_targets(folder))}
        return outermost(path for path in found if not holds(path, self._secrets))

    async def _ask(self, interpreter: Interpreter) -> tuple[Path, ...]:
        # In the variables of its launcher, of which LD_LIBRARY_PATH and PYTHONUSERBASE matter here.
        environ = {**inherited_environ(), **interpreter.environ}
        command = [*interpreter.command_line, "-c", _PROGRAM]
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(*command, env=environ, cwd="/", stdout=pipe, stderr=pipe)
        except OSError as error:
            raise FailedPrecondition(f"{interpreter.path} cannot be run: {error.strerror}") from error
        output, errors = await process.communicate()
        if process.returncode:
            said = errors.decode(errors="replace").strip().rpartition("\n")[2][-300:]
            raise FailedPrecondition(f"{interpreter.path} is no Python that can be used: {said}")
        needed, path = json.loads(output)
        libraries = (entry for entry in environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if os.path.isabs(entry))
        folders = map(Path, (*path, *libraries))
        return outermost((*map(Path, needed), *await asyncio.to_thread(self.of_import_path, folders)))


def installation() -> tuple[Path, ...]:
    """The folders of this process's own Python and of what is installed for it."""
    return outermost([Path(sys.prefix), Path(sys.base_prefix), *site_folders()])


def outermost(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Those that are not there anyway, below another or below the system's folders."""
    actual = {path: real(path) for path in set(paths)}

    def is_needed(path: Path) -> bool:
        others = [other for other in actual if other != path]
        is_named = _is_below(path, (*others, *SYSTEM))
        return not (is_named and _is_below(actual[path], (*(actual[other] for other in others), *SYSTEM)))

    return tuple(path for path in sorted(actual) if is_needed(path))


def _is_below(path: Path, folders: Iterable[str | Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _link_targets(folder: Path) -> set[Path]:
    """What links in a folder of packages lead to: whole folders of packages where the targets lie in such."""
    return {Path(target) for target in _targets(folder)} if folder.is_dir() else set()


def _targets(folder: str | Path, depth: int = 0) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                yield _package_folder(os.path.join(folder, os.readlink(entry.path)))
            elif depth == 0 and entry.is_dir() and not os.path.exists(os.path.join(entry.path, "__init__.py")):
                # A namespace, or a distribution's metadata: installers may link each file to their cache.
                targets = set(_targets(entry.path, 1))
                yield from map(_folder_of, targets) if entry.name.endswith(".dist-info") else targets


def _package_folder(target: str) -> str:
    """The folder of packages that ``target`` lies in, or else ``target``."""
    for name in _SITES:
        above, found, _ = target.rpartition(f"/{name}/")
        if found:
            return f"{above}/{name}"
    return target


def _folder_of(metadata: str) -> str:
    """The folder of packages with a distribution's metadata, by one of its files."""
    return metadata if metadata.endswith(_SITES) else os.path.dirname(os.path.dirname(metadata))
