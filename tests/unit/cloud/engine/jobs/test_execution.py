import asyncio
import errno
import gc
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud.engine.jobs.execution import Execution, Platform
from cloud.engine.jobs.logs import JobLog
from cloud.engine.jobs.preparation import Preparation
from cloud.engine.launch.client import Command, ExitStatus, Interpreter, OutputLine
from cloud.engine.runtimes.installed import InstalledRuntime, installed_runtime
from cloud.engine.runtimes.requirements import Requirements
from cloud.lifecycle import JobEvent
from cloud.names import GsUri
from cloud.resources import Service, TrainingSpec
from cloud.settings import RequirementsMode

WARM = Interpreter(preload=("tensorflow",))


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
        self.commands: list[Command] = []

    def on_launch(self, on_output: Callable[[OutputLine], None]) -> None:
        raise NotImplementedError

    async def launch(self, command: Command, on_output: Callable[[OutputLine], None]) -> Process:
        self.commands.append(command)
        self.on_launch(on_output)
        return Process()

    async def install(self, archive: Path, **_: object) -> Path:
        return self._folder

    async def fetch(self, *_: object) -> None:
        pass


def job(parts: Parts, folder: Path, events: list[JobEvent], **env: str) -> Execution:
    platform = Platform(
        executor=parts,
        preparation=Preparation(
            runtimes=InstalledRuntime(replace(installed_runtime(), interpreter=WARM)),
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
        TrainingSpec("1", (GsUri("bucket", "a.whl"),), "task", service=Service.VERTEX_AI, env=env),
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


@pytest.mark.parametrize(
    ("env", "source", "message"),
    [
        ({"TF_USE_LEGACY_KERAS": "1"}, "import os; os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'", ""),
        ({"OMP_NUM_THREADS": "1"}, "", "OMP_NUM_THREADS is set: started cold."),
        ({"XLA_FLAGS": "", "KERAS_BACKEND": "jax"}, "", "KERAS_BACKEND, XLA_FLAGS are set: started cold."),
        ({}, "import os; os.environ['KERAS_BACKEND'] = 'jax'", "The program sets KERAS_BACKEND: started cold."),
    ],
)
async def test_variables_that_a_warm_process_would_not_heed(
    tmp_path: Path, env: dict[str, str], source: str, message: str
) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "task.py").write_text(source)
    parts = Parts(packages)
    run = job(parts, tmp_path, [], **env)
    parts.on_launch = lambda _: run.cancel()  # type: ignore[method-assign]

    await run.run()

    texts = [entry.message for entry in run.log.read()]
    assert [text for text in texts if "cold" in text] == ([message] if message else [])
    assert parts.commands[0].interpreter == (WARM.cold if message else WARM)
