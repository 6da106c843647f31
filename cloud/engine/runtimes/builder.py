"""Makes runtimes: virtual environments in the store, filled by uv."""

import asyncio
import sys
from pathlib import Path

from cloud.engine.launch.command import Interpreter
from cloud.engine.runtimes import hooks
from cloud.engine.runtimes.distributions import Distributions
from cloud.engine.runtimes.names import TF1, as_numbers, minor
from cloud.engine.runtimes.python_facts import python_facts
from cloud.engine.runtimes.recipes import OVERRIDES, OWN_PYTHON, TITLES, Recipe, recipe
from cloud.engine.runtimes.runtime import Runtime
from cloud.engine.runtimes.store import Record, State, Store, Stored
from cloud.engine.runtimes.uv import Log, Uv
from cloud.engine.runtimes.uv_errors import Reason, UvError
from cloud.errors import FailedPrecondition, InvalidArgument
from cloud.resources.log_entries import Severity


class Builder:
    def __init__(self, store: Store, uv: Uv) -> None:
        self.store = store
        self._uv = uv

    async def build(self, wanted: Recipe, log: Log, *, python: Path | None = None) -> Stored:
        """The runtime, made if it is not there. Cancelled, it leaves nothing.

        Args:
            python: an interpreter to make it with; None: this one, or another that is installed and fits.

        Raises:
            InvalidArgument: the interpreter does not fit.
            FailedPrecondition: there is none, no uv, or uv failed.
            ResourceExhausted: the disk is full.
        """
        try:
            interpreter = python or await self.find_python(wanted)
        except UvError as error:
            raise _not_made(wanted, error) from error
        version = (await python_facts(interpreter)).markers["python_full_version"]
        if not wanted.fits(minor(version)):
            raise InvalidArgument(
                f"{wanted.name} needs {wanted.range}, {interpreter} is {minor(version)}", field="--python"
            )
        base = base_folder = None
        if wanted.base is not None:
            base = await self.build(recipe(wanted.base), log, python=interpreter)
            base_folder = base.folder.name

        def report_wait() -> None:
            log(f"{wanted.name} is being made by another process: waiting for it.", Severity.INFO)

        async with self.store.building(f"{wanted.name}-py{minor(version)}", report_wait) as (folder, lock):
            if ready := self.store.get(folder.name):
                return ready
            log(f"Making {wanted.name} with Python {version} in {folder}.", Severity.INFO)
            environment = Stored(folder, State.BUILDING, Record(wanted.name, version, "", base_folder))
            try:
                await self._make_environment(wanted, interpreter, folder, log, lock)
            except UvError as error:
                raise _not_made(wanted, error) from error
            await asyncio.to_thread(hooks.install, wanted.name, environment.site, base.site if base else None)
            site = [environment.site] if base is None else [environment.site, base.site]
            description = _describe(wanted, Distributions(site))
            return self.store.finish(folder, Record(wanted.name, version, description, base_folder))

    async def _make_environment(self, wanted: Recipe, interpreter: Path, folder: Path, log: Log, lock: int) -> None:
        made_with = ("--no-project", "--python", str(interpreter))
        await self._uv.run("venv", "--allow-existing", *made_with, str(folder), log=_ignore, lock=lock)
        if not wanted.requirements:
            return
        overrides = folder / "overrides.txt"
        overrides.write_text("".join(f"{line}\n" for line in OVERRIDES), encoding="utf-8")
        # Without bytecode every cold start would compile what it imports: 5 to 12 s instead of 2.
        options = ("--only-binary", ":all:", "--compile-bytecode", "--override", str(overrides))
        python = str(folder / "bin" / "python")
        await self._uv.run("pip", "install", "--python", python, *options, *wanted.requirements, log=log, lock=lock)

    async def find_python(self, wanted: Recipe) -> Path:
        """This interpreter, or the newest other one on this machine that fits. None is downloaded.

        Raises:
            FailedPrecondition: none fits.
        """
        if wanted.fits(OWN_PYTHON):
            return Path(sys.executable)
        lowest, highest = (as_numbers(version)[1] for version in wanted.pythons)
        for number in range(highest, lowest - 1, -1):
            try:
                found = await self._uv.run("python", "find", "--no-project", "--system", f"3.{number}", log=_ignore)
            except UvError as error:
                if error.reason is Reason.MISSING:
                    raise
                continue
            return Path(found.strip())
        raise FailedPrecondition(f"{wanted.name} needs {wanted.range}, this is {OWN_PYTHON}: add --python PATH")


def runtime_of(stored: Stored) -> Runtime:
    """What is READY, for jobs."""
    assert stored.record is not None  # noqa: S101
    record = stored.record
    major, number = as_numbers(minor(record.python))
    base = Store(stored.folder.parent).get(record.base) if record.base else None
    return Runtime(
        name=record.name,
        description=f"{record.description}, Python {record.python}",
        interpreter=Interpreter(stored.interpreter, recipe(record.name).preload, (major, number)),
        site=(stored.site, base.site) if base else (stored.site,),
    )


def _not_made(wanted: Recipe, error: UvError) -> FailedPrecondition:
    return FailedPrecondition(f"{wanted.name} cannot be made: {error}")


def _describe(made: Recipe, found: Distributions) -> str:
    """``TensorFlow 2.15.1 as compat.v1``."""
    distribution = found.get(made.framework)
    version = f" {distribution.version}" if distribution else ""
    return f"{TITLES.get(made.framework, made.framework)}{version}{' as compat.v1' if made.name == TF1 else ''}"


def _ignore(_: str, __: Severity) -> None:
    """Of steps that take milliseconds, nothing is logged."""
