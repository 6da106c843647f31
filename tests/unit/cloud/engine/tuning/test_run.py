"""A study's trials, run by the real service, with executions that do what the test says."""

import asyncio
import errno
import json
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from cloud.engine.jobs.kinds import JobKinds
from cloud.engine.jobs.logs import JobLog
from cloud.engine.jobs.service import JobService
from cloud.engine.jobs.slots import OwnSlots
from cloud.engine.tuning import run
from cloud.engine.tuning.kind import TuningJobs
from cloud.engine.tuning.metrics import Reported
from cloud.engine.tuning.records import TrialRecords
from cloud.lifecycle import JobEvent, JobState
from cloud.names import GsUri
from cloud.resources import JobSpec, Service, TrainingSpec
from cloud.resources.trials import Goal, Measurement, Metric, Parameter, ParameterType
from cloud.resources.tuning import Algorithm, EarlyStopping, TuningSpec

X = Parameter("x", ParameterType.INTEGER, 1, 20)
FAILS, SILENT, NOT_A_NUMBER, WAITS = "fails", "silent", "not a number", "waits"
REPORTS_LAST, REPORTS_AND_FAILS = "reports as it ends", "reports as it ends, and fails"


@dataclass(eq=False)
class FakeExecution:
    """Takes the place of an ``Execution``; what it does is decided by the trial's x."""

    spec: TrainingSpec
    platform: Any
    folder: Path
    log: Any
    report: Callable[..., None]
    trial: Any
    before_removal: Callable[[], Any]
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    def cancel(self) -> None:
        self.cancelled.set()

    async def run(self) -> None:
        part, x = self.before_removal.__self__, int(self.spec.args[-1].removeprefix("--x="))  # type: ignore[attr-defined]
        does = BEHAVIOUR.get(x, "")
        self.report(self, JobEvent.STARTED, "")
        if does == WAITS:
            await self.cancelled.wait()
        await asyncio.sleep(0)
        if does in (REPORTS_LAST, REPORTS_AND_FAILS):
            file = self.folder / "master-replica-0" / "hypertune" / "output.metrics"
            file.parent.mkdir(parents=True)
            file.write_text(json.dumps({"loss": str(x), "global_step": "1", "timestamp": 1.0}))
            await self.before_removal()
            shutil.rmtree(self.folder)
        elif does not in (SILENT, WAITS):
            value = float("nan") if does == NOT_A_NUMBER else float(x)
            part._by_client["loss", 1] = Reported(0.0, 1, "loss", value)
            part.on_report(part)
        if self.cancelled.is_set():
            self.report(self, JobEvent.STOPPED, "")
        elif does in (FAILS, REPORTS_AND_FAILS):
            self.report(self, JobEvent.FAILED, f"x was {x}")
        else:
            self.report(self, JobEvent.COMPLETED, "")


BEHAVIOUR: dict[int, str] = {}


@pytest_asyncio.fixture
async def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[JobService]:
    monkeypatch.setattr(run, "Execution", FakeExecution)
    BEHAVIOUR.clear()
    service = opened(tmp_path)
    yield service
    await service.close()


def opened(folder: Path, slots: int = 9) -> JobService:
    (folder / "work").mkdir(exist_ok=True)

    def storage(_: str) -> Any:
        raise AssertionError("there is no job dir")

    kind = TuningJobs(folder, SimpleNamespace(project="my-project"), storage)  # type: ignore[arg-type]
    return JobService(
        state_dir=folder, work_dir=folder / "work", kinds=JobKinds({TuningSpec: lambda: kind}), slots=OwnSlots(slots)
    )


def spec(job_id: str = "tune", service: Service = Service.ML_ENGINE, **given: Any) -> JobSpec:
    uris = (GsUri("bucket", "a.whl"),) if service is Service.ML_ENGINE else ()
    fields = {"parallel_trials": 1, "max_trials": 6, "algorithm": Algorithm.GRID_SEARCH} | given
    training = TrainingSpec(job_id, uris, "trainer.task", service=service)
    return TuningSpec(job_id, training, (Metric("loss", Goal.MINIMIZE),), (X,), service=service, **fields)


