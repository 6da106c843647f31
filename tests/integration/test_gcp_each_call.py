"""A whole run on Google's cloud in which, one call after the other, something goes wrong."""

import pytest

from cloud.emulator.faults import Cut, Outcome, Refuse
from cloud.errors import PermissionDenied, ResourceExhausted, Unavailable
from integration.trips import BUCKET, Trip

pytestmark = pytest.mark.asyncio(loop_scope="module")
VERTEX = "aiplatform.projects.locations"
_STORAGE = [
    "storage.buckets.get",
    "storage.buckets.insert",
    "storage.defaultObjectAccessControls.insert",
    "storage.bucketAccessControls.insert",
    "storage.objects.list",
    "storage.objects.insert",
]
_STORAGE_REMOVALS = ["storage.objects.delete", "storage.buckets.delete"]
WAY = {
    "vertex-ai": [
        "storage.projects.serviceAccount.get",
        *_STORAGE,
        f"{VERTEX}.customJobs.list",
        f"{VERTEX}.customJobs.create",
        f"{VERTEX}.customJobs.get",
        "logging.entries.list",
        f"{VERTEX}.endpoints.list",
        f"{VERTEX}.endpoints.create",
        f"{VERTEX}.endpoints.get",
        "storage.objects.get",
        f"{VERTEX}.models.list",
        f"{VERTEX}.models.upload",
        f"{VERTEX}.models.listVersions",
        f"{VERTEX}.endpoints.deployModel",
        f"{VERTEX}.endpoints.operations.get",
        f"{VERTEX}.endpoints.predict",
    ],
    "ml-engine": [
        "ml.projects.getConfig",
        *_STORAGE,
        "ml.projects.jobs.create",
        "ml.projects.jobs.get",
        "logging.entries.list",
        "ml.projects.models.get",
        "ml.projects.models.create",
        "ml.projects.models.versions.list",
        "ml.projects.models.versions.create",
        "ml.projects.models.versions.get",
        "ml.projects.predict",
    ],
}
"""Every method of a run, but for its removals."""
REMOVALS = {
    "vertex-ai": [
        f"{VERTEX}.endpoints.undeployModel",
        f"{VERTEX}.models.delete",
        f"{VERTEX}.endpoints.delete",
        *_STORAGE_REMOVALS,
    ],
    "ml-engine": ["ml.projects.models.versions.delete", "ml.projects.models.delete", *_STORAGE_REMOVALS],
}
STEPS = {
    "vertex-ai": [
        "storage.projects.serviceAccount.get",
        "storage.buckets.insert",
        "storage.bucketAccessControls.insert",
        "storage.objects.insert",
        f"{VERTEX}.customJobs.create",
        f"{VERTEX}.customJobs.get",
        "logging.entries.list",
        f"{VERTEX}.endpoints.create",
        "storage.objects.get",
        f"{VERTEX}.models.upload",
        f"{VERTEX}.endpoints.deployModel",
        f"{VERTEX}.endpoints.predict",
    ],
    "ml-engine": [
        "ml.projects.getConfig",
        "storage.buckets.insert",
        "storage.objects.insert",
        "ml.projects.jobs.create",
        "logging.entries.list",
        "ml.projects.models.create",
        "ml.projects.models.versions.create",
        "ml.projects.predict",
    ],
}
"""Of these calls, those that a step begins with, or stands for what others of it ask."""
ENDS = {"vertex-ai": REMOVALS["vertex-ai"], "ml-engine": REMOVALS["ml-engine"][:2]}
"""Of the removals: how objects and buckets go does not depend on the service."""
LOOKED_AT = {
    "storage.buckets.get",
    f"{VERTEX}.customJobs.list",
    "ml.projects.getConfig",
    "logging.entries.list",
}
"""Asked once before the run, by the look whether all is ready."""
SERVICES = list(WAY)
TROUBLE = {
    "503": Refuse(Unavailable("not now")),
    "429": Refuse(ResourceExhausted("slower")),
    "429 and when": Refuse(ResourceExhausted("slower"), retry_after=41),
    "cut before": Cut.BEFORE,
    "cut after": Cut.AFTER,
}


