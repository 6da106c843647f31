"""Whole runs on Google's cloud with a failure in each call in turn."""

import pytest

from cloud.emulator.faults import Cut, Outcome, Refuse
from cloud.errors import PermissionDenied, ResourceExhausted, Unavailable
from integration.google_runs import BUCKET, GoogleRun

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
CALLS = {
    "vertex-ai": [
        "storage.projects.serviceAccount.get",
        *_STORAGE,
        f"{VERTEX}.customJobs.list",
        f"{VERTEX}.hyperparameterTuningJobs.list",
        f"{VERTEX}.batchPredictionJobs.list",
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
        "storage.objects.get",
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
"""Every method of a run, without its removals."""
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
"""Of these calls, the first or a typical one of each step."""
SERVICE_REMOVALS = {"vertex-ai": REMOVALS["vertex-ai"], "ml-engine": REMOVALS["ml-engine"][:2]}
"""Of the removals, those that depend on the service."""
USED_BY_PREFLIGHT = {
    "storage.buckets.get",
    f"{VERTEX}.customJobs.list",
    "ml.projects.getConfig",
    "logging.entries.list",
}
"""Called once before the run, by the preflight."""
SERVICES = list(CALLS)
FAILURES = {
    "503": Refuse(Unavailable("not now")),
    "429": Refuse(ResourceExhausted("slower")),
    "429 with Retry-After": Refuse(ResourceExhausted("slower"), retry_after=41),
    "cut before": Cut.BEFORE,
    "cut after": Cut.AFTER,
}


def each(methods: dict[str, list[str]]) -> pytest.MarkDecorator:
    found = [(service, method) for service, listed in methods.items() for method in listed]
    return pytest.mark.parametrize(("service", "method"), found, ids=str)


@pytest.mark.parametrize("service", SERVICES)
async def test_the_calls_of_a_run(google, folder, service, monkeypatch):
    called: list[str] = []
    monkeypatch.setattr(type(google.faults), "__bool__", lambda _: True)
    monkeypatch.setattr(type(google.faults), "take", lambda _, method: called.append(method))
    assert await GoogleRun(google, service, folder).execute() == 0
    before = {"oauth2.token", "cloudresourcemanager.projects.get", "cloudresourcemanager.projects.testIamPermissions"}
    before |= {"serviceusage.googleapis.com", "artifactregistry.googleapis.com"}  # which are not there: refused at once
    assert set(called) - before == {*CALLS[service], *REMOVALS[service]}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("service", SERVICES)
async def test_a_failure_in_every_call_is_retried_and_nothing_is_created_twice(google, folder, service, failure):
    outcome: Outcome = FAILURES[failure]
    google.slept.clear()
    google.backend.created.clear()
    methods = [*CALLS[service], *REMOVALS[service]]
    if outcome is Cut.AFTER and service == "vertex-ai":
        methods.remove(f"{VERTEX}.endpoints.operations.get")  # the deployment is found to be done, and not called for
    faults = [google.faults.add(method, outcome, after=method in USED_BY_PREFLIGHT) for method in methods]
    run = GoogleRun(google, service, folder)
    assert await run.execute() == 0, run.output
    assert [fault.methods for fault in faults if fault.fired != 1] == []
    if failure == "429 with Retry-After":
        assert google.slept.count(41) == len(faults)
    elif isinstance(outcome, Refuse):
        assert len(set(google.slept)) >= len(faults), "pauses have jitter"
    assert google.backend.created == {"jobs": 1, "models": 1, "versions": 1}
    assert await google.resources() == []


@each(STEPS)
async def test_a_missing_permission_is_reported_and_everything_removed(google, folder, service, method):
    message = f"Permission '{method}' denied on resource '//googleapis.com/projects/quick-google' for me@example.com."
    fault = google.faults.add(method, Refuse(PermissionDenied(message)), times=50, after=method in USED_BY_PREFLIGHT)
    run = GoogleRun(google, service, folder)
    status = await run.execute()
    assert google.faults.clear() == [fault]
    assert fault.fired
    assert status == 1
    assert message in run.output
    left = await google.resources()
    if left:
        # Resources that could not be listed are reported, and removed by the command.
        assert "Left behind:" in run.output
        assert "python -m cloud.run cleanup" in run.output
        await run.clean_up()
        left = await google.resources()
    assert left == []


@each(SERVICE_REMOVALS)
async def test_resources_that_may_not_be_removed_are_named_with_the_command(google, folder, service, method):
    message = f"Permission '{method}' denied."
    fault = google.faults.add(method, Refuse(PermissionDenied(message)), times=50)
    run = GoogleRun(google, service, folder)
    status = await run.execute()
    assert google.faults.clear() == [fault]
    assert status == 1
    assert message in run.output
    assert run.output.count("Left behind:") == 1
    assert f"cleanup --project quick-google --region us-central1 --service {service} --bucket {BUCKET}" in run.output
    assert await google.resources()
    await run.clean_up()
    assert await google.resources() == []


async def test_a_failed_clean_up_does_not_hide_the_first_error(google, folder):
    faults = [
        google.faults.add(method, Refuse(PermissionDenied(f"Permission '{method}' denied.")))
        for method in ("ml.projects.jobs.create", "storage.buckets.delete")
    ]
    run = GoogleRun(google, "ml-engine", folder)
    assert await run.execute() == 1
    assert [fault.fired for fault in faults] == [1, 1]
    assert "train failed: Permission 'ml.projects.jobs.create' denied." in run.output
    assert "Left behind: bucket gs://quick-ml: Permission 'storage.buckets.delete' denied.\n" in run.output
    assert await run.clean_up() == "removed bucket gs://quick-ml\n"
    assert await google.resources() == []