async def test_each_trial_has_its_arguments_and_a_measurement(jobs: JobService, tmp_path: Path) -> None:
    jobs.submit(spec(parallel_trials=3))
    job = await jobs.wait("tune", 5)
    assert job.state is JobState.SUCCEEDED
    assert [trial.parameters for trial in job.trials] == [{"x": x} for x in range(1, 7)]
    assert [trial.final.metrics["loss"] for trial in job.trials if trial.final] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert list((tmp_path / "work").iterdir()) == []


async def test_a_trial_that_has_ended_by_itself_is_not_stopped(jobs: JobService) -> None:
    BEHAVIOUR.update({4: REPORTS_LAST, 5: REPORTS_AND_FAILS})
    jobs.submit(spec(early_stopping=EarlyStopping.MEDIAN_BY_STEP, max_trials=5))
    job = await jobs.wait("tune", 5)
    assert [(trial.state, trial.stopped_early) for trial in job.trials[3:]] == [
        (JobState.SUCCEEDED, False),
        (JobState.FAILED, False),
    ]
    assert job.trials[3].final is not None


async def test_a_trial_that_runs_again_is_judged_by_what_it_reports_then(jobs: JobService, tmp_path: Path) -> None:
    BEHAVIOUR[1] = WAITS
    jobs.submit(spec(max_trials=1))
    while not (job := jobs.get("tune")).trials or job.trials[0].state is not JobState.RUNNING:  # noqa: ASYNC110 - no event
        await asyncio.sleep(0)
    await jobs.close()
    records = TrialRecords(tmp_path / "trials.sqlite")
    records.put("tune", replace(job.trials[0], measurements=(Measurement(9, 1.0, {"loss": -1.0}),)))
    records.close()
    BEHAVIOUR[1] = SILENT
    again = opened(tmp_path)
    await again.start()
    job = await again.wait("tune", 5)
    await again.close()
    assert job.trials[0].parameters == {"x": 1}
    assert (job.trials[0].final, job.trials[0].measurements) == (None, ())


async def test_the_job_ends_at_once_if_its_first_trial_fails(jobs: JobService) -> None:
    BEHAVIOUR[1] = FAILS
    jobs.submit(spec())
    job = await jobs.wait("tune", 5)
    assert (job.state, len(job.trials)) == (JobState.FAILED, 1)
    assert job.error_message == "1 of 1 trials failed. Trial 1: x was 1"


async def test_the_job_ends_with_as_many_failures_as_it_allows(jobs: JobService) -> None:
    BEHAVIOUR.update({1: FAILS, 3: FAILS})
    jobs.submit(spec(max_failed_trials=2))
    job = await jobs.wait("tune", 5)
    assert (job.state, len(job.trials)) == (JobState.FAILED, 3)
    assert job.error_message == "2 of 3 trials failed. Trial 3: x was 3"


async def test_without_a_limit_it_ends_when_more_than_half_of_more_than_four_failed(jobs: JobService) -> None:
    BEHAVIOUR.update({2: FAILS, 3: FAILS, 5: FAILS})
    jobs.submit(spec(max_trials=20))
    job = await jobs.wait("tune", 5)
    assert (job.state, len(job.trials)) == (JobState.FAILED, 5)


async def test_trials_that_still_run_end_with_a_job_that_failed(jobs: JobService) -> None:
    BEHAVIOUR.update({1: WAITS, 2: FAILS})
    jobs.submit(spec(parallel_trials=2, max_failed_trials=1))
    job = await jobs.wait("tune", 5)
    assert job.state is JobState.FAILED
    assert [trial.state for trial in job.trials] == [JobState.CANCELLED, JobState.FAILED]


@pytest.mark.parametrize("does", [SILENT, NOT_A_NUMBER])
async def test_a_trial_without_a_finite_metric_has_succeeded_on_ml_engine(jobs: JobService, does: str) -> None:
    BEHAVIOUR[1] = does
    jobs.submit(spec(max_trials=2))
    job = await jobs.wait("tune", 5)
    assert job.state is JobState.SUCCEEDED
    assert [(trial.state, trial.final is None) for trial in job.trials] == [
        (JobState.SUCCEEDED, True),
        (JobState.SUCCEEDED, False),
    ]


@pytest.mark.parametrize("does", [SILENT, NOT_A_NUMBER])
async def test_a_trial_without_a_finite_metric_has_failed_on_vertex_ai(jobs: JobService, does: str) -> None:
    BEHAVIOUR[1] = does
    jobs.submit(spec("12", Service.VERTEX_AI))
    job = await jobs.wait("12", 5)
    assert (job.state, len(job.trials)) == (JobState.FAILED, 1)
    assert "the metric 'loss'" in job.error_message


