"""Two clouds whose jobs share one slot. The protocol itself: unit/cloud/classroom/test_slot_server.py."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from cloud.classroom.queue import Queue
from cloud.classroom.slot_server import SlotServer
from cloud.engine.jobs.kinds import JobKinds, Part, RunContext
from cloud.engine.jobs.service import JobService
from cloud.engine.jobs.shared_slots import SharedSlots
from cloud.lifecycle import JobEvent, JobState
from cloud.names import GsUri
from cloud.resources import Job, JobSpec, TrainingSpec


@dataclass(eq=False)
class OnePart:
    """A run and its only part."""

    context: RunContext
    end: asyncio.Event = field(default_factory=asyncio.Event)
    state: JobState = JobState.QUEUED
    message: str = ""
    is_started: bool = False
    is_cancelled: bool = False

    def waiting(self) -> int:
        return int(not self.is_started)

    def start(self) -> Part:
        self.is_started = True
        return self

    def on_event(self, part: Part, event: JobEvent, message: str, /) -> None:
        pass

    def states(self) -> Collection[JobState]:
        return [self.state]

    def cancel(self) -> None:
        self.is_cancelled = True
        self.end.set()

    async def run(self) -> None:
        self.context.report(self, JobEvent.STARTED, "")
        await self.end.wait()
        self.context.report(self, JobEvent.STOPPED if self.is_cancelled else JobEvent.COMPLETED, "")


class Kind:
    resumes = False

    def __init__(self) -> None:
        self.runs: dict[str, OnePart] = {}

    def check(self, spec: JobSpec) -> None:
        pass

    def run(self, spec: JobSpec, context: RunContext) -> OnePart:
        self.runs[spec.job_id] = OnePart(context)
        return self.runs[spec.job_id]

    def complete(self, job: Job) -> Job:
        return job

    def close(self) -> None:
        pass


class Cloud:
    def __init__(self, folder: Path, socket: Path) -> None:
        (folder / "work").mkdir(parents=True)
        self.kind = Kind()
        self.jobs = JobService(
            state_dir=folder,
            work_dir=folder / "work",
            kinds=JobKinds({TrainingSpec: lambda: self.kind}),
            slots=SharedSlots(socket),
        )

    def submit(self, job_id: str) -> None:
        self.jobs.submit(TrainingSpec(job_id, (GsUri("bucket", "a.whl"),), "trainer.task"))

    async def until(self, job_id: str, state: JobState, position: int | None = None) -> None:
        async with asyncio.timeout(5):
            while True:
                changed, job = self.jobs.changes.next(), self.jobs.get(job_id)
                if job.state is state and job.queue_position == position:
                    return
                await changed.wait()

    async def log(self, job_id: str) -> list[str]:
        return [entry.message for entry in await self.jobs.read_logs(job_id) if "class" in entry.message]

    async def until_told(self, job_id: str, *places: str) -> None:
        expected = [f"Place {place} in the class's queue." for place in places]
        async with asyncio.timeout(5):
            while True:
                changed = self.jobs.changes.next()
                if (log := await self.log(job_id)) == expected:
                    return
                assert log == expected[: len(log)]
                await changed.wait()


@pytest.fixture
def short() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


@pytest_asyncio.fixture
async def clouds(tmp_path: Path, short: Path) -> AsyncIterator[tuple[Cloud, Cloud, SlotServer]]:
    server = SlotServer(Queue(1), short)
    ana, ben = [Cloud(tmp_path / name, await server.listen(name, number)) for number, name in enumerate(("ana", "ben"))]
    await ana.jobs.start()
    await ben.jobs.start()
    yield ana, ben, server
    await ana.jobs.close()
    await ben.jobs.close()
    await server.close()


async def test_a_job_tells_its_place_in_the_queue_of_the_class(clouds: tuple[Cloud, Cloud, SlotServer]) -> None:
    ana, ben, _ = clouds
    ana.submit("one")
    await ana.until("one", JobState.RUNNING)
    ana.submit("two")
    await ana.until_told("two", "1 of 1")
    ben.submit("first")
    await ben.until("first", JobState.QUEUED, 1)
    await ana.until("two", JobState.QUEUED, 2)
    ana.kind.runs["one"].end.set()
    await ben.until("first", JobState.RUNNING)
    await ana.until("two", JobState.QUEUED, 1)
    ben.kind.runs["first"].end.set()
    await ana.until("two", JobState.RUNNING)
    await ana.until_told("two", "1 of 1", "2 of 2", "1 of 1")
    assert await ana.log("one") == []


async def test_a_cancelled_job_leaves_the_queue(clouds: tuple[Cloud, Cloud, SlotServer]) -> None:
    ana, ben, _ = clouds
    ana.submit("one")
    await ana.until("one", JobState.RUNNING)
    ben.submit("first")
    ben.submit("second")
    await ben.until("second", JobState.QUEUED, 2)
    ben.jobs.cancel("first")
    await ben.until("first", JobState.CANCELLED)
    await ben.until("second", JobState.QUEUED, 1)
    ana.jobs.cancel("one")
    await ben.until("second", JobState.RUNNING)


async def test_the_end_of_the_class_does_not_stop_a_cloud(clouds: tuple[Cloud, Cloud, SlotServer]) -> None:
    ana, ben, server = clouds
    ana.submit("one")
    await ana.until("one", JobState.RUNNING)
    ben.submit("first")
    ben.submit("second")
    await ben.until("second", JobState.QUEUED, 2)
    await server.close()
    await ben.until("first", JobState.RUNNING)
    await ben.until("second", JobState.QUEUED, 1)
    assert ana.jobs.get("one").state is JobState.RUNNING


async def test_all_waiting_jobs_have_places_of_the_class(clouds: tuple[Cloud, Cloud, SlotServer]) -> None:
    ana, ben, _ = clouds
    for number in range(3):
        ana.submit(f"job_{number}")
        await ana.until(f"job_{number}", JobState.QUEUED if number else JobState.RUNNING, number or None)
    ben.submit("only")
    await ben.until("only", JobState.QUEUED, 1)
    await ana.until("job_1", JobState.QUEUED, 2)
    await ana.until("job_2", JobState.QUEUED, 3)
    assert {job.job_id: job.queue_position for job in ana.jobs.list(states=[JobState.QUEUED])} == {
        "job_1": 2,
        "job_2": 3,
    }