def each(methods: dict[str, list[str]]) -> pytest.MarkDecorator:
    found = [(service, method) for service, listed in methods.items() for method in listed]
    return pytest.mark.parametrize(("service", "method"), found, ids=str)


@pytest.mark.parametrize("service", SERVICES)
async def test_these_are_the_calls_that_a_run_makes(google, folder, service, monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr(type(google.faults), "__bool__", lambda _: True)
    monkeypatch.setattr(type(google.faults), "take", lambda _, method: asked.append(method))
    assert await Trip(google, service, folder).take() == 0
    before = {"oauth2.token", "cloudresourcemanager.projects.get", "cloudresourcemanager.projects.testIamPermissions"}
    assert set(asked) - before == {*WAY[service], *REMOVALS[service]}


@pytest.mark.parametrize("trouble", TROUBLE)
@pytest.mark.parametrize("service", SERVICES)
async def test_trouble_in_every_call_is_overcome_and_nothing_is_made_twice(google, folder, service, trouble):
    outcome: Outcome = TROUBLE[trouble]
    google.slept.clear()
    google.backend.made.clear()
    methods = [*WAY[service], *REMOVALS[service]]
    if outcome is Cut.AFTER and service == "vertex-ai":
        methods.remove(f"{VERTEX}.endpoints.operations.get")  # the deployment is found to be done, and not asked for
    faults = [google.faults.add(method, outcome, after=method in LOOKED_AT) for method in methods]
    trip = Trip(google, service, folder)
    assert await trip.take() == 0, trip.said
    assert [fault.methods for fault in faults if fault.fired != 1] == []
    if trouble == "429 and when":
        assert google.slept.count(41) == len(faults)
    elif isinstance(outcome, Refuse):
        assert len(set(google.slept)) >= len(faults), "nobody comes back at a moment of everybody's"
    assert google.backend.made == {"jobs": 1, "models": 1, "versions": 1}
    assert await google.there() == []


@each(STEPS)
async def test_what_is_not_permitted_is_told_and_everything_removed(google, folder, service, method):
    told = f"Permission '{method}' denied on resource '//googleapis.com/projects/quick-google' for me@example.com."
    fault = google.faults.add(method, Refuse(PermissionDenied(told)), times=50, after=method in LOOKED_AT)
    trip = Trip(google, service, folder)
    status = await trip.take()
    assert google.faults.clear() == [fault]
    assert fault.fired
    assert status == 1
    assert told in trip.said
    left = await google.there()
    if left:
        # It cannot be known what could not be looked at: then that is said, and the command ends it.
        assert "Left behind:" in trip.said
        assert "python -m cloud.run cleanup" in trip.said
        await trip.clean_up()
        left = await google.there()
    assert left == []


@each(ENDS)
async def test_what_may_not_be_removed_is_named_with_the_command_that_removes_it(google, folder, service, method):
    told = f"Permission '{method}' denied."
    fault = google.faults.add(method, Refuse(PermissionDenied(told)), times=50)
    trip = Trip(google, service, folder)
    status = await trip.take()
    assert google.faults.clear() == [fault]
    assert status == 1
    assert told in trip.said
    assert trip.said.count("Left behind:") == 1
    assert f"cleanup --project quick-google --region us-central1 --service {service} --bucket {BUCKET}" in trip.said
    assert await google.there()
    await trip.clean_up()
    assert await google.there() == []


async def test_a_clean_up_that_fails_does_not_hide_what_failed_before(google, folder):
    refusals = [
        google.faults.add(method, Refuse(PermissionDenied(f"Permission '{method}' denied.")))
        for method in ("ml.projects.jobs.create", "storage.buckets.delete")
    ]
    trip = Trip(google, "ml-engine", folder)
    assert await trip.take() == 1
    assert [refusal.fired for refusal in refusals] == [1, 1]
    assert "train failed: Permission 'ml.projects.jobs.create' denied." in trip.said
    assert "Left behind: bucket gs://quick-ml: Permission 'storage.buckets.delete' denied.\n" in trip.said
    assert await trip.clean_up() == "removed bucket gs://quick-ml\n"
    assert await google.there() == []
