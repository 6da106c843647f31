"""Builds a layer: resolves what is to be installed, and has uv install it."""

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

from cloud.engine.runtimes.demands import FIELD, Demand
from cloud.engine.runtimes.distributions import Distributions
from cloud.engine.runtimes.layers import Layer, Layers
from cloud.engine.runtimes.numpy_abi import NUMPY, built_for_numpy_1, is_numpy_2
from cloud.engine.runtimes.plan import Plan
from cloud.engine.runtimes.python_facts import PythonFacts
from cloud.engine.runtimes.resolution import Resolver
from cloud.engine.runtimes.source_wheels import SourceBuilds
from cloud.engine.runtimes.uv import Log, Uv
from cloud.engine.runtimes.uv_errors import Reason, UvError
from cloud.errors import FailedPrecondition
from cloud.folders.temporary import Kind, temporary_folder
from cloud.resources.log_entries import Severity
from cloud.settings import RequirementsMode

PACKAGES = "packages"
"""Of a layer's folder."""
_SHOWN = 3


class LayerBuilder:
    """
    Args:
        lenient: a pin that no wheel can meet is passed, with a warning.
    """

    def __init__(self, layers: Layers, uv: Uv, mode: RequirementsMode, *, lenient: bool) -> None:
        self._layers = layers
        self._uv = uv
        self._mode = mode
        self._lenient = lenient

    async def build(
        self,
        key: str,
        unmet: Sequence[Demand],
        met: Sequence[Demand],
        visible: Distributions,
        interpreter: Path,
        facts: PythonFacts,
        log: Log,
        sources: SourceBuilds | None = None,
    ) -> Layer:
        """
        Args:
            met: what the job states beside ``unmet``.
            visible: the packages that the job has without the layer, which meet it.
            sources: builds what has no wheel; None: nothing does.

        Raises:
            FailedPrecondition: ``unmet`` cannot be met, or an index does not answer.
            ResourceExhausted: the disk is full.
        """
        with self._layers.building() as (folder, lock), temporary_folder(Kind.WORK) as work:
            resolver = Resolver(self._uv, interpreter, facts, visible, self._lenient, work, sources, met)
            filling = _Filling(self._uv, self._mode, resolver, log, lock)
            target = folder / PACKAGES
            plan = await filling.fill(target, unmet)
            warnings = list(plan.warnings)
            if is_numpy_2(Distributions([target]).get(NUMPY) or visible.get(NUMPY)):
                built = await asyncio.to_thread(built_for_numpy_1, target)
                if built:
                    plan, warning = await filling.refill_with_numpy_1(target, unmet, plan, built)
                    warnings.append(warning)
            installed = tuple(Distributions([target]).freeze())
            return self._layers.finish(key, Layer(folder, installed, plan.replaced, tuple(warnings)))


@dataclass(frozen=True, slots=True)
class _Filling:
    uv: Uv
    mode: RequirementsMode
    resolver: Resolver
    log: Log
    lock: int

    async def fill(self, target: Path, unmet: Sequence[Demand]) -> Plan:
        """Install in ``target`` what ``unmet`` needs."""
        if self.mode is RequirementsMode.INDEX:
            # The index is asked only for what is not cached.
            plan = await self.resolver.resolve_cached(unmet)
            if plan and await self._install_cached(plan, target):
                return plan
        offline = self.mode is RequirementsMode.OFFLINE
        try:
            plan = await self.resolver.resolve(unmet, offline=offline)
            await self._install(plan, target, self.log, offline=offline)
        except UvError as error:
            stated = "; ".join(demand.statement for demand in unmet[:_SHOWN])
            raise FailedPrecondition(f"{stated}: {error}", field=FIELD) from error
        return plan

    async def refill_with_numpy_1(
        self, target: Path, unmet: Sequence[Demand], plan: Plan, built: Sequence[str]
    ) -> tuple[Plan, str]:
        """Install NumPy 1 beside what was ``built`` for it, as the images had it, if it can be had; and say so."""
        reason = f"{', '.join(built)} cannot be imported with NumPy 2"
        again = target.with_name("again")
        try:
            plan = await self.fill(again, [*unmet, Demand(Requirement(f"{NUMPY}<2"), built[0])])
        except FailedPrecondition as error:
            await asyncio.to_thread(shutil.rmtree, again, ignore_errors=True)
            return plan, f"{reason}, and NumPy 1 cannot be installed: {error.message}"
        await asyncio.to_thread(shutil.rmtree, target)
        again.rename(target)
        return plan, f"{reason}: {Distributions([target]).get(NUMPY)} is installed, too."

    async def _install_cached(self, plan: Plan, target: Path) -> bool:
        try:
            await self._install(plan, target, _silent, offline=True)
        except UvError as error:
            if error.reason is Reason.UNWRITABLE:
                raise
            await asyncio.to_thread(shutil.rmtree, target, ignore_errors=True)
            return False
        return True

    async def _install(self, plan: Plan, target: Path, log: Log, *, offline: bool) -> None:
        if not plan.install:
            return

        def report(line: str, severity: Severity) -> None:
            # uv's other lines repeat what is logged here in pip's words.
            if line.startswith("Downloading"):
                log(line, severity)

        python = str(self.resolver.interpreter)
        options = ("--python", python, "--target", str(target), "--only-binary", ":all:", "--no-deps")
        # In a file of the user alone, since the URLs of an argument list can be read by other users.
        file = Path(tempfile.mkdtemp(dir=self.resolver.work)) / "requirements.txt"
        file.write_text("\n".join(plan.install), encoding="utf-8")
        await self.uv.run(
            *("pip", "install", *options, "--requirements", str(file)),
            log=report,
            offline=offline,
            lock=self.lock,
            links=self.resolver.links(),
        )


def _silent(_: str, __: Severity) -> None:
    """Of an attempt that may fail, nothing is logged."""
