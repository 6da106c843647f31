"""Gives a job what its packages require, as Google's runner does by pip: as a layer before the runtime's packages."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cloud.engine.launch.command import Interpreter
from cloud.engine.runtimes import hidden
from cloud.engine.runtimes.demands import FIELD, THE_JOB, Demand, collect, is_met
from cloud.engine.runtimes.distributions import Distribution, Distributions
from cloud.engine.runtimes.framework_pins import without_framework_pins
from cloud.engine.runtimes.layer_build import PACKAGES, LayerBuilder
from cloud.engine.runtimes.layers import Layer, Layers
from cloud.engine.runtimes.names import INSTALLED
from cloud.engine.runtimes.python_facts import PythonFacts, python_facts
from cloud.engine.runtimes.runtime import Runtime
from cloud.engine.runtimes.source_wheels import SourceBuilds, SourceWheels
from cloud.engine.runtimes.uv import Log, Uv
from cloud.engine.runtimes.uv_errors import UvError
from cloud.errors import FailedPrecondition
from cloud.resources.log_entries import Severity
from cloud.settings import RequirementsMode

_RULES = "8"
"""Of what is installed for demands. Another value where that changes, so that layers of before are not used."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The Python of a job.

    Args:
        import_path: the folders that follow those of the job's packages.
    """

    interpreter: Interpreter
    import_path: tuple[Path, ...]


class Requirements:
    """
    Args:
        folder: of the layers, shared by all clouds of the user.
        environ: the user's, with the settings of pip and uv.
        fallback: for layers where ``folder`` cannot be written.
        lenient: a pin that no wheel can meet is passed, with a warning in the job's log; otherwise refused.
        wheels: builds what an index has as a source distribution only; None: that cannot be met.
    """

    def __init__(
        self,
        folder: Path,
        mode: RequirementsMode,
        *,
        environ: Mapping[str, str],
        fallback: Path | None = None,
        lenient: bool = False,
        wheels: SourceWheels | None = None,
    ) -> None:
        self._layers = Layers(folder, fallback)
        self._mode = mode
        self._lenient = lenient
        self._uv = Uv(environ)
        self._builder = LayerBuilder(self._layers, self._uv, mode, lenient=lenient)
        self._wheels = wheels
        self._building: dict[str, asyncio.Lock] = {}

    async def install(
        self, runtime: Runtime, packages: Sequence[Path], stated: Sequence[str], *, work: Path, log: Log
    ) -> Environment:
        """
        Args:
            packages: the folders of the job's packages, in the order of its import path.
            stated: requirements of the job itself.
            work: a folder of the job.

        Raises:
            FailedPrecondition: a requirement cannot be read or met, or an index does not answer; the message names the
                package, the requirement and the mend.
            ResourceExhausted: the disk is full.
        """
        facts = await python_facts(runtime.interpreter.path)
        own = Distributions(packages)
        # Of two packages with one name, the first in the import path is the one that is imported.
        demands = collect(own, stated, facts.markers)
        visible = Distributions((*packages, *runtime.import_path, *runtime.site))
        unmet = _report_met(demands, visible, facts, log)
        if self._lenient:
            unmet, warnings = without_framework_pins(unmet, visible, facts.version, facts.markers)
            for warning in warnings:
                log(warning, Severity.WARNING)
        linked: list[Distribution] = []
        if unmet and runtime.name == INSTALLED:
            linked = await asyncio.to_thread(_link_hidden, unmet, visible, facts, work / "linked")
        import_path = runtime.import_path
        if linked:
            import_path = (work / "linked", *import_path)
            visible = Distributions((*packages, *import_path, *runtime.site))
            unmet = _report_met(unmet, visible, facts, log)
        if not unmet:
            return Environment(runtime.interpreter, import_path)
        met = [demand for demand in demands if is_met(demand, visible, facts.markers)]
        layer = await self._layer(unmet, met, visible, runtime.interpreter, facts, log)
        for warning in layer.warnings:
            log(warning, Severity.WARNING)
        interpreter, packages_of_layer = runtime.interpreter, layer.folder / PACKAGES
        if replaced := layer.replaced or _modules_of(interpreter, packages_of_layer):
            # A fork server has the runtime's own versions loaded.
            log(f"The requirements replace {', '.join(replaced)}: started cold.", Severity.INFO)
            interpreter = interpreter.cold
        return Environment(interpreter, (*([packages_of_layer] if layer.installed else []), *import_path))

    async def _layer(
        self,
        unmet: Sequence[Demand],
        met: Sequence[Demand],
        visible: Distributions,
        interpreter: Interpreter,
        facts: PythonFacts,
        log: Log,
    ) -> Layer:
        for demand in unmet:
            log(f"Collecting {self._uv.redact(str(demand))}{_source(demand)}", Severity.INFO)
        key = self._key(unmet, met, visible, facts)
        async with self._building.setdefault(key, asyncio.Lock()):
            layer = self._layers.find(key)
            if layer is None:
                self._check_allowed(unmet, visible)
                sources = None
                if self._wheels:
                    sources = SourceBuilds(self._wheels, self._uv.environ, interpreter, facts, log)
                layer = await self._builder.build(key, unmet, met, visible, interpreter.path, facts, log, sources)
        names = " ".join(pin.replace("==", "-") for pin in layer.installed)
        log(f"Successfully installed {names}" if names else "Nothing has to be installed.", Severity.INFO)
        return layer

    def _key(self, unmet: Sequence[Demand], met: Sequence[Demand], visible: Distributions, facts: PythonFacts) -> str:
        indexes = [
            f"{name}={value}"
            for name, value in sorted(self._uv.environ.items())
            if name.startswith(("UV_INDEX", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX", "UV_FIND_LINKS", "UV_NO_INDEX"))
        ]
        parts = (
            _RULES,
            *visible.freeze(),
            facts.tag,
            *sorted({str(demand) for demand in unmet}),
            "met",
            *sorted({str(demand) for demand in met if demand.requirement.specifier}),
            *indexes,
            self._lenient,
        )
        return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:32]

    def _check_allowed(self, unmet: Sequence[Demand], visible: Distributions) -> None:
        if self._mode is RequirementsMode.INSTALLED:
            mend = "nothing is installed for a job with --requirements installed"
        else:
            try:
                self._uv.path()
            except UvError as error:
                mend = str(error)
            else:
                return
        problems = "; ".join(_describe(demand, visible) for demand in unmet)
        raise FailedPrecondition(
            f"{problems}: {mend}. Otherwise install it next to this project, add it to the job's packages, or loosen "
            "the requirement",
            field=FIELD,
        )


def _modules_of(interpreter: Interpreter, folder: Path) -> tuple[str, ...]:
    """Which of the modules that a fork server has loaded ``folder`` has, under whichever distribution's name."""
    tops = dict.fromkeys(name.partition(".")[0] for name in interpreter.preload)
    return tuple(top for top in tops if (folder / top).exists() or (folder / f"{top}.py").exists())


def _report_met(demands: Sequence[Demand], visible: Distributions, facts: PythonFacts, log: Log) -> list[Demand]:
    """Log what is there, in pip's words; return what is not."""
    unmet = []
    for demand in demands:
        if is_met(demand, visible, facts.markers):
            found = visible.get(demand.requirement.name)
            place = f" in {found.folder}{_source(demand)} ({found.version})" if found else ""
            log(f"Requirement already satisfied: {demand}{place}", Severity.INFO)
        else:
            unmet.append(demand)
    return unmet


def _source(demand: Demand) -> str:
    return "" if demand.by == THE_JOB else f" (from {demand.by.replace(' ', '==')})"


def _link_hidden(
    unmet: Sequence[Demand], visible: Distributions, facts: PythonFacts, target: Path
) -> list[Distribution]:
    own = hidden.own_distributions()
    found = {
        distribution.name: distribution
        for demand in unmet
        for distribution in hidden.find_hidden(demand, visible, own, facts.markers)
    }
    if found:
        hidden.link(found.values(), target)
    return list(found.values())


def _describe(demand: Demand, visible: Distributions) -> str:
    found = visible.get(demand.requirement.name)
    return f"{demand.statement}, " + (f"but {found.version} is installed" if found else "which is not installed")
