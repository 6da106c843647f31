import asyncio
import gc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.jobs.kinds import JobKinds, Part, RunContext
from cloud.engine.jobs.logs import JobLog
from cloud.engine.jobs.service import JobService, apply_event
from cloud.engine.jobs.slots import OwnSlots
from cloud.engine.jobs.training import TrainingJobs
from cloud.errors import ResourceExhausted
from cloud.lifecycle import JobEvent, JobState
from cloud.names import GsUri
from cloud.resources import Job, ScaleTier, TrainingSpec

KINDS = JobKinds({TrainingSpec: lambda: TrainingJobs(mock.Mock())})
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
QUEUED = Job(TrainingSpec("one", (GsUri("bucket", "a.whl"),), "trainer.task"), JobState.QUEUED, NOON)


@given(st.lists(st.timedeltas(timedelta(days=-400), timedelta(days=400)), min_size=3, max_size=3))
def test_a_jobs_times_are_in_order_even_if_the_clock_is_set_back(jumps: list[timedelta]) -> None:
    job = QUEUED
    for event, jump in zip((JobEvent.SCHEDULED, JobEvent.STARTED, JobEvent.COMPLETED), jumps, strict=True):
        job = apply_event(job, event, "", NOON + jump)
    assert job.start_time is not None
    assert job.end_time is not None
    assert job.create_time <= job.start_time <= job.end_time
    assert job.start_time == max(NOON, NOON + jumps[1])


def test_a_job_that_never_ran_does_not_end_before_it_was_created() -> None:
    job = apply_event(QUEUED, JobEvent.CANCEL_REQUESTED, "", NOON - timedelta(days=1))
    job = apply_event(job, JobEvent.STOPPED, "by the user", NOON - timedelta(days=1))
    assert (job.start_time, job.end_time, job.error_message) == (None, NOON, "by the user")


async def test_a_job_with_too_many_replicas_is_refused(tmp_path: Path) -> None:
    jobs = JobService(state_dir=tmp_path, work_dir=tmp_path, kinds=KINDS, slots=OwnSlots(0))
    spec = replace(QUEUED.spec, scale_tier=ScaleTier.CUSTOM, worker_count=10**18)
    with pytest.raises(ResourceExhausted, match="at most 100 replicas here, not 1000000000000000001"):
        jobs.submit(spec)
    assert jobs.list() == []
    jobs.submit(replace(spec, worker_count=90, parameter_server_count=9))
    await jobs.close()


async def test_logs_that_are_neither_written_nor_followed_leave_memory(tmp_path: Path) -> None:
    jobs = JobService(state_dir=tmp_path, work_dir=tmp_path, kinds=KINDS, slots=OwnSlots(0))
    jobs.submit(replace(QUEUED.spec, job_id="followed"))
    seen: list[str] = []

    async def follow() -> None:
        seen.extend([entry.message async for entry in jobs.follow_logs("followed")])

    following = asyncio.create_task(follow())
    await asyncio.sleep(0)
    for number in range(500):
        jobs.submit(replace(QUEUED.spec, job_id=f"job_{number}"))
    gc.collect()
    assert sum(isinstance(found, JobLog) for found in gc.get_objects()) < 100
    jobs.cancel("followed")
    await asyncio.wait_for(following, 5)
    assert seen[-1] == "Job cancelled.", "its log was the same object all the time"
    assert [entry.message for entry in await jobs.read_logs("job_0")] == [*seen[:2], "Job job_0 is queued."]
    await jobs.close()


class Waiting:
    """A part that ends when it is told how."""

    def __init__(self, context: RunContext) -> None:
        self.state, self._report = JobState.QUEUED, context.report
        self.end = asyncio.get_running_loop().create_future()

    def cancel(self) -> None:
        if not self.end.done():
            self.end.set_result(JobEvent.STOPPED)

    async def run(self) -> None:
        self._report(self, await self.end, "")


class EndsTogether:
    """A kind, and the run of its job: two parts, of which the second is cancelled where the first fails."""

    resumes = False
    message = ""

    def check(self, _: object) -> None: ...

    def run(self, _: object, context: RunContext) -> "EndsTogether":
        self.parts, self._context = list[Waiting](), context
        return self

    def complete(self, job: Job) -> Job:
        return job

    def close(self) -> None: ...

    def waiting(self) -> int:
        return 2 - len(self.parts)

    def start(self) -> Waiting:
        self.parts.append(Waiting(self._context))
        return self.parts[-1]

    def on_event(self, part: Part, event: JobEvent, _: str, /) -> None:
        if event is JobEvent.FAILED:
            self._context.report(self.parts[1], JobEvent.CANCEL_REQUESTED, "")
            self.parts[1].cancel()

    def states(self) -> list[JobState]:
        is_running = any(not part.state.is_final for part in self.parts)
        return [JobState.RUNNING if is_running else JobState.FAILED]

    def cancel(self) -> None: ...


async def test_a_part_that_fails_may_end_others_before_the_job_runs(tmp_path: Path) -> None:
    kind = EndsTogether()
    kinds = JobKinds({TrainingSpec: lambda: kind})
    jobs = JobService(state_dir=tmp_path, work_dir=tmp_path, kinds=kinds, slots=OwnSlots(2))
    with mock.patch.object(kind, "states", return_value=[JobState.PREPARING]):
        jobs.submit(QUEUED.spec)
    parts = [task for task in asyncio.all_tasks() if task.get_name() == "job one"]
    kind.parts[0].end.set_result(JobEvent.FAILED)
    assert (await jobs.wait("one", 5)).state is JobState.FAILED
    assert await asyncio.gather(*parts) == [None, None], "no part failed in telling its end"
    await jobs.close()
