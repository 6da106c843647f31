"""Installs staged packages into private folders, without the network. Wheels that were built are cached."""

import asyncio
import json
import shutil
import tempfile
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from cloud.engine.confinement.confiner import UNCONFINED, Confiner
from cloud.engine.jobs.archives import BadArchiveError, content_key, unpack_sdist
from cloud.engine.jobs.wheels import check_wheel, install_wheel
from cloud.engine.jobs.zip_archives import unpack_zip_sdist, zip_content_key
from cloud.engine.launch.command import Command, Interpreter
from cloud.engine.launch.executor import Executor
from cloud.engine.launch.output import OnOutput, OutputLine
from cloud.engine.runtimes.python_facts import python_facts
from cloud.engine.runtimes.runtime import building
from cloud.errors import FailedPrecondition
from cloud.folders.temporary import Kind, temporary_folder

_FIELD = "training_input.package_uris"
_BUILDER = Path(__file__).parent / "pep517"
_TAIL_LINES = 30


class PackageInstaller:
    """Builds and installs packages in processes of ``executor``.

    Args:
        cache: folder for built wheels, each named after the content of its source distribution. It may be removed at
            any time.
        confiner: of builds.
    """

    def __init__(self, executor: Executor, cache: Path, confiner: Confiner = UNCONFINED) -> None:
        self._executor = executor
        self._cache = cache
        self._confiner = confiner

    async def install(
        self,
        archive: Path,
        *,
        work: Path,
        environ: Mapping[str, str],
        on_output: OnOutput,
        interpreter: Interpreter | None = None,
    ) -> Path:
        """Install a ``.tar.gz`` or ``.zip`` source distribution or a ``.whl``; return the folder for the import path.

        The wheel's modules go to the top of that folder, scripts to ``bin``, data files to their relative paths.
        Console scripts are not generated. ``requirements.py`` checks requirements.

        Args:
            work: private to the job; the installed folder is created in it.
            environ: of the build, which may run the package's own ``setup.py``.
            on_output: called with pip's messages, and with the last lines of a build that fails.
            interpreter: the Python that builds and runs it; None: this one.

        Raises:
            FailedPrecondition: the archive is refused, cannot be built, or is not for that Python.
        """
        _write_line(on_output, f"Processing ./{archive.name}")
        interpreter = interpreter or Interpreter()
        if archive.name.endswith(".whl"):
            python = await python_facts(interpreter.path)
            folder, name = await asyncio.to_thread(install_wheel, archive, work, python)
        elif archive.name.endswith((".tar.gz", ".zip")):
            folder, name = await self._install_sdist(archive, work, environ, on_output, interpreter)
        else:
            raise FailedPrecondition(
                f"{archive.name}: a package is a source distribution, .tar.gz or .zip, or a .whl", field=_FIELD
            )
        _write_line(on_output, f"Successfully installed {name}")
        return folder

    async def build(
        self,
        archive: Path,
        *,
        name: str,
        work: Path,
        interpreter: Interpreter,
        on_output: OnOutput,
        environ: Mapping[str, str],
    ) -> Path:
        """Build the wheel of a ``.tar.gz`` or ``.zip`` source distribution; return it, a regular file.

        Args:
            name: of the package, for pip's message.
            work: a private folder; the wheel is in it.

        Raises:
            FailedPrecondition: it is refused, cannot be built, or its wheel is damaged or not for that Python.
        """
        folder = Path(tempfile.mkdtemp(dir=work, prefix="build-"))
        wheel = await self._build(archive, folder, environ, on_output, interpreter, name)
        if wheel.parent != folder / "result" or wheel.is_symlink() or not wheel.is_file():
            raise FailedPrecondition(f"{archive.name} cannot be built: its build makes no wheel", field=_FIELD)
        await asyncio.to_thread(check_wheel, wheel, await python_facts(interpreter.path))
        return wheel

    async def _install_sdist(
        self,
        archive: Path,
        work: Path,
        environ: Mapping[str, str],
        on_output: OnOutput,
        interpreter: Interpreter,
    ) -> tuple[Path, str]:
        python = await python_facts(interpreter.path)
        key = await asyncio.to_thread(zip_content_key if archive.suffix == ".zip" else content_key, archive)
        cached = self._cache / f"{key}-{python.tag}.whl"
        if cached.exists():
            try:
                return await asyncio.to_thread(install_wheel, cached, work, python)
            except (BadArchiveError, OSError):
                cached.unlink(missing_ok=True)  # damaged on disk: built again below
        folder = Path(tempfile.mkdtemp(dir=work, prefix="build-"))
        try:
            wheel = await self._build(archive, folder, environ, on_output, interpreter)
            installed = await asyncio.to_thread(install_wheel, wheel, work, python)
            await asyncio.to_thread(_cache_wheel, wheel, cached)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        return installed

    async def _build(
        self,
        archive: Path,
        folder: Path,
        environ: Mapping[str, str],
        on_output: OnOutput,
        interpreter: Interpreter,
        announced: str = "",
    ) -> Path:
        for name in ("source", "home", "result", "temporary"):
            (folder / name).mkdir()
        unpack = unpack_zip_sdist if archive.suffix == ".zip" else unpack_sdist
        source = await asyncio.to_thread(unpack, archive, folder / "source")
        if announced:
            kind = "pyproject.toml" if (source / "pyproject.toml").is_file() else "setup.py"
            _write_line(on_output, f"Building wheel for {announced} ({kind})")
        tail: deque[OutputLine] = deque(maxlen=_TAIL_LINES)
        async with self._confiner.offline([interpreter], (_BUILDER,), write=(folder,)) as confinement:
            command = Command(
                module="build_wheel",
                argv=(str(source), str(folder / "result")),
                environ={**environ, "HOME": str(folder / "home"), "TMPDIR": str(folder / "temporary")},
                cwd=source,
                import_path=(_BUILDER,),
                interpreter=building(interpreter),
                confinement=confinement,
            )
            process = await self._executor.launch(command, tail.append, allow_cold_fallback=True)
        try:
            status = await process.wait()
        finally:
            await process.stop(0)
        if not status.ok:
            for line in tail:
                on_output(line)
            output = "\n".join(line.text for line in tail)
            raise FailedPrecondition(f"{archive.name} cannot be built: its build {status}.\n{output}", field=_FIELD)
        result = json.loads((folder / "result" / "result.json").read_text(encoding="utf-8"))
        if "missing" in result:
            raise FailedPrecondition(
                f"{archive.name} cannot be built: its build requires {', '.join(result['missing'])}, which is not "
                "installed here, and nothing is downloaded: install it next to this project, or stage a wheel instead",
                field=_FIELD,
            )
        return folder / "result" / str(result["wheel"])


def _cache_wheel(wheel: Path, cached: Path) -> None:
    """Copy a wheel into the cache, atomically."""
    cached.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(Kind.WORK, cached.parent) as folder:
        shutil.copyfile(wheel, folder / wheel.name)
        (folder / wheel.name).replace(cached)


def _write_line(on_output: OnOutput, text: str) -> None:
    on_output(OutputLine("stdout", text, datetime.now(UTC)))
