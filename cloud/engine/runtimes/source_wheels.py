"""Wheels of packages that an index has as source distributions only: built here, and kept in the user's store.

A wheel is in a folder of its Python's tag, under its own name, from the moment it is whole. Clouds share the store
without locks: of two that build the same wheel the first to rename has it, and it is never changed.
"""

import asyncio
import os
import re
import shutil
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import (
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    parse_wheel_filename,
)
from packaging.version import Version

from cloud.engine.launch.command import Interpreter
from cloud.engine.launch.output import OnOutput, OutputLine
from cloud.engine.runtimes.index_client import MAX_BYTES, IndexClient, IndexClientError
from cloud.engine.runtimes.index_urls import Index, is_offline
from cloud.engine.runtimes.python_facts import PythonFacts
from cloud.engine.runtimes.source_files import SourceFile
from cloud.engine.runtimes.uv import Log
from cloud.errors import CloudError
from cloud.folders.temporary import Kind, temporary_folder
from cloud.resources.log_entries import Severity

BUILD_SECONDS = 60.0
"""A build that takes longer compiles something large, which seldom ends well."""
_MOST_BUILDS = 20
_MOST_VERSIONS = 3
"""Of one package."""
_SHOWN_LINES = 10
_WITHOUT_WHEEL = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]*)(?:\[[^\]\s]*\])?(?P<versions>[<>=!~]\S*)? ha(?:s|ve) no "
    r"(?:usable wheels|wheels with a matching)"
)
"""In an error of uv; before the name there may be "all versions of"."""


class BuildWheel(Protocol):
    """Builds the wheel of a source distribution where its code reaches nothing: ``PackageInstaller.build``."""

    async def __call__(
        self, archive: Path, *, name: str, work: Path, interpreter: Interpreter, on_output: OnOutput
    ) -> Path:
        """The wheel, a regular file in ``work``.

        Raises:
            CloudError: it cannot be built; the message says why.
        """


def without_wheel(detail: str) -> list[tuple[NormalizedName, SpecifierSet]]:
    """The packages, and their versions, of which an error of uv says that they have no wheel; those of any version
    first, as pip would take the newest."""
    found = []
    for match in _WITHOUT_WHEEL.finditer(detail):
        try:
            found.append((canonicalize_name(match["name"]), SpecifierSet(match["versions"] or "")))
        except InvalidSpecifier:
            continue
    return sorted(dict.fromkeys(found), key=lambda pair: bool(pair[1]))


class SourceWheels:
    """
    Args:
        folders: of the store; the second is used where the first cannot be written.
    """

    def __init__(self, folders: Sequence[Path], build: BuildWheel) -> None:
        self._folders = folders
        self.build = build

    def links(self, facts: PythonFacts) -> list[Path]:
        """The folders of wheels for this Python, for uv."""
        return [place for folder in self._folders if (place := folder / facts.tag).is_dir()]

    def has(self, name: str, version: Version, facts: PythonFacts) -> bool:
        """Whether its wheel was built."""
        return any(_is_of(wheel, name, version) for place in self.links(facts) for wheel in place.glob("*.whl"))

    def add(self, wheel: Path, facts: PythonFacts) -> None:
        """Copy ``wheel`` into the store, unless another cloud did.

        Raises:
            OSError: the store cannot be written.
        """
        errors: list[OSError] = []
        for folder in self._folders:
            try:
                return _add(wheel, folder, facts.tag)
            except OSError as error:
                errors.append(error)
        raise errors[0]


