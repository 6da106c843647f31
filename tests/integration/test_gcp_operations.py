"""Operations of Google's that never end, and deployments that fail."""

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
from cloud.testing.contract.base import fresh
from integration.quick_google import QuickGoogle
from integration.trips import Trip

pytestmark = pytest.mark.asyncio(loop_scope="module")
VERTEX = "aiplatform.projects.locations"
LIMIT = 0.2
"""Seconds after which an operation is given up."""
OPERATION = r"projects/\d+/locations/us-central1/\w+/\d+(/endpoints/\d+)?/operations/\d+"
NO_END = rf"the operation {OPERATION} does not end: \d\.\d seconds were waited"


def impatient(google: QuickGoogle, service: str, folder) -> Trip:
    trip = Trip(google, service, folder)
    access = trip.options.access
    trip.options = replace(trip.options, access=replace(access, pace=replace(access.pace, limit=LIMIT)))
    return trip


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
    trip = impatient(google, "vertex-ai", folder)
    assert await trip.take() == 1
    assert re.search(f"^deploy failed: {NO_END}$", trip.said, re.MULTILINE), trip.said
    assert cancelled.fired == 1
    (left,) = [line for line in trip.said.splitlines() if line.startswith("Left behind: ")]
    assert re.search(rf"version probe/v1: .* it is still being deployed by {OPERATION}, which was given up", left)
    assert "model probe" in left
    assert "job" not in left
    await load(google)
    removed = await trip.clean_up()
    assert removed.splitlines()[:2] == ["removed version probe/v1", "removed model probe"]
    assert await google.there() == []


async def test_a_version_of_ml_engine_that_is_never_made(google, folder, never_loads):
    trip = impatient(google, "ml-engine", folder)
    assert await trip.take() == 1
    assert "deploy failed: version 'v1' of 'probe' is still CREATING after 0.2 s" in trip.said
    (left,) = [line for line in trip.said.splitlines() if line.startswith("Left behind: ")]
    assert "version probe/v1 (if it was made): version 'v1' of 'probe' is still CREATING" in left
    await load(google)
    await trip.clean_up()
    assert await google.there() == []


def under_way(operation):
    return {name: value for name, value in operation.items() if name not in ("done", "response")}


@pytest.mark.parametrize("method", ["endpoints.create", "models.upload"])
async def test_something_that_is_being_made_for_ever_is_removed_all_the_same(google, folder, method):
    begun = google.faults.add(f"{VERTEX}.{method}", Rewrite(under_way))
    looks = google.faults.add(f"{VERTEX}.*.operations.get", Rewrite(under_way), times=1000)
    trip = impatient(google, "vertex-ai", folder)
    status = await trip.take()
    assert google.faults.clear() == [looks]
    assert status == 1
    assert re.search(f"^deploy failed: {NO_END}$", trip.said, re.MULTILINE), trip.said
    assert begun.fired == 1
    assert "Left behind" not in trip.said
    assert await google.there() == []


@pytest.mark.parametrize("method", ["endpoints.undeployModel", "models.delete", "endpoints.delete"])
async def test_a_removal_that_never_ends_is_named(google, folder, method):
    begun = google.faults.add(f"{VERTEX}.{method}", Rewrite(under_way))
    # The deployment is looked at before.
    looks = google.faults.add(f"{VERTEX}.*.operations.get", Rewrite(under_way), times=1000, after=1)
    trip = impatient(google, "vertex-ai", folder)
    status = await trip.take()
    assert google.faults.clear() == [looks]
    assert status == 1
    assert begun.fired == 1
    what = "model probe" if method == "endpoints.delete" else "version probe/v1"
    assert re.search(rf"^Left behind: .*{what}: {NO_END}", trip.said, re.MULTILINE), trip.said
    await trip.clean_up()
    assert await google.there() == []


@pytest.mark.parametrize("service", ["vertex-ai", "ml-engine"])
async def test_a_deployment_that_fails_says_why_and_leaves_nothing(google, folder, service):
    google.backend.bad_model = "Bad model detected with error: no signature"
    trip = Trip(google, service, folder)
    status = await trip.take()
    google.backend.bad_model = ""
    assert status == 1
    (line,) = [line for line in trip.said.splitlines() if line.startswith("deploy failed:")]
    assert "Bad model detected with error: no signature" in line
    assert "Left behind" not in trip.said
    assert await google.there() == []


async def failed(google: QuickGoogle, backend: GcpBackend, spec: VersionSpec) -> Version:
    google.backend.bad_model = "Bad model detected with error: no signature"
    await backend.create_model(spec.model)
    version = await backend.deploy(spec)
    google.backend.bad_model = ""
    return version


@pytest.mark.parametrize("is_told", [True, False], ids=["told", "may not be told"])
async def test_why_a_deployment_failed_is_known_to_other_processes(google, is_told):
    refusal = None if is_told else google.faults.add(f"{VERTEX}.models.patch", Refuse(PermissionDenied("no")))
    bucket, name = fresh("bucket").replace("_", "-"), fresh("model")
    await google.storage.create_bucket(bucket)
    await google.storage.write_object(GsUri(bucket, "model/saved_model.pb"), b"")
    spec = VersionSpec(name, "v1", GsUri(bucket, "model"), description="with all its words")
    async with google.open("vertex-ai", "run_7") as one:
        here = await failed(google, one, spec)
    async with google.open("vertex-ai") as other:
        there = await other.get_version(name, "v1")
        made = await other.created_by("run_7")
        await other.delete_version(name, "v1")
        await other.delete_model(name)
    assert (here.state, there.state) == (VersionState.FAILED, VersionState.FAILED)
    assert here.error_message.endswith("Bad model detected with error: no signature")
    assert there.error_message == (
        here.error_message if is_told else "It is not deployed: delete it, and make it anew."
    )
    assert (there.spec.description, made.versions) == ("with all its words", [(name, "v1")])
    assert refusal is None or refusal.fired == 1
    await google.storage.delete_objects(GsUri(bucket))
    await google.storage.delete_bucket(bucket)
