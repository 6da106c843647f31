"""Operations that never end, and deployments that fail."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from cloud.backends.gcp import GcpBackend
from cloud.emulator.faults import Refuse, Rewrite
from cloud.errors import PermissionDenied
from cloud.lifecycle import VersionEvent, VersionState
from cloud.names import GsUri
from cloud.resources import Version, VersionSpec
from cloud.testing.contract.base import unique_name
from integration.google_runs import GoogleRun
from integration.quick_google import QuickGoogle

pytestmark = pytest.mark.asyncio(loop_scope="module")
VERTEX = "aiplatform.projects.locations"
LIMIT = 0.2
"""Seconds after which waiting for an operation times out."""
OPERATION = r"projects/\d+/locations/us-central1/\w+/\d+(/endpoints/\d+)?/operations/\d+"
NO_END = rf"the operation {OPERATION} does not end: \d\.\d seconds were waited"


def run_with_short_limit(google: QuickGoogle, service: str, folder) -> GoogleRun:
    run = GoogleRun(google, service, folder)
    access = run.options.access
    run.options = replace(run.options, access=replace(access, pace=replace(access.pace, limit=LIMIT)))
    return run


@pytest.fixture
def never_loads(google: QuickGoogle) -> Iterator[None]:
    google.backend.load_models = False
    yield
    google.backend.load_models = True


async def load(google: QuickGoogle) -> None:
    for model, name in google.backend.versions:
        await google.backend.settle(model, name, VersionEvent.LOADED)


async def test_a_deployment_that_never_ends(google, folder, never_loads):
    cancelled = google.faults.add(f"{VERTEX}.endpoints.operations.cancel", Rewrite(lambda answer: answer))
    run = run_with_short_limit(google, "vertex-ai", folder)
    assert await run.execute() == 1
    assert re.search(f"^deploy failed: {NO_END}$", run.output, re.MULTILINE), run.output
    assert cancelled.fired == 1
    (left,) = [line for line in run.output.splitlines() if line.startswith("Left behind: ")]
    assert re.search(rf"version probe/v1: .* it is still being deployed by {OPERATION}, which was given up", left)
    assert "model probe" in left
    assert "job" not in left
    await load(google)
    removed = await run.clean_up()
    assert removed.splitlines()[:2] == ["removed version probe/v1", "removed model probe"]
    assert await google.resources() == []


async def test_a_version_of_ml_engine_that_is_never_ready(google, folder, never_loads):
    run = run_with_short_limit(google, "ml-engine", folder)
    assert await run.execute() == 1
    assert "deploy failed: version 'v1' of 'probe' is still CREATING after 0.2 s" in run.output
    (left,) = [line for line in run.output.splitlines() if line.startswith("Left behind: ")]
    assert "version probe/v1 (if it was created): version 'v1' of 'probe' is still CREATING" in left
    await load(google)
    await run.clean_up()
    assert await google.resources() == []


def not_done(operation):
    return {name: value for name, value in operation.items() if name not in ("done", "response")}


@pytest.mark.parametrize("method", ["endpoints.create", "models.upload"])
async def test_a_resource_whose_creation_never_ends_is_removed(google, folder, method):
    started = google.faults.add(f"{VERTEX}.{method}", Rewrite(not_done))
    polls = google.faults.add(f"{VERTEX}.*.operations.get", Rewrite(not_done), times=1000)
    run = run_with_short_limit(google, "vertex-ai", folder)
    status = await run.execute()
    assert google.faults.clear() == [polls]
    assert status == 1
    assert re.search(f"^deploy failed: {NO_END}$", run.output, re.MULTILINE), run.output
    assert started.fired == 1
    assert "Left behind" not in run.output
    assert await google.resources() == []


@pytest.mark.parametrize("method", ["endpoints.undeployModel", "models.delete", "endpoints.delete"])
async def test_a_removal_that_never_ends_is_reported(google, folder, method):
    started = google.faults.add(f"{VERTEX}.{method}", Rewrite(not_done))
    # The deployment is polled before.
    polls = google.faults.add(f"{VERTEX}.*.operations.get", Rewrite(not_done), times=1000, after=1)
    run = run_with_short_limit(google, "vertex-ai", folder)
    status = await run.execute()
    assert google.faults.clear() == [polls]
    assert status == 1
    assert started.fired == 1
    what = "model probe" if method == "endpoints.delete" else "version probe/v1"
    assert re.search(rf"^Left behind: .*{what}: {NO_END}", run.output, re.MULTILINE), run.output
    await run.clean_up()
    assert await google.resources() == []


@pytest.mark.parametrize("service", ["vertex-ai", "ml-engine"])
async def test_a_failed_deployment_reports_why_and_leaves_nothing(google, folder, service):
    google.backend.bad_model = "Bad model detected with error: no signature"
    run = GoogleRun(google, service, folder)
    status = await run.execute()
    google.backend.bad_model = ""
    assert status == 1
    (line,) = [line for line in run.output.splitlines() if line.startswith("deploy failed:")]
    assert "Bad model detected with error: no signature" in line
    assert "Left behind" not in run.output
    assert await google.resources() == []


async def failed(google: QuickGoogle, backend: GcpBackend, spec: VersionSpec) -> Version:
    google.backend.bad_model = "Bad model detected with error: no signature"
    await backend.create_model(spec.model)
    version = await backend.deploy(spec)
    google.backend.bad_model = ""
    return version


@pytest.mark.parametrize("is_recorded", [True, False], ids=["recorded", "not permitted"])
async def test_other_processes_learn_why_a_deployment_failed(google, is_recorded):
    fault = None if is_recorded else google.faults.add(f"{VERTEX}.models.patch", Refuse(PermissionDenied("no")))
    bucket, name = unique_name("bucket").replace("_", "-"), unique_name("model")
    await google.storage.create_bucket(bucket)
    await google.storage.write_object(GsUri(bucket, "model/saved_model.pb"), b"")
    spec = VersionSpec(name, "v1", GsUri(bucket, "model"), description="a whole sentence")
    async with google.open("vertex-ai", "run_7") as one:
        here = await failed(google, one, spec)
    async with google.open("vertex-ai") as other:
        there = await other.get_version(name, "v1")
        created = await other.created_by("run_7")
        await other.delete_version(name, "v1")
        await other.delete_model(name)
    assert (here.state, there.state) == (VersionState.FAILED, VersionState.FAILED)
    assert here.error_message.endswith("Bad model detected with error: no signature")
    assert there.error_message == (
        here.error_message if is_recorded else "It is not deployed: delete it and create it again."
    )
    assert (there.spec.description, created.versions) == ("a whole sentence", [(name, "v1")])
    assert fault is None or fault.fired == 1
    await google.storage.delete_objects(GsUri(bucket))
    await google.storage.delete_bucket(bucket)
