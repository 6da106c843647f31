"""``MemoryBackend`` passes the contract, and a test controls its jobs and versions."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from cloud.backends.base import Backend
from cloud.backends.memory import MemoryBackend, succeed
from cloud.errors import DeadlineExceeded, FailedPrecondition, NotFound
from cloud.lifecycle import JobEvent, JobState, VersionEvent, VersionState
from cloud.names import GsUri
from cloud.resources import Access, Job, Json, TrainingSpec, Version, VersionSpec
from cloud.testing.contract import CoreContract, TuningJobContract

JOB = TrainingSpec("job_1", (GsUri("bucket", "x.tar.gz"),), "x.task")
MODEL = {"gs://bucket/export/saved_model.pb": b""}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def memory() -> AsyncIterator[Backend]:
    async with MemoryBackend(run=succeed) as backend:
        yield backend


class TestMemory(CoreContract, TuningJobContract):
    @pytest.fixture
    def backend(self, memory: Backend) -> Backend:
        return memory


async def test_a_job_stays_queued_until_it_is_moved() -> None:
    backend = MemoryBackend()
    await backend.submit_job(JOB)
    with pytest.raises(DeadlineExceeded, match="QUEUED"):
        await backend.wait_for_job("job_1", timeout=0.01)
    backend.move("job_1", JobEvent.SCHEDULED, JobEvent.STARTED)
    assert (await backend.get_job("job_1")).state is JobState.RUNNING
    waiting = asyncio.create_task(backend.wait_for_job("job_1"))
    await asyncio.sleep(0)
    backend.move("job_1", JobEvent.FAILED, message="out of luck")
    assert ((await waiting).state, (await waiting).error_message) == (JobState.FAILED, "out of luck")
    with pytest.raises(FailedPrecondition):
        backend.move("job_1", JobEvent.COMPLETED)


async def test_a_log_is_followed_while_it_grows() -> None:
    backend = MemoryBackend()
    await backend.submit_job(JOB)
    backend.log("job_1", "first")
    log = backend.follow_logs("job_1")
    assert (await anext(log)).message == "first"
    following = asyncio.ensure_future(anext(log))
    await asyncio.sleep(0)
    assert not following.done()
    backend.log("job_1", "second", task_name="master-replica-0")
    assert (await following).task_name == "master-replica-0"
    backend.move("job_1", JobEvent.SCHEDULED, JobEvent.STARTED, JobEvent.COMPLETED)
    assert [entry async for entry in log] == []


async def test_a_function_simulates_each_job() -> None:
    async def export(backend: MemoryBackend, job: Job) -> None:
        backend.move(job.job_id, JobEvent.SCHEDULED, JobEvent.STARTED)
        await backend.write_object(GsUri("bucket", "out"), b"made")
        backend.move(job.job_id, JobEvent.COMPLETED)

    async with MemoryBackend(run=export, objects=MODEL) as backend:
        await backend.submit_job(JOB)
        assert (await backend.wait_for_job("job_1", timeout=5)).state is JobState.SUCCEEDED
        assert await backend.read_object(GsUri("bucket", "out")) == b"made"


async def test_close_cancels_the_function() -> None:
    ended = asyncio.Event()

    async def forever(_: MemoryBackend, __: Job) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with MemoryBackend(run=forever) as backend:
        await backend.submit_job(JOB)
        await asyncio.sleep(0)
    assert ended.is_set()


async def test_a_function_computes_predictions() -> None:
    def count(_: Version, instances: object, signature: str | None) -> list[Json]:
        return [len(list(instances)), signature]  # type: ignore[call-overload]

    backend = MemoryBackend(objects=MODEL, predict=count)
    await backend.create_model("m")
    await backend.deploy(VersionSpec("m", "v1", GsUri("bucket", "export")))
    assert await backend.predict("m", [1, 2], signature_name="s") == [2, "s"]
    (request,) = backend.predictions
    assert (request.model, request.version, request.instances, request.signature_name) == ("m", "v1", [1, 2], "s")


async def test_a_version_stays_creating_until_it_is_settled() -> None:
    backend = MemoryBackend(objects=MODEL, versions_settle=False)
    await backend.create_model("m")
    await backend.create_version(VersionSpec("m", "v1", GsUri("bucket", "export")))
    with pytest.raises(DeadlineExceeded):
        await backend.wait_for_version("m", "v1", timeout=0.01)
    await backend.settle("m", "v1", VersionEvent.FAILED, "no signature")
    failed = await backend.wait_for_version("m", "v1")
    assert (failed.state, failed.error_message) == (VersionState.FAILED, "no signature")


async def test_grants_are_deleted_with_their_bucket() -> None:
    backend = MemoryBackend(objects={"gs://bucket/x": b""})
    await backend.grant("bucket", "a@example.com", Access.READ)
    assert backend.grants == {("bucket", "a@example.com", Access.READ)}
    await backend.delete_objects(GsUri("bucket"))
    await backend.delete_bucket("bucket")
    assert backend.grants == set()
    with pytest.raises(NotFound):
        await backend.grant("bucket", "a@example.com", Access.READ)
