"""What has to be installed beside a runtime's packages: asked of uv, which sees their metadata and installs nothing."""

import asyncio
import contextlib
import re
import shlex
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from cloud.engine.runtimes.demands import FIELD, Demand
from cloud.engine.runtimes.distributions import Distributions
from cloud.engine.runtimes.index_settings import wheelhouses
from cloud.engine.runtimes.numpy_abi import NUMPY
from cloud.engine.runtimes.plan import Plan, read_plan
from cloud.engine.runtimes.python_facts import PythonFacts
from cloud.engine.runtimes.source_wheels import SourceBuilds
from cloud.engine.runtimes.uv import Uv
from cloud.engine.runtimes.uv_errors import Reason, UvError
from cloud.errors import FailedPrecondition

_IMPOSSIBLE = frozenset({Reason.NO_WHEEL, Reason.NO_VERSION, Reason.CONFLICT, Reason.NOT_FOUND, Reason.NOT_CACHED})
_NOT_CACHED_BELOW = re.compile(r"Because (\S+) was not found in the cache")
_NO_WHEEL_BELOW = re.compile(
    r"Because (?:all versions of )?(\S+) ha(?:s|ve) no (?:usable wheels|wheels with a matching)"
)
_TENSORFLOW = "tensorflow"
_WITH_PROTOBUF_4 = {"tensorflow-metadata": "tensorflow-metadata<1.16"}
"""Later ones say that protobuf 4, which TensorFlow 2.15 has, will do, and cannot be imported with it."""
_SHOWN = 3
_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class _Found:
    """
    Args:
        options: with which uv was asked.
    """

    plan: Plan
    options: tuple[str, ...]


class _Ask(Protocol):
    async def __call__(self, demands: Sequence[Demand], target: Path, *options: str, offline: bool) -> Plan: ...


