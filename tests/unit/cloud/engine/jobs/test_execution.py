import asyncio
import errno
import gc
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from one_runtime import OneRuntime

from cloud.engine.jobs.execution import Execution, Platform
from cloud.engine.jobs.logs import JobLog
from cloud.engine.jobs.preparation import Preparation
from cloud.engine.launch.client import ExitStatus, OutputLine
from cloud.engine.restore import restore
from cloud.engine.runtimes.installed import installed_runtime
from cloud.engine.runtimes.requirements import Requirements
from cloud.errors import InvalidArgument
from cloud.lifecycle import JobEvent
from cloud.names import GsUri
from cloud.resources import Service, TrainingSpec
from cloud.resources.pool_programs import PoolProgram
from cloud.settings import RequirementsMode


class Process:
    async def wait(self) -> ExitStatus:
        await asyncio.Event().wait()
        raise AssertionError

    async def stop(self, grace: float) -> None:
        pass


class Parts:
    """A launcher and an installer that start and install nothing; a launch calls ``on_launch``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def on_launch(self, on_output: Callable[[OutputLine], None]) -> None:
        raise NotImplementedError

    async def launch(self, _: object, on_output: Callable[[OutputLine], None]) -> Process:
        self.on_launch(on_output)
        return Process()

    async def install(self, archive: Path, **_: object) -> Path:
        return self._folder

    async def fetch(self, *_: object) -> None:
        pass


SPEC = TrainingSpec("one", (GsUri("bucket", "a.whl"),), "task")


def job(parts: Parts, folder: Path, events: list[JobEvent], spec: TrainingSpec = SPEC) -> Execution:
    platform = Platform(
        executor=parts,
        preparation=Preparation(
            runtimes=OneRuntime(installed_runtime()),
            fetch=parts.fetch,
            installer=parts,
            requirements=Requirements(folder / "layers", RequirementsMode.INSTALLED, environ={}),
            environ={},
        ),
        environ={},
        project="my-project",
        project_number=1,
        grace=0,
    )  # type: ignore[arg-type]
    return Execution(
        spec,
        platform,
        folder / "run",
        JobLog(folder / "log"),
        lambda _, event, __: events.append(event),
    )


@pytest.mark.parametrize("launch_fails", [False, True])
async def test_a_job_that_is_cancelled_as_its_last_replica_starts_never_runs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, launch_fails: bool
) -> None:
    parts, events = Parts(tmp_path), list[JobEvent]()
    run = job(parts, tmp_path, events)

    def cancelled(on_output: Callable[[OutputLine], None]) -> None:
        run.cancel()
        on_output(OutputLine("stdout", "hello", datetime.now(UTC)))
        if launch_fails:
            raise OSError("no more processes")

    parts.on_launch = cancelled  # type: ignore[method-assign]
    await run.run()
    gc.collect()
    assert events == [JobEvent.STOPPED]
    assert caplog.records == [], "the error of a cancelled start is not logged"


async def test_a_job_is_running_from_its_first_output_even_before_its_start_is_confirmed(tmp_path: Path) -> None:
    parts, events = Parts(tmp_path), list[JobEvent]()
    run = job(parts, tmp_path, events)
    events_at_output: list[list[JobEvent]] = []

    def quick(on_output: Callable[[OutputLine], None]) -> None:
        on_output(OutputLine("stdout", "hello", datetime.now(UTC)))
        events_at_output.append(list(events))
        asyncio.get_running_loop().call_later(0.05, run.cancel)

    parts.on_launch = quick  # type: ignore[method-assign]
    await run.run()
    assert events_at_output == [[JobEvent.STARTED]]
    assert events == [JobEvent.STARTED, JobEvent.STOPPED]


@pytest.mark.parametrize("pools", [{}, {"worker_count": 1, "service": Service.VERTEX_AI, "programs": True}])
async def test_a_job_that_an_earlier_version_accepted_is_started_without_the_checks_of_new_ones(
    tmp_path: Path, pools: dict[str, object]
) -> None:
    module = "not a module"
    with pytest.raises(InvalidArgument):
        replace(SPEC, python_module=module)
    program = restore(PoolProgram, {"pool": 1, "package_uris": (), "python_module": module})
    pools = {name: (program,) if name == "programs" else value for name, value in pools.items()}
    fields = {"job_id": "1", "package_uris": (GsUri("bucket", "a.whl"),), "python_module": module, **pools}
    parts, events, launched = Parts(tmp_path), list[JobEvent](), list[None]()
    run = job(parts, tmp_path, events, restore(TrainingSpec, fields))

    def quick(_: Callable[[OutputLine], None]) -> None:
        launched.append(None)
        asyncio.get_running_loop().call_later(0.05, run.cancel)

    parts.on_launch = quick  # type: ignore[method-assign]
    await run.run()
    assert (len(launched), events[-1]) == (2 if pools else 1, JobEvent.STOPPED)


async def test_an_execution_that_fails_on_a_full_disk_reports_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    parts, ends = Parts(tmp_path), list[str]()

    async def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(parts, "fetch", full)
    run = job(parts, tmp_path, [])
    run.report = lambda _, event, message: ends.append(f"{event.name}: {message}")
    await run.run()
    assert len(ends) == 1
    assert ends[0].startswith("FAILED: There is no room left on the disk of the local cloud")
    assert caplog.records == []
