"""Other clients in the same project: they delete, create the same at the same time, or have used a name before."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from cloud.backends.gcp import GcpBackend
from cloud.emulator.faults import Cut, Hold, Refuse
from cloud.errors import AlreadyExists, NotFound, PermissionDenied, ResourceExhausted, Unavailable
from cloud.lifecycle import JobState, VersionEvent, VersionState
from cloud.names import GsUri
from cloud.resources import Access, TrainingSpec, VersionSpec
from cloud.testing.contract.base import unique_name
from cloud.workflow.google.cleanup import remove_leftovers
from integration.google_runs import GoogleRun
from integration.quick_google import QuickGoogle

pytestmark = pytest.mark.asyncio(loop_scope="module")
VERTEX = "aiplatform.projects.locations"
SERVICES = ["vertex-ai", "ml-engine"]
BUCKET = "other-clients"
MODEL = GsUri(BUCKET, "model")
JOB = {"vertex-ai": f"{VERTEX}.customJobs.create", "ml-engine": "ml.projects.jobs.create"}
PREDICT = {"vertex-ai": f"{VERTEX}.endpoints.predict", "ml-engine": "ml.projects.predict"}


@pytest_asyncio.fixture(loop_scope="module")
async def bucket(google: QuickGoogle) -> AsyncIterator[None]:
    await google.storage.create_bucket(BUCKET)
    await google.storage.write_object(MODEL / "saved_model.pb", b"")
    yield
    await google.storage.delete_objects(GsUri(BUCKET))
    await google.storage.delete_bucket(BUCKET)


@pytest_asyncio.fixture(loop_scope="module")
async def two(google: QuickGoogle) -> AsyncIterator[tuple[GcpBackend, GcpBackend]]:
    """The backends of two processes."""
    async with google.open("vertex-ai") as one, google.open("vertex-ai") as other:
        yield one, other


async def execute_with_interference(run: GoogleRun, method: str, *interference) -> int:
    """The status of a run that is held at ``method`` while another client does something."""
    held = Hold()
    run.google.faults.add(method, held)
    running = asyncio.create_task(run.execute())
    await asyncio.wait([asyncio.wrap_future(held.reached), running], return_when=asyncio.FIRST_COMPLETED)
    for work in interference:
        await work
    held.released.set_result(None)
    return await running


# ---------------------------------------------------------------- deletions


async def test_a_job_that_another_client_deleted(google, folder, two):
    """On Vertex AI: ML Engine cannot delete jobs."""
    run, transport = GoogleRun(google, "vertex-ai", folder), two[1]._transport

    async def delete() -> None:
        items = await transport.pages(f"{VERTEX}.customJobs.list", {"parent": location_of(two[1])}, "customJobs")
        (name,) = [item["name"] for item in items if item["displayName"] == run.name]
        await transport.send(f"{VERTEX}.customJobs.delete", {"name": name})

    assert await execute_with_interference(run, JOB["vertex-ai"], delete()) == 1
    (line,) = [line for line in run.output.splitlines() if line.startswith("train failed:")]
    assert run.name in line
    assert "Left behind" not in run.output
    assert await google.resources() == []


@pytest.mark.parametrize("service", SERVICES)
async def test_objects_that_another_client_deleted(google, folder, service):
    run = GoogleRun(google, service, folder)
    status = await execute_with_interference(run, JOB[service], google.storage.delete_objects(GsUri("quick-ml")))
    assert status == 1
    looked = f"no folder below gs://quick-ml/{run.name}/output/ holds a saved_model.pb"
    assert f"deploy failed: the job exported no SavedModel: {looked}" in run.output
    assert await google.resources() == []


@pytest.mark.parametrize("service", SERVICES)
async def test_a_bucket_that_another_client_deleted(google, folder, service):
    run = GoogleRun(google, service, folder)
    status = await execute_with_interference(
        run,
        JOB[service],
        google.storage.delete_objects(GsUri("quick-ml")),
        google.storage.delete_bucket("quick-ml"),
    )
    assert status == 1
    (line,) = [line for line in run.output.splitlines() if line.startswith("deploy failed:")]
    assert "bucket" in line
    assert "quick-ml" in line
    assert "Left behind" not in run.output
    assert await google.resources() == []


async def delete_version(backend: GcpBackend, *, model: bool) -> None:
    await backend.delete_version("probe", "v1")
    if model:
        await backend.delete_model("probe")


@pytest.mark.parametrize("model", [False, True], ids=["version", "model"])
@pytest.mark.parametrize("service", SERVICES)
async def test_a_version_or_model_that_another_client_deleted(google, folder, service, model):
    run = GoogleRun(google, service, folder)
    async with google.open(service) as other:
        status = await execute_with_interference(run, PREDICT[service], delete_version(other, model=model))
    assert status == 0, run.output  # the last response was sent before
    assert "Left behind" not in run.output
    assert await google.resources() == []


@pytest.mark.parametrize("by_run", [False, True], ids=["version", "cleanup"])
async def test_an_endpoint_that_another_client_deleted_leaves_nothing_in_the_registry(google, two, bucket, by_run):
    other, name = two[1], unique_name("model")
    one = google.open("vertex-ai", "run_8")
    await one.create_model(name)
    await one.deploy(VersionSpec(name, "v1", MODEL))
    transport = other._transport
    (endpoint,) = await transport.pages(f"{VERTEX}.endpoints.list", {"parent": location_of(other)}, "endpoints")
    (deployed,) = endpoint["deployedModels"]
    at = {"endpoint": endpoint["name"]}
    await transport.send(f"{VERTEX}.endpoints.undeployModel", at, {"deployedModelId": deployed["id"]})
    await transport.send(f"{VERTEX}.endpoints.delete", {"name": endpoint["name"]})
    with pytest.raises(NotFound, match=name):
        await one.predict(name, [1])
    with pytest.raises(NotFound, match=name):
        await one.get_version(name, "v1")
    if by_run:
        removed: list[str] = []
        await remove_leftovers(other, "run_8", [], removed.append)
        assert removed == [f"version {name}/v1"]
    else:
        await one.delete_version(name, "v1")
    with pytest.raises(NotFound, match=name):
        await one.delete_model(name)
    await one.close()
    assert await google.resources() == [f"bucket {BUCKET}"]


async def test_a_registered_model_that_another_client_recreated_is_found(google, two, bucket):
    one, other = two
    name = unique_name("model")
    await one.create_model(name)
    for backend in (one, other, one):
        await backend.deploy(VersionSpec(name, "v1", MODEL))
        assert [version.name for version in await one.list_versions(name)] == ["v1"]
        await backend.delete_version(name, "v1")
    await one.delete_model(name)
    assert await google.resources() == [f"bucket {BUCKET}"]


# ---------------------------------------------------------------- deployments that end meanwhile


@pytest_asyncio.fixture(loop_scope="module")
async def deploying(google: QuickGoogle, two, bucket) -> AsyncIterator[str]:
    """A model whose version v1 is CREATING until ``end_deployment``, deployed by the first of ``two``."""
    name, asked = unique_name("model"), Hold()
    google.backend.load_models = False
    google.faults.add(f"{VERTEX}.endpoints.deployModel", asked)
    await two[0].create_model(name)
    await two[0].create_version(VersionSpec(name, "v1", MODEL))
    await asyncio.wrap_future(asked.reached)
    asked.released.set_result(None)
    yield name
    google.backend.load_models = True
    if await two[0].list_versions(name):
        await two[0].delete_version(name, "v1")
    await two[0].delete_model(name)


async def end_deployment(google: QuickGoogle) -> None:
    (waiting,) = (task for task in asyncio.all_tasks() if task.get_name() == "deploy v1")
    ((model, version),) = google.backend.versions
    await google.backend.settle(model, version, VersionEvent.LOADED)
    await waiting


@pytest.mark.parametrize("asking", [0, 1], ids=["same-process", "another"])
async def test_a_version_whose_deployment_ends_while_it_is_asked_for_is_ready(google, two, deploying, asking):
    endpoint_as_it_was = Hold()
    google.faults.add(f"{VERTEX}.endpoints.get", endpoint_as_it_was)
    version = asyncio.create_task(two[asking].get_version(deploying, "v1"))
    await asyncio.wrap_future(endpoint_as_it_was.reached)
    await end_deployment(google)
    endpoint_as_it_was.released.set_result(None)
    assert (await version).state is VersionState.READY


async def test_a_version_whose_deployment_ends_while_it_is_deleted_leaves_nothing_at_the_endpoint(
    google, two, deploying
):
    endpoint_as_it_was = Hold()
    google.faults.add(f"{VERTEX}.endpoints.get", endpoint_as_it_was)
    deletion = asyncio.create_task(two[1].delete_version(deploying, "v1"))
    await asyncio.wrap_future(endpoint_as_it_was.reached)
    await end_deployment(google)
    endpoint_as_it_was.released.set_result(None)
    await deletion
    assert google.backend.versions == {}


# ---------------------------------------------------------------- grants


@pytest_asyncio.fixture(loop_scope="module")
async def uniform(google: QuickGoogle, two) -> AsyncIterator[str]:
    """A bucket without ACLs: a grant is a binding in its policy."""
    iam = {"uniformBucketLevelAccess": {"enabled": True}}
    body = {"name": "uniform-access", "iamConfiguration": iam}
    await two[0]._transport.send("storage.buckets.insert", {"project": two[0].project}, body)
    yield "uniform-access"
    await google.storage.delete_bucket("uniform-access")


async def members(backend: GcpBackend, bucket: str) -> list[str]:
    policy = await backend._transport.send("storage.buckets.getIamPolicy", {"bucket": bucket})
    role = "roles/storage.objectViewer"
    return sorted(member for one in policy["bindings"] if one["role"] == role for member in one["members"])


async def test_concurrent_grants_do_not_undo_each_other(google, two, uniform):
    lookups = [Hold(), Hold()]
    for lookup in lookups:
        google.faults.add("storage.buckets.getIamPolicy", lookup)
    accounts = ["one@example.com", "other@example.com"]
    granting = [
        asyncio.create_task(backend.grant(uniform, account, Access.READ))
        for backend, account in zip(two, accounts, strict=True)
    ]
    await asyncio.gather(*(asyncio.wrap_future(lookup.reached) for lookup in lookups))
    for lookup in lookups:
        lookup.released.set_result(None)
    await asyncio.gather(*granting)
    assert await members(two[0], uniform) == [f"user:{account}" for account in accounts]


@pytest.mark.parametrize(
    "outcome", [Cut.BEFORE, Cut.AFTER, Refuse(Unavailable("not now")), Refuse(ResourceExhausted("slower"))], ids=str
)
async def test_a_grant_whose_response_is_lost_is_made_once(google, two, uniform, outcome):
    fault = google.faults.add("storage.buckets.setIamPolicy", outcome)
    await two[0].grant(uniform, "one@example.com", Access.READ)
    assert fault.fired == 1
    assert await members(two[0], uniform) == ["user:one@example.com"]


async def test_a_grant_that_is_not_permitted(google, two, uniform):
    message = "me@example.com does not have storage.buckets.setIamPolicy access to the Google Cloud Storage bucket."
    fault = google.faults.add("storage.buckets.setIamPolicy", Refuse(PermissionDenied(message)))
    with pytest.raises(PermissionDenied, match=message):
        await two[0].grant(uniform, "one@example.com", Access.READ)
    assert fault.fired == 1


# ---------------------------------------------------------------- concurrent creation


@pytest.mark.parametrize("turn", range(3))
async def test_concurrent_creations_of_a_model_keep_the_older(google, two, turn):
    """Both clients have listed endpoints, and found none, before either creates one."""
    name = unique_name("model")
    lookups = [Hold(), Hold()]
    for lookup in lookups:
        google.faults.add(f"{VERTEX}.endpoints.list", lookup)
    creating = [asyncio.create_task(backend.create_model(name)) for backend in two]
    await asyncio.gather(*(asyncio.wrap_future(lookup.reached) for lookup in lookups))
    for lookup in lookups:
        lookup.released.set_result(None)
    outcomes = await asyncio.gather(*creating, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["AlreadyExists", "Model"]
    assert (await google.resources()).count(f"endpoints {name}") == 1
    for backend in two:
        assert (await backend.get_model(name)).name == name
    await two[turn % 2].delete_model(name)
    assert await google.resources() == []


async def test_two_endpoints_left_by_a_crash_are_one_model(google, two):
    one, other = two
    name = unique_name("model")
    await one.create_model(name)
    body = {"displayName": name, "labels": {"request-id": "crashed"}}
    await other._transport.send(f"{VERTEX}.endpoints.create", {"parent": location_of(other)}, body)
    assert (await google.resources()).count(f"endpoints {name}") == 2
    with pytest.raises(AlreadyExists):
        await other.create_model(name)
    await other.delete_model(name)
    assert await google.resources() == []


# ---------------------------------------------------------------- names in use


async def test_display_names_of_other_resources_are_free(google, two, bucket):
    """Display names on Vertex AI are not unique: those of resources that this backend did not create do not matter."""
    one, other = two
    name, transport = unique_name("name"), other._transport
    foreign = {"displayName": name}
    container = {"imageUri": "us-docker.pkg.dev/vertex-ai/prediction/tf2-cpu.2-15:latest"}
    model = foreign | {"artifactUri": str(MODEL), "containerSpec": container}
    await transport.send(f"{VERTEX}.endpoints.create", {"parent": location_of(one)}, foreign)
    await transport.send(f"{VERTEX}.models.upload", {"parent": location_of(one)}, {"model": model})
    assert await one.list_models() == []
    await one.create_model(name)
    version = await one.deploy(VersionSpec(name, "v1", MODEL))
    assert version.state is VersionState.READY
    with pytest.raises(AlreadyExists):
        await other.create_model(name)
    with pytest.raises(AlreadyExists):
        await other.create_version(VersionSpec(name, "v1", MODEL))
    await one.delete_version(name, "v1")
    await one.delete_model(name)
    assert await google.resources() == [f"bucket {BUCKET}", f"endpoints {name}", f"models {name}", *backends(google)]
    for kind in ("endpoints", "models"):
        (item,) = await transport.pages(f"{VERTEX}.{kind}.list", {"parent": location_of(one)}, kind)
        await transport.send(f"{VERTEX}.{kind}.delete", {"name": item["name"]})


@pytest.mark.parametrize("service", SERVICES)
async def test_a_used_job_id_is_refused_and_that_job_unchanged(google, bucket, service):
    spec = TrainingSpec(unique_name("job"), (GsUri(BUCKET, "p.tar.gz"),), "p.task", job_dir=GsUri(BUCKET, "out"))
    async with google.open(service) as one, google.open(service) as other:
        await one.submit_job(spec)
        with pytest.raises(AlreadyExists):
            await other.submit_job(spec)
        assert (await one.wait_for_job(spec.job_id)).state is JobState.SUCCEEDED


@pytest.mark.parametrize("service", SERVICES)
async def test_existing_models_and_versions_are_kept(google, folder, bucket, service):
    async with google.open(service) as before:
        await before.create_model("probe")
        await before.deploy(VersionSpec("probe", "v1", MODEL))
        run = GoogleRun(google, service, folder)
        status = await run.execute()
        kept = [version.name for version in await before.list_versions("probe")]
        await before.delete_version("probe", "v1")
        await before.delete_model("probe")
    assert kept == ["v1"]
    if service == "ml-engine":
        assert status == 0, run.output
    else:  # it gets no predictions while another one is the default
        assert status == 1
        assert "predict failed: name: version 'v2' gets no traffic" in run.output


def location_of(backend: GcpBackend) -> str:
    return f"projects/{backend.project}/locations/{backend.region}"


def backends(google: QuickGoogle) -> list[str]:
    return [f"model {name}" for name in google.backend.models]
