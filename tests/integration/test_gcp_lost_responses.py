"""GcpBackend when responses are lost or wrong: nothing is created twice, and transient failures are retried."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from cloud.backends.gcp import GcpBackend
from cloud.emulator.faults import Cut, Refuse, Rewrite
from cloud.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    PermissionDenied,
)
from cloud.lifecycle import JobState, VersionState
from cloud.names import GsUri
from cloud.resources import Access, TrainingSpec, VersionSpec
from cloud.serve import LocalCloud
from cloud.settings import Settings
from cloud.testing.contract.base import unique_name
from cloud.workflow.google.cleanup import remove_leftovers
from integration.google_clouds import open_backend

pytestmark = pytest.mark.asyncio(loop_scope="module")
PROJECT = "lost-responses-project"
JOBS = {"vertex-ai": "aiplatform.projects.locations.customJobs", "ml-engine": "ml.projects.jobs"}
MODELS = {"vertex-ai": "aiplatform.projects.locations.endpoints", "ml-engine": "ml.projects.models"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cloud() -> AsyncIterator[LocalCloud]:
    # Three versions are deployed: with the warm launcher TensorFlow is loaded once for all of them.
    async with LocalCloud(Settings(project=PROJECT)) as cloud:
        await cloud.backend.create_bucket("lost-responses-bucket")
        for access in Access:
            await cloud.backend.grant("lost-responses-bucket", await cloud.backend.ml_service_account(), access)
        yield cloud


@pytest_asyncio.fixture(loop_scope="module", params=["vertex-ai", "ml-engine"])
async def backend(cloud: LocalCloud, request: pytest.FixtureRequest) -> AsyncIterator[GcpBackend]:
    async with await open_backend(cloud, request.param) as backend:
        backend.service = request.param
        yield backend
    assert cloud.faults.clear() == []


@pytest_asyncio.fixture(loop_scope="module")
async def vertex(cloud: LocalCloud) -> AsyncIterator[GcpBackend]:
    async with await open_backend(cloud, "vertex-ai") as backend:
        yield backend
    assert cloud.faults.clear() == []


def job() -> TrainingSpec:
    """A job that fails soon: its package does not exist."""
    return TrainingSpec(unique_name("job"), (GsUri("lost-responses-bucket", "none.tar.gz"),), "none.task")


both_cuts = pytest.mark.parametrize("outcome", list(Cut), ids=str)


@both_cuts
async def test_a_job_is_submitted_once(cloud, backend, outcome):
    spec = job()
    fault = cloud.faults.add(f"{JOBS[backend.service]}.create", outcome)
    assert (await backend.submit_job(spec)).job_id == spec.job_id
    assert fault.fired == 1
    assert [found.job_id for found in await backend.list_jobs()].count(spec.job_id) == 1
    with pytest.raises(AlreadyExists):
        await backend.submit_job(spec)
    await backend.wait_for_job(spec.job_id, timeout=30)


@both_cuts
async def test_a_model_is_created_and_deleted_once(cloud, backend, outcome):
    name = unique_name("model")
    made = cloud.faults.add(f"{MODELS[backend.service]}.create", outcome)
    gone = cloud.faults.add(f"{MODELS[backend.service]}.delete", outcome)
    await backend.create_model(name)
    assert [model.name for model in await backend.list_models()].count(name) == 1
    await backend.delete_model(name)
    assert name not in [model.name for model in await backend.list_models()]
    assert (made.fired, gone.fired) == (1, 1)


async def test_a_taken_display_name_is_refused_even_if_a_list_is_stale(cloud, vertex):
    """Lists may be stale for a moment: of two jobs of one id the older is kept, whichever was seen first."""
    spec = job()
    await vertex.submit_job(spec)
    fault = cloud.faults.add(f"{JOBS['vertex-ai']}.list", Rewrite(lambda _: {}))
    with pytest.raises(AlreadyExists):
        await vertex.submit_job(spec)
    assert fault.fired == 1
    older = await vertex.wait_for_job(spec.job_id, timeout=30)
    assert older.state is JobState.FAILED
    assert "none.tar.gz" in older.error_message


@pytest.mark.parametrize("word", ["EXPIRED", "PARTIALLY_SUCCEEDED"])
async def test_final_states_that_the_workflow_does_not_have(cloud, vertex, word):
    submitted = await vertex.submit_job(job())
    fault = cloud.faults.add(f"{JOBS['vertex-ai']}.get", Rewrite(lambda item: item | {"state": f"JOB_STATE_{word}"}))
    ended = await vertex.wait_for_job(submitted.job_id, timeout=30)
    assert fault.fired == 1
    assert ended.state is JobState.FAILED
    assert word in ended.error_message


@pytest.mark.parametrize("step", ["models.upload", "endpoints.deployModel"])
async def test_a_version_is_created_once_and_its_failure_reported(cloud, vertex, step):
    name = unique_name("model")
    await vertex.create_model(name)
    await vertex.write_object(GsUri("lost-responses-bucket", "model/saved_model.pb"), b"this is no protocol buffer")
    fault = cloud.faults.add(f"aiplatform.projects.locations.{step}", Cut.AFTER)
    version = await vertex.deploy(VersionSpec(name, "v1", GsUri("lost-responses-bucket", "model")), timeout=60)
    assert fault.fired == 1
    assert version.state is VersionState.FAILED
    assert "Bad model detected" in version.error_message
    assert [found.name for found in await vertex.list_versions(name)] == ["v1"]
    await vertex.delete_version(name, "v1")
    await vertex.delete_model(name)


async def test_a_missing_permission_and_the_shutdown_of_ml_engine(cloud, backend):
    method = f"{JOBS[backend.service]}.create"
    cloud.faults.add(method, Refuse(PermissionDenied("Permission 'x.jobs.create' denied on resource.")))
    with pytest.raises(PermissionDenied, match=r"x\.jobs\.create"):
        await backend.submit_job(job())
    cloud.faults.add(method, Refuse(InvalidArgument("Cloud AI Platform has been deprecated. See the documentation.")))
    with pytest.raises(FailedPrecondition, match="use --service vertex-ai"):
        await backend.submit_job(job())


async def test_a_model_that_another_client_deleted(cloud, vertex):
    name = unique_name("model")
    await vertex.create_model(name)
    async with await open_backend(cloud, "vertex-ai") as other:
        await other.delete_model(name)
    assert name not in [model.name for model in await vertex.list_models()]
    await vertex.create_model(name)
    assert (await vertex.get_model(name)).name == name
    await vertex.delete_model(name)


@pytest.mark.parametrize("service", ["vertex-ai", "ml-engine"])
async def test_leftovers_are_found_by_another_process(cloud, service):
    model, spec = unique_name("model"), job()
    async with await open_backend(cloud, service, labels={"run": "run_7"}) as crashed:
        await crashed.write_object(GsUri("lost-responses-bucket", "run_7/model/saved_model.pb"), b"no protocol buffer")
        await crashed.submit_job(spec)
        await crashed.create_model(model)
        await crashed.create_version(VersionSpec(model, "v1", GsUri("lost-responses-bucket", "run_7/model")))
        await crashed.wait_for_job(spec.job_id, timeout=30)
    removed: list[str] = []
    async with await open_backend(cloud, service) as other:
        await other.wait_for_version(model, "v1", timeout=60)
        await remove_leftovers(other, "run_7", ["lost-responses-bucket"], removed.append)
        assert removed == [f"version {model}/v1", f"model {model}", "objects gs://lost-responses-bucket/run_7/"]
        assert model not in [found.name for found in await other.list_models()]
        assert await other.bucket_exists("lost-responses-bucket")