@dataclass(slots=True)
class SourceBuilds:
    """The builds for the requirements of one job.

    Args:
        environ: of uv's process.
        failures: why no wheel could be built, by the name of the package.
        built: the packages of which wheels were built.
    """

    wheels: SourceWheels
    environ: Mapping[str, str]
    interpreter: Interpreter
    facts: PythonFacts
    log: Log
    failures: dict[NormalizedName, str] = field(default_factory=dict)
    built: list[NormalizedName] = field(default_factory=list)
    _tried: set[tuple[NormalizedName, Version]] = field(default_factory=set)
    _client: IndexClient = field(init=False)

    def __post_init__(self) -> None:
        self._client = IndexClient(self.environ)

    def links(self) -> list[Path]:
        """The folders of the wheels that there are."""
        return self.wheels.links(self.facts)

    async def add_missing(self, detail: str, *, kept: Container[NormalizedName] = ()) -> bool:
        """Build the first package of which an error of uv says that it has no wheel, and that was not tried yet.

        Args:
            kept: those that are not built.

        Returns:
            Whether there is a wheel now that was not there when uv was asked.
        """
        if is_offline(self.environ):
            return False
        counts = Counter(name for name, _ in self._tried)
        # uv also says it of older versions of what was just built, if that lacks something: this comes first.
        for name, versions in sorted(without_wheel(detail), key=lambda pair: counts[pair[0]]):
            if name in kept or counts[name] == _MOST_VERSIONS:
                continue
            try:
                found = await self._client.newest(name, versions, self.facts.full_version)
            except IndexClientError as error:
                self.failures[name] = str(error)
                continue
            if found and (name, found[1].version) not in self._tried and len(self._tried) < _MOST_BUILDS:
                self._tried.add((name, found[1].version))
                if await self._provide(name, *found):
                    self.built.append(name)
                    return True
        return False

    async def _provide(self, name: NormalizedName, index: Index, source: SourceFile) -> bool:
        if source.is_compiled:
            self.failures[name] = f"{source.file.name} is compiled, which takes minutes and a compiler of its time"
            return False
        if await asyncio.to_thread(self.wheels.has, name, source.version, self.facts):
            return True  # since another cloud has just built it
        try:
            with temporary_folder(Kind.SDIST) as work:
                self.log(f"Downloading {source.file.name}", Severity.INFO)
                archive = work / source.file.name
                await self._client.download(index, source.file, archive)
                wheel = await self._build(name, archive, work)
                _check(wheel, name, source.version)
                await asyncio.to_thread(self.wheels.add, wheel, self.facts)
        except (CloudError, IndexClientError, OSError) as error:
            text = error.message if isinstance(error, CloudError) else str(error)
            lines = text.strip().splitlines()
            self.failures[name] = "\n".join(lines if len(lines) <= _SHOWN_LINES else [lines[0], *lines[-_SHOWN_LINES:]])
            self.log(f"Failed to build {name}", Severity.WARNING)
            return False
        self.log(f"Successfully built {name}", Severity.INFO)
        return True

    async def _build(self, name: str, archive: Path, work: Path) -> Path:
        def report(line: OutputLine) -> None:
            self.log(line.text, Severity.INFO)

        try:
            async with asyncio.timeout(BUILD_SECONDS):
                return await self.wheels.build(
                    archive, name=name, work=work, interpreter=self.interpreter, on_output=report
                )
        except TimeoutError:
            why = f"{archive.name} cannot be built: its build took longer than {BUILD_SECONDS:.0f} seconds"
            report(OutputLine("stderr", why, datetime.now(UTC)))
            raise OSError(why) from None


def _is_of(wheel: Path, name: str, version: Version) -> bool:
    try:
        found = parse_wheel_filename(wheel.name)
    except InvalidWheelFilename:
        return False
    return found[:2] == (canonicalize_name(name), version)


def _check(wheel: Path, name: str, version: Version) -> None:
    """Raises:
    IndexClientError: the wheel is not of what was asked for, or too large.
    """
    if not _is_of(wheel, name, version):
        raise IndexClientError(f"its build makes {wheel.name[:100]}, which is not {name} {version}")
    if wheel.stat().st_size > MAX_BYTES:
        raise IndexClientError(f"{wheel.name} is larger than {MAX_BYTES >> 20} MiB")


def _add(wheel: Path, folder: Path, tag: str) -> None:
    (folder / tag).mkdir(parents=True, exist_ok=True)
    with temporary_folder(Kind.WORK, folder) as private:
        whole = private / wheel.name
        shutil.copyfile(wheel, whole)
        with whole.open("rb") as file:
            os.fsync(file.fileno())
        if not (folder / tag / wheel.name).exists():
            whole.rename(folder / tag / wheel.name)