@dataclass(frozen=True, slots=True)
class Resolver:
    """
    Args:
        visible: the packages that the job has without installing anything.
        lenient: pins that no wheel can meet are passed, with a warning.
        work: a private folder.
        sources: builds what has no wheel, unless the network is not used; None: nothing does.
        met: what the job states and ``visible`` meets. What is installed keeps to it, too, where that can be.
    """

    uv: Uv
    interpreter: Path
    facts: PythonFacts
    visible: Distributions
    lenient: bool
    work: Path
    sources: SourceBuilds | None = None
    met: Sequence[Demand] = ()

    def links(self) -> list[Path]:
        """The folders of the wheels that were built of source distributions."""
        return self.sources.links() if self.sources else []

    async def resolve_cached(self, demands: Sequence[Demand]) -> Plan | None:
        """What the cache and the folders of wheels can give; None if that is not all.

        Raises:
            UvError: the cache cannot be used.
        """
        target, kept = await asyncio.to_thread(self._write_metadata), self._keeping(demands)
        try:
            # Where these have to change, the index is asked: it may have what fits.
            return await self._ask(demands, target, *(kept[0] if kept else ()), offline=True)
        except UvError as error:
            if error.reason is Reason.UNWRITABLE:
                raise
            return None

    async def resolve(self, demands: Sequence[Demand], *, offline: bool) -> Plan:
        """
        Args:
            offline: ask the cache and the folders of wheels only.

        Raises:
            UvError: an index does not answer, or something else about it.
            FailedPrecondition: ``demands`` cannot be met; the message names which.
        """
        target = await asyncio.to_thread(self._write_metadata)
        first = await self._first(self._ask, demands, target, offline=offline)
        if self.sources and not offline:
            if isinstance(first, _Found):
                return await self._newer(first, demands, target, self.sources)
            # Last, so that no old release is built where a newer one has a wheel.
            first = await self._first(self._ask_building, demands, target, offline=offline)
        if isinstance(first, _Found):
            return first.plan
        error = first
        at_fault = await self._find(list(demands), target, offline=offline)
        if offline or not self.lenient or {reason for _, reason in at_fault} != {Reason.NO_WHEEL}:
            raise await self._refuse(error, at_fault, demands, offline=offline) from error
        overrides, warnings = {}, []
        for demand, reason in at_fault:
            present = self.visible.get(demand.requirement.name)
            used = present.version if present else await self._nearest(demand)
            if used is None:
                raise await self._refuse(error, [(demand, reason)], demands, offline=offline)
            overrides[demand.requirement.name] = used
            why = f" {problem.splitlines()[0]}" if (problem := self._problem(demand.requirement.name)) else ""
            warnings.append(f"{demand} has no wheel for Python {self.facts.version}; {used} is used.{why}")
        try:
            plan = await self._ask_building(demands, target, offline=False, overrides=overrides)
        except UvError as conflict:
            given_way = await self._give_way(demands, target, overrides)
            if given_way is None:
                raise (await self._refuse(conflict, [], demands, offline=False)) from conflict
            plan, more = given_way
            warnings += more
        return replace(plan, warnings=tuple(warnings))

    async def _first(self, ask: _Ask, demands: Sequence[Demand], target: Path, *, offline: bool) -> _Found | UvError:
        """What can be had with as much of the runtime kept as possible; or why nothing can."""
        for options in (*self._keeping(demands), ()):
            try:
                return _Found(await ask(demands, target, *options, offline=offline), options)
            except UvError as unmet:
                if unmet.reason not in _IMPOSSIBLE:
                    raise
                error = unmet
        return error

    async def _newer(self, found: _Found, demands: Sequence[Demand], target: Path, sources: SourceBuilds) -> Plan:
        """``found``, or what pip would choose: releases that need what has no wheel, which is then built. uv goes back
        to those before, which may be years older."""
        chosen = found.plan.versions
        named = [demand for demand in demands if canonicalize_name(demand.requirement.name) in chosen]
        try:
            newest = (await self._ask(named, target, "--no-deps", offline=False)).versions if named else {}
        except UvError:
            return found.plan
        behind = {name: version for name, version in newest.items() if chosen.get(name, version) < version}
        if not behind:
            return found.plan
        floor = self._write(f"{name}>={version}" for name, version in behind.items())
        before = len(sources.built)
        with contextlib.suppress(UvError):
            options = (*found.options, "--constraints", str(floor))
            plan = await self._ask_building(demands, target, *options, offline=False)
            return plan if len(sources.built) > before else found.plan
        if not sources.failures:
            return found.plan
        why = "; ".join(problem.splitlines()[0] for problem in sources.failures.values())
        warnings = [
            f"{name}=={version} needs what has no wheel and cannot be built here; {chosen[name]} is used. {why}"
            for name, version in behind.items()
        ]
        return replace(found.plan, warnings=tuple(warnings))

    async def _ask_building(
        self,
        demands: Sequence[Demand],
        target: Path,
        *options: str,
        offline: bool,
        overrides: dict[str, str] | None = None,
    ) -> Plan:
        """As ``_ask``, which is repeated as long as a wheel that it lacks can be built."""
        # The runtime stands for another, to whose versions such pins belong: they give way to its own, as they do where
        # nothing can be built.
        kept = {
            canonicalize_name(demand.requirement.name)
            for demand in demands
            if self.lenient and self.visible.get(demand.requirement.name)
        }
        while True:
            try:
                return await self._ask(demands, target, *options, offline=offline, overrides=overrides)
            except UvError as error:
                if self.sources is None or offline or error.reason not in _IMPOSSIBLE:
                    raise
                if not await self.sources.add_missing(error.detail, kept=kept):
                    raise

    async def _ask(
        self,
        demands: Sequence[Demand],
        target: Path,
        *options: str,
        offline: bool,
        overrides: dict[str, str] | None = None,
    ) -> Plan:
        """What uv would change in ``target``."""
        requirements = self._write(map(str, demands))
        arguments = ["--python", str(self.interpreter), "--target", str(target), "--only-binary", ":all:", *options]
        if overrides:
            arguments += ["--overrides", str(self._write(f"{name}=={version}" for name, version in overrides.items()))]
        lines: list[str] = []
        await self.uv.run(
            *("pip", "install", "--dry-run", "--requirements", str(requirements), *arguments),
            log=lambda line, _: lines.append(line),
            offline=offline,
            quick=True,
            links=self.links(),
        )
        return read_plan(lines, demands)

    def _keeping(self, demands: Sequence[Demand]) -> list[tuple[str, str]]:
        """Options for ``_ask`` with which TensorFlow and NumPy stay as they are, or NumPy of its major version; first
        those with which what is met already stays so, though what is installed would allow other versions.

        The runtime is named after the first, and what else it has was built for the second, which the metadata of newer
        ones do not say; nor do those of ``_WITH_PROTOBUF_4``. Those that ``demands`` name themselves may change.
        """
        named = {canonicalize_name(demand.requirement.name) for demand in demands}
        exact, loose = [], []
        for name in (_TENSORFLOW, NUMPY):
            if name not in named and (found := self.visible.get(name)):
                exact.append(f"{name}=={found.version}")
                loose.append(f"{NUMPY}<{Version(found.version).major + 1}" if name == NUMPY else exact[-1])
        protobuf = self.visible.get("protobuf")
        if protobuf and Version(protobuf.version) < Version("5"):
            fitting = [text for name, text in _WITH_PROTOBUF_4.items() if name not in named]
            exact, loose = [*exact, *fitting], [*loose, *fitting]
        sets = [exact, loose] if exact != loose else [exact] if exact else []
        met = [f"{one.requirement.name}{one.requirement.specifier}" for one in self.met if one.requirement.specifier]
        if met:
            sets = [*([*lines, *met] for lines in sets or [[]]), *sets]
        return [("--constraints", str(self._write(lines))) for lines in sets]

    async def _give_way(
        self, demands: Sequence[Demand], target: Path, overrides: dict[str, str]
    ) -> tuple[Plan, list[str]] | None:
        """A plan in which as few pins as possible give way to the runtime's versions, and the warnings; None: none is.
        Pins that fitted those which cannot be met need not fit what takes their place."""
        pins = {}
        for demand in demands:
            name, present = demand.requirement.name, self.visible.get(demand.requirement.name)
            is_pin = any(specifier.operator in ("==", "===", "~=") for specifier in demand.requirement.specifier)
            if name not in overrides and present and is_pin:
                pins[name] = (demand, present.version)
        replaced = {**overrides, **{name: version for name, (_, version) in pins.items()}}
        try:
            plan = await self._ask(demands, target, offline=False, overrides=replaced)
        except UvError:
            return None
        for name in pins:
            fewer = {other: version for other, version in replaced.items() if other != name}
            with contextlib.suppress(UvError):
                plan = await self._ask(demands, target, offline=False, overrides=fewer)
                replaced = fewer
        return plan, [
            f"{demand} does not fit the versions above; {version} is used."
            for name, (demand, version) in pins.items()
            if name in replaced
        ]

    async def _find(self, demands: list[Demand], target: Path, *, offline: bool) -> list[tuple[Demand, Reason]]:
        """Those that cannot be met even alone, and why."""
        ask = self._ask_building if len(demands) == 1 else self._ask
        try:
            await ask(demands, target, "--no-deps", offline=offline)
        except UvError as error:
            if error.reason not in _IMPOSSIBLE:
                raise
            if len(demands) == 1:
                return [(demands[0], error.reason)]
            half = len(demands) // 2
            parts = demands[:half], demands[half:]
            return [found for part in parts for found in await self._find(part, target, offline=offline)]
        return []

    async def _nearest(self, demand: Demand, *, offline: bool = False) -> str | None:
        """The version that has a wheel and is the nearest to those that ``demand`` names, later ones first."""
        named = []
        for specifier in demand.requirement.specifier:
            with contextlib.suppress(InvalidVersion):
                named.append(Version(specifier.version.removesuffix(".*")))
        if not named:
            return None
        empty = Path(tempfile.mkdtemp(dir=self.work))
        for text, resolution in ((f">={max(named)}", "lowest-direct"), (f"<{max(named)}", "highest")):
            wanted = Demand(Requirement(demand.requirement.name + text), demand.by)
            with contextlib.suppress(UvError):
                plan = await self._ask([wanted], empty, "--no-deps", "--resolution", resolution, offline=offline)
                return plan.install[0].partition("==")[2]
        return None

    async def _refuse(
        self, error: UvError, at_fault: Sequence[tuple[Demand, Reason]], demands: Sequence[Demand], *, offline: bool
    ) -> FailedPrecondition:
        """The error for demands that cannot be met."""
        if not at_fault:
            stated = "; ".join(demand.statement for demand in demands[:_SHOWN])
            missing = _NOT_CACHED_BELOW.search(error.detail) if error.reason is Reason.NOT_CACHED else None
            wheel = _NO_WHEEL_BELOW.search(error.detail)
            if wheel:
                why = (
                    f"which needs {wheel[1]}, of which there is no wheel for Python {self.facts.version}, and "
                    f"{self._unbuilt(wheel[1], offline=offline)}: require another version, or {_mend_wheel(wheel[1])}"
                    f"{self._build_output(wheel[1])}"
                )
            elif missing:
                why = f"which needs {missing[1]}, neither installed nor cached: {self._mend_offline(missing[1])}"
            else:
                why = f"which cannot be installed together: {error.detail.removeprefix('error: ')[:_LONGEST]}"
            return FailedPrecondition(f"{stated}{' …' if len(demands) > _SHOWN else ''}, {why}", field=FIELD)
        explained = [await self._explain(demand, reason, offline=offline) for demand, reason in at_fault[:_SHOWN]]
        return FailedPrecondition("; ".join(explained), field=FIELD)

    async def _explain(self, demand: Demand, reason: Reason, *, offline: bool) -> str:
        if reason is Reason.NOT_CACHED:
            return f"{demand.statement}, neither installed nor cached: {self._mend_offline(str(demand))}"
        if reason is Reason.NOT_FOUND:
            return (
                f"{demand.statement}, which the package index does not have: correct the name, or add its wheel to "
                "the job's packages"
            )
        nearest = await self._nearest(demand, offline=offline)
        if reason is Reason.NO_VERSION:
            instead = f"the nearest is {nearest}: require that" if nearest else "require another version"
            return f"{demand.statement}, a version that the package index does not have; {instead}"
        python = f"{demand.statement}, but {demand} has no wheel for Python {self.facts.version}"
        if nearest:
            mend = f"the nearest is {nearest}: require that, or pass such pins with --runtime any"
            return f"{python}; {mend}{self._build_output(demand.requirement.name)}"
        mend = _mend_wheel(demand.requirement.name)
        return (
            f"{python}, and {self._unbuilt(demand.requirement.name, offline=offline)}: {mend}"
            f"{self._build_output(demand.requirement.name)}"
        )

    def _problem(self, what: str) -> str:
        """Why ``what`` could not be built from source; empty: that was not tried."""
        name = canonicalize_name(re.split(r"[^\w.-]", what, maxsplit=1)[0])
        return self.sources.failures.get(name, "") if self.sources else ""

    def _unbuilt(self, what: str, *, offline: bool) -> str:
        if self.sources is None or offline:
            return "dependencies are not built from source"
        return "its source cannot be built here" if self._problem(what) else "it has no source that could be built"

    def _build_output(self, what: str) -> str:
        problem = self._problem(what)
        return f".\n{problem}" if problem else ""

    def _mend_offline(self, what: str) -> str:
        folders = wheelhouses(self.uv.environ)
        place = str(folders[0]) if folders else "a folder that PIP_FIND_LINKS names"
        return f"python -m cloud.runtimes fetch {shlex.quote(what)}, --requirements index, or its wheel in {place}"

    def _write(self, lines: Iterable[str]) -> Path:
        file = Path(tempfile.mkdtemp(dir=self.work)) / "requirements.txt"
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return file

    def _write_metadata(self) -> Path:
        """A folder in which uv finds the metadata of what is visible, wherever that lies."""
        folder = Path(tempfile.mkdtemp(dir=self.work))
        for distribution in self.visible:
            for name in ("METADATA", "PKG-INFO"):
                if (distribution.info / name).is_file():
                    info = folder / f"{distribution.name.replace('-', '_')}-{distribution.version}.dist-info"
                    info.mkdir(exist_ok=True)
                    (info / "METADATA").symlink_to(distribution.info / name)
                    break
        return folder


def _mend_wheel(what: str) -> str:
    """
    Args:
        what: the package without a wheel, as uv names it: ``NAME`` or ``NAME==VERSION``.
    """
    return (
        f"make its wheel with `pip wheel --no-deps {shlex.quote(what)}` and add it to the job's packages, or to a "
        "folder that PIP_FIND_LINKS names when the cloud is started"
    )
