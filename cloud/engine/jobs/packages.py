"""Installs staged packages into private folders: no network, nothing shared between jobs, nothing built twice."""

import asyncio
import json
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from cloud.engine.jobs.archives import BadArchiveError, content_key, unpack_sdist
from cloud.engine.jobs.wheels import install_wheel, interpreter_tag
from cloud.engine.launch.command import Command
from cloud.engine.launch.executor import Executor
from cloud.engine.launch.output import OnOutput, OutputLine
from cloud.errors import FailedPrecondition

_FIELD = "training_input.package_uris"
_BUILDER = Path(__file__).parent / "pep517"
_TAIL_LINES = 30


class PackageInstaller:
    """Builds and installs packages in processes of ``executor``.

    Args:
        cache: folder of the wheels built so far, each named after the content of its source distribution. May be
            removed at any time.
    """

    def __init__(self, executor: Executor, cache: Path) -> None:
        self._executor = executor
        self._cache = cache

    async def install(self, archive: Path, *, work: Path, environ: Mapping[str, str], on_output: OnOutput) -> Path:
        """Install a ``.tar.gz`` source distribution or a ``.whl`` and return the folder for the import path.

        Everything the wheel holds goes below that folder: modules at the top, scripts in ``bin``, data files at their
        relative paths. Console scripts are not generated. Requirements are
        another question: see ``requirements.py``.

        Args:
            work: private to the job; the installed folder will be in it.
            environ: for the build, which may run the package's own ``setup.py``.
            on_output: gets what pip would say, and all of a failing build's output.

        Raises:
            FailedPrecondition: the archive is refused, cannot be built, or is not for this Python.
        """
        _say(on_output, f"Processing ./{archive.name}")
        if archive.name.endswith(".whl"):
            folder, name = await asyncio.to_thread(install_wheel, archive, work)
        elif archive.name.endswith(".tar.gz"):
            folder, name = await self._install_sdist(archive, work, environ, on_output)
        else:
            raise FailedPrecondition(
                f"{archive.name}: a package is a .tar.gz source distribution or a .whl", field=_FIELD
            )
        _say(on_output, f"Successfully installed {name}")
        return folder

    async def _install_sdist(
        self, archive: Path, work: Path, environ: Mapping[str, str], on_output: OnOutput
    ) -> tuple[Path, str]:
        kept = self._cache / f"{await asyncio.to_thread(content_key, archive)}-{interpreter_tag()}.whl"
        if kept.exists():
            try:
                return await asyncio.to_thread(install_wheel, kept, work)
            except (BadArchiveError, OSError):
                kept.unlink(missing_ok=True)  # damaged on disk: whatever it was, it is built anew
        folder = Path(tempfile.mkdtemp(dir=work, prefix="build-"))
        try:
            wheel = await self._build(archive, folder, environ, on_output)
            installed = await asyncio.to_thread(install_wheel, wheel, work)
            await asyncio.to_thread(_keep, wheel, kept)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        return installed

    async def _build(self, archive: Path, folder: Path, environ: Mapping[str, str], on_output: OnOutput) -> Path:
        for name in ("source", "home", "result"):
            (folder / name).mkdir()
        source = await asyncio.to_thread(unpack_sdist, archive, folder / "source")
        said: deque[OutputLine] = deque(maxlen=_TAIL_LINES)
        command = Command(
            module="build_wheel",
            argv=(str(source), str(folder / "result")),
            environ={**environ, "HOME": str(folder / "home")},
            cwd=source,
            import_path=(_BUILDER,),
        )
        process = await self._executor.launch(command, said.append, allow_cold_fallback=True)
        try:
            status = await process.wait()
        finally:
            await process.stop(0)
        if not status.ok:
            for line in said:
                on_output(line)
            tail = "\n".join(line.text for line in said)
            raise FailedPrecondition(f"{archive.name} cannot be built: its build {status}.\n{tail}", field=_FIELD)
        result = json.loads((folder / "result" / "result.json").read_text(encoding="utf-8"))
        if "missing" in result:
            raise FailedPrecondition(
                f"{archive.name} cannot be built: its build requires {', '.join(result['missing'])}, which is not "
                "installed here, and nothing is downloaded: install it beside this project, or stage a wheel instead",
                field=_FIELD,
            )
        return folder / "result" / str(result["wheel"])


def _keep(wheel: Path, kept: Path) -> None:
    """Copy a wheel into the cache, whole or not at all."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=kept.parent)
    try:
        with wheel.open("rb") as source, open(descriptor, "wb") as copy:
            shutil.copyfileobj(source, copy)
        os.replace(name, kept)
    except BaseException:
        os.unlink(name)
        raise


def _say(on_output: OnOutput, text: str) -> None:
    on_output(OutputLine("stdout", text, datetime.now(UTC)))
