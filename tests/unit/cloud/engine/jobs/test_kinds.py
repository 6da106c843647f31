"""A kind of job whose jobs have several parts, run by the real service."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cloud.engine.jobs.kinds import JobKinds, Part, RunContext
from cloud.engine.jobs.service import JobService
from cloud.engine.jobs.slots import OwnSlots
from cloud.errors import InvalidArgument
from cloud.lifecycle import JobEvent, JobState
from cloud.names import GsUri
from cloud.resources import Job, JobSpec, TrainingSpec

SPEC = TrainingSpec("three", (GsUri("bucket", "a.whl"),), "trainer.task")


@dataclass(eq=False)
class Step:
    number: int
    context: RunContext
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    is_cancelled: bool = False
    state: JobState = JobState.QUEUED

    def cancel(self) -> None:
        self.is_cancelled = True
        self.go_on.set()

    async def run(self) -> None:
        self.context.report(self, JobEvent.STARTED, "")
        await self.go_on.wait()
        self.context.report(self, JobEvent.STOPPED if self.is_cancelled else JobEvent.COMPLETED, "")


@dataclass
class Steps:
    """Three steps, at most two at a time."""

    context: RunContext
    done: set[int]
    started: list[Step] = field(default_factory=list)
    message: str = ""
    is_cancelled: bool = False

    def waiting(self) -> int:
        running = sum(not step.state.is_final for step in self.started)
        return 0 if self.is_cancelled else min(2 - running, 3 - len(self.done) - running)

    def start(self) -> Part:
        taken = self.done | {step.number for step in self.started}
        self.started.append(Step(min({1, 2, 3} - taken), self.context))
        return self.started[-1]

    def on_event(self, part: Part, event: JobEvent, _: str, /) -> None:
        if event is JobEvent.COMPLETED:
            assert isinstance(part, Step)
            self.done.add(part.number)

    def states(self) -> Collection[JobState]:
        unfinished = sum(not step.state.is_final for step in self.started)
        pending = 0 if self.is_cancelled else 3 - len(self.done) - unfinished
        return [step.state for step in self.started] + [JobState.QUEUED] * pending

    def cancel(self) -> None:
        self.is_cancelled = True


@dataclass
class StepJobs:
    done: set[int] = field(default_factory=set)
    resumes: bool = True
    runs: list[Steps] = field(default_factory=list)
    is_closed: bool = False

    def check(self, spec: JobSpec) -> None:
        if spec.labels:
            raise InvalidArgument("no labels", field="job.labels")

    def run(self, _: JobSpec, context: RunContext) -> Steps:
        self.runs.append(Steps(context, self.done))
        return self.runs[-1]

    def complete(self, job: Job) -> Job:
        return job

    def close(self) -> None:
        self.is_closed = True


def service(folder: Path, kind: StepJobs, slots: int = 4) -> JobService:
    (folder / "work").mkdir(exist_ok=True)
    return JobService(
        state_dir=folder, work_dir=folder / "work", kinds=JobKinds({TrainingSpec: lambda: kind}), slots=OwnSlots(slots)
    )


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_parts_run_as_their_run_and_the_slots_allow(tmp_path: Path) -> None:
    kind = StepJobs()
    jobs = service(tmp_path, kind)
    jobs.submit(SPEC)
    await settle()
    (run,) = kind.runs
    assert [step.number for step in run.started] == [1, 2]
    assert jobs.get("three").state is JobState.RUNNING
    run.started[0].go_on.set()
    await settle()
    assert [step.number for step in run.started] == [1, 2, 3]
    for step in run.started:
        step.go_on.set()
    assert (await jobs.wait("three", 5)).state is JobState.SUCCEEDED
    await jobs.close()
    assert kind.is_closed


async def test_parts_take_slots_of_the_whole_service(tmp_path: Path) -> None:
    kind = StepJobs()
    jobs = service(tmp_path, kind, slots=1)
    jobs.submit(SPEC)
    jobs.submit(TrainingSpec("later", SPEC.package_uris, SPEC.python_module))
    await settle()
    assert len(kind.runs) == 1
    assert [step.number for step in kind.runs[0].started] == [1]
    assert jobs.get("later").queue_position == 1
    await jobs.close()


async def test_a_cancelled_job_starts_no_further_part_and_ends_with_the_last_one(tmp_path: Path) -> None:
    kind = StepJobs()
    jobs = service(tmp_path, kind)
    jobs.submit(SPEC)
    await settle()
    jobs.cancel("three")
    assert jobs.get("three").state is JobState.CANCELLING
    assert (await jobs.wait("three", 5)).state is JobState.CANCELLED
    assert len(kind.runs[0].started) == 2
    assert all(step.is_cancelled for step in kind.runs[0].started)
    await jobs.close()


@pytest.mark.parametrize("resumes", [True, False])
async def test_a_restart_resumes_a_job_of_a_kind_that_does_and_fails_others(tmp_path: Path, resumes: bool) -> None:
    kind = StepJobs(resumes=resumes)
    jobs = service(tmp_path, kind)
    jobs.submit(SPEC)
    await settle()
    kind.runs[0].started[0].go_on.set()
    await settle()
    await jobs.close()
    again = StepJobs(kind.done, resumes)
    jobs = service(tmp_path, again)
    await jobs.start()
    if resumes:
        await settle()
        assert jobs.get("three").state is JobState.RUNNING
        assert [step.number for step in again.runs[0].started] == [2, 3], "the first is done"
        for step in again.runs[0].started:
            step.go_on.set()
    job = await jobs.wait("three", 5)
    assert job.state is (JobState.SUCCEEDED if resumes else JobState.FAILED)
    assert job.error_message == ("" if resumes else "The service was stopped while the job was running.")
    await jobs.close()


async def test_what_its_kind_refuses_is_not_recorded(tmp_path: Path) -> None:
    jobs = service(tmp_path, StepJobs())
    with pytest.raises(InvalidArgument, match="no labels"):
        jobs.submit(TrainingSpec("x", SPEC.package_uris, SPEC.python_module, labels={"a": "b"}))
    with pytest.raises(InvalidArgument, match="no jobs of the kind JobSpec"):
        jobs.submit(JobSpec("x"))
    assert jobs.list() == []
    await jobs.close()