async def test_a_grid_ends_with_its_last_point(jobs: JobService) -> None:
    jobs.submit(spec(max_trials=30, parallel_trials=4))
    job = await jobs.wait("tune", 5)
    assert (job.state, len(job.trials)) == (JobState.SUCCEEDED, 20)


async def test_a_suggestion_that_fails_fails_its_trial(jobs: JobService, monkeypatch: pytest.MonkeyPatch) -> None:
    def suggest(*_: object) -> None:
        raise RuntimeError("no idea")

    monkeypatch.setattr(run, "suggest", suggest)
    jobs.submit(spec())
    job = await jobs.wait("tune", 5)
    assert (job.state, "RuntimeError: no idea" in job.error_message) == (JobState.FAILED, True)


async def test_a_trial_that_cannot_be_made_fails(jobs: JobService, monkeypatch: pytest.MonkeyPatch) -> None:
    def trial_spec(*_: object) -> None:
        raise RuntimeError("not like this")

    monkeypatch.setattr(run, "trial_spec", trial_spec)
    jobs.submit(spec())
    job = await jobs.wait("tune", 5)
    assert (job.state, "RuntimeError: not like this" in job.error_message) == (JobState.FAILED, True)


async def test_a_study_of_billions_of_trials_is_as_any_other(jobs: JobService) -> None:
    BEHAVIOUR.update(dict.fromkeys(range(1, 21), WAITS))
    jobs.submit(spec(max_trials=2**31 - 1, parallel_trials=2**31 - 1, algorithm=Algorithm.RANDOM_SEARCH))
    async with asyncio.timeout(5):
        while [trial.state for trial in jobs.get("tune").trials] != [JobState.RUNNING] * 9:
            await jobs.changes.next().wait()
    jobs.cancel("tune")
    assert (await jobs.wait("tune", 5)).state is JobState.CANCELLED


async def test_a_job_that_is_cancelled_while_a_suggestion_fails_is_cancelled(
    jobs: JobService, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def suggest(*_: object) -> None:
        go_on.wait(5)
        raise RuntimeError("no idea")

    monkeypatch.setattr(run, "suggest", suggest)
    jobs.submit(spec())
    await asyncio.sleep(0)
    jobs.cancel("tune")
    go_on.set()
    assert (await jobs.wait("tune", 5)).state is JobState.CANCELLED


async def test_a_full_disk_at_the_end_does_not_keep_the_job_from_ending(
    jobs: JobService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    jobs.submit(spec(max_trials=1))
    monkeypatch.setattr(JobLog, "append", full)
    assert (await jobs.wait("tune", 5)).state is JobState.SUCCEEDED


async def test_trials_go_on_after_a_restart_with_their_parameters(jobs: JobService, tmp_path: Path) -> None:
    BEHAVIOUR[3] = WAITS
    jobs.submit(spec(max_trials=4))
    await running(jobs, 3)
    before = jobs.get("tune").trials
    await jobs.close()
    BEHAVIOUR.clear()
    again = opened(tmp_path)
    await again.start()
    job = await again.wait("tune", 5)
    assert job.state is JobState.SUCCEEDED
    assert job.trials[:2] == before[:2]
    assert [trial.parameters for trial in job.trials] == [{"x": x} for x in range(1, 5)]
    await again.close()


async def test_a_job_cancelled_after_a_restart_has_no_trial_that_runs(jobs: JobService, tmp_path: Path) -> None:
    BEHAVIOUR[1] = WAITS
    jobs.submit(spec())
    await running(jobs, 1)
    await jobs.close()
    again = opened(tmp_path, slots=0)  # none is free before it is cancelled
    await again.start()
    assert again.get("tune").state is JobState.RUNNING
    again.cancel("tune")
    job = again.get("tune")
    assert (job.state, [trial.state for trial in job.trials]) == (JobState.CANCELLED, [JobState.CANCELLED])
    assert job.trials[0].end_time == job.end_time
    await again.close()


async def running(jobs: JobService, number: int) -> None:
    async with asyncio.timeout(5):
        while [trial.state for trial in jobs.get("tune").trials][number - 1 :] != [JobState.RUNNING]:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
