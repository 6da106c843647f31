import asyncio
import gc
from pathlib import Path

import pytest

from cloud.engine.jobs.logs import JobLog
from cloud.engine.jobs.runner import JobRun, Platform
from cloud.engine.launch.client import ExitStatus
from cloud.lifecycle import JobEvent
from cloud.names import GsUri
from cloud.resources import JobSpec


class Process:
    async def wait(self) -> ExitStatus:
        await asyncio.Event().wait()
        raise AssertionError

    async def stop(self, grace: float) -> None:
        pass


class Parts:
    """A launcher and an installer that start and install nothing, and do something else meanwhile."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def meanwhile(self) -> None:
        raise NotImplementedError

    async def launch(self, *_: object) -> Process:
        self.meanwhile()
        return Process()

    async def install(self, archive: Path, **_: object) -> Path:
        return self._folder

    async def fetch(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("launch_fails", [False, True])
async def test_a_job_that_is_cancelled_as_its_last_replica_starts_never_runs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, launch_fails: bool
) -> None:
    parts = Parts(tmp_path)
    platform = Platform(
        launcher=parts,
        installer=parts,
        fetch=parts.fetch,
        environ={},
        project="my-project",
        project_number=1,
        grace=0,
    )  # type: ignore[arg-type]
    events: list[JobEvent] = []
    run = JobRun(
        JobSpec("one", (GsUri("bucket", "a.whl"),), "task"),
        platform,
        tmp_path / "run",
        JobLog(tmp_path / "log"),
        lambda event, _: events.append(event),
    )

    def cancelled() -> None:
        run.cancel()
        if launch_fails:
            raise OSError("no more processes")

    parts.meanwhile = cancelled  # type: ignore[method-assign]
    await run.run()
    gc.collect()
    assert events == [JobEvent.STOPPED]
    assert caplog.records == [], "what was raised meanwhile is of no interest"
