"""Builds a trainer's source distribution exactly as ML Engine's tools do.

Rules and error texts are those of ``gcloud ai-platform jobs submit training --package-path`` (Cloud SDK,
``command_lib/ml_engine/jobs_prep.py``): the *package* is the folder with ``__init__.py``, the *root* its parent.

- A root with ``setup.py`` is built with it; it and ``MANIFEST.in`` determine the contents.
- Any other root, even with a ``pyproject.toml``, gets a temporary ``setup.py`` that packs the package's own modules,
  **no sub-packages and no data**, as version 0.0.0.

The tree is never written to; ``setup.py`` runs in a copy. A root with ``setup.py`` is copied without version control,
virtual environments, caches and earlier builds. Otherwise only the package's modules are copied, whatever the size of
the root.
"""

import asyncio
import contextlib
import hashlib
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from cloud.errors import InvalidArgument
from cloud.folders.temporary import Kind, temporary_folder
from cloud.settings import inherited_environ

MAX_ROOT_BYTES = 1024**3
"""A larger root with a ``setup.py`` probably contains data, and is not copied."""
_FIELD = "package_path"
_EXCLUDED = frozenset(
    {
        *(".git", ".hg", ".svn", ".bzr", ".tox", ".nox", ".eggs", "__pycache__", ".ipynb_checkpoints", "node_modules"),
        *(".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis"),
    }
)
_EXCLUDED_FROM_ROOT = _EXCLUDED | {"dist", "build"}
_SETUP = """\
from setuptools import setup, find_packages
if __name__ == '__main__':
    setup(
        name={name!r},
        packages=find_packages(include=[{name!r}])
    )
"""
# The build is killed when its parent process ends (prctl 1 is PR_SET_PDEATHSIG).
_RUN_SETUP = """\
import ctypes, os, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)
    if os.getppid() != int(sys.argv.pop(1)):
        sys.exit(1)
else:
    del sys.argv[1]
import runpy
sys.argv[0] = "setup.py"
runpy.run_path("setup.py", run_name="__main__")
"""
_TAIL_LINES = 20


@asynccontextmanager
async def sdist(source: Path) -> AsyncIterator[Path]:
    """The source distribution ``NAME-VERSION.tar.gz`` of the package in ``source``, deleted with the context.

    Raises:
        InvalidArgument: ``source`` is not a package, its root is too large to copy, or its ``setup.py`` fails; the
            message contains the last lines of its output.
    """
    package = Path(os.path.abspath(source))  # noqa: ASYNC240 - does not access the disk; keeps the name of a link
    if not (package / "__init__.py").is_file():
        raise InvalidArgument(
            f"[{package}] is not a valid Python package because it does not contain an `__init__.py` file. "
            "Please create one and try again.",
            field=_FIELD,
        )
    with temporary_folder(Kind.SDIST) as folder:
        root, archives, home = (folder / name for name in ("root", "dist", "home"))
        home.mkdir()
        own_setup = (package.parent / "setup.py").is_file()
        await asyncio.to_thread(_copy_root if own_setup else _make_root, package, root)
        status, output = await _run_setup(root, archives, home)
        built = sorted(archives.glob("*.tar.gz"))
        if status != 0 or len(built) != 1:
            raise InvalidArgument(_failure(output, own_setup=own_setup), field=_FIELD)
        yield built[0]


def digest(archive: Path) -> str:
    """SHA-256 hex of the archive's bytes."""
    with archive.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _make_root(package: Path, root: Path) -> None:
    (root / package.name).mkdir(parents=True)
    for module in package.glob("*.py"):
        if module.is_file():
            shutil.copyfile(module, root / package.name / module.name)
    (root / "setup.py").write_text(_SETUP.format(name=package.name), encoding="utf-8")


def _copy_root(package: Path, root: Path) -> None:
    size = 0
    for path in _files(package.parent, _EXCLUDED_FROM_ROOT):
        size += path.stat().st_size
        if size > MAX_ROOT_BYTES:
            raise InvalidArgument(
                f"{package.parent} holds more than {MAX_ROOT_BYTES >> 20} MiB beside its setup.py: keep data "
                "elsewhere, or build the package yourself with `python setup.py sdist`",
                field=_FIELD,
            )
        copy = root / path.relative_to(package.parent)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)


def _files(folder: Path, excluded: frozenset[str], above: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """Regular files below ``folder``; follows links, but not in cycles."""
    real = folder.resolve()
    if real in above:
        return
    for path in sorted(folder.iterdir()):
        if path.name in excluded or path.name.endswith(".egg-info"):
            continue
        if path.is_file():
            yield path
        elif path.is_dir() and not (path / "pyvenv.cfg").exists():
            yield from _files(path, _EXCLUDED, above | {real})


async def _run_setup(root: Path, archives: Path, home: Path) -> tuple[int, list[str]]:
    options = ("sdist", "--formats=gztar", f"--dist-dir={archives}")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-c", _RUN_SETUP, str(os.getpid()), *options),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=root,
        env={**inherited_environ(), "HOME": str(home)},
        start_new_session=True,
    )
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    assert process.returncode is not None  # noqa: S101 - it was waited for
    return process.returncode, output.decode(errors="replace").splitlines()


def _failure(output: list[str], *, own_setup: bool) -> str:
    hint = (
        "Try manually building your Python code by running:\n  $ python setup.py sdist\nand providing the output via "
        "the `--packages` flag (for example, `--packages dist/package.tar.gz,dist/package2.whl)`"
        if own_setup
        else "Try manually writing a setup.py file at your package root and rerunning the command."
    )
    tail = "\n".join(output[-_TAIL_LINES:])
    return f"Packaging of user Python code failed with message:\n\n{tail}\n\n{hint}"
