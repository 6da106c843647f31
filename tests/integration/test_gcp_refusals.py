"""Errors that Google may return from the start: one line with a hint, in preflight and in the run; nothing is created.

And errors that may start in the middle of a run.
"""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from google.oauth2.service_account import Credentials

from cloud.emulator.faults import Refuse, Rewrite
from cloud.emulator.oauth2.keys import KeyRing
from cloud.engine.project.identities import owner
from cloud.errors import FailedPrecondition, InvalidArgument, ServiceDisabled, Unauthenticated
from integration.google_runs import GoogleRun
from integration.quick_google import PROJECT

pytestmark = pytest.mark.asyncio(loop_scope="module")
SERVICES = {
    "vertex-ai": "aiplatform.projects.locations.customJobs.create",
    "ml-engine": "ml.projects.jobs.create",
}
FIRST = {"vertex-ai": "aiplatform.projects.locations.customJobs.list", "ml-engine": "ml.projects.getConfig"}
URL = "https://console.developers.google.com/apis/api/some.googleapis.com/overview?project=1234"
OFF = ServiceDisabled(
    f"Some API has not been used in project 1234 before or it is disabled. Enable it by visiting {URL} then retry."
)
SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
STALE = Refuse(Unauthenticated("Request had invalid authentication credentials."))
both_services = pytest.mark.parametrize("service", SERVICES)


async def preflight_failures(run: GoogleRun) -> list[str]:
    """The failures that preflight and the run report alike; the run creates nothing."""
    assert await run.execute(preflight_only=True) == 1
    failures = [line for line in run.output.splitlines() if line.startswith("fail")]
    seen = len(run.output)
    assert await run.execute() == 1
    assert [line for line in run.output[seen:].splitlines() if line.startswith("fail")] == failures
    assert "Make the bucket" not in run.output
    return failures


@both_services
@pytest.mark.parametrize("named", ["", "no-such-key.json"])
async def test_no_credentials(google, folder, service, named, monkeypatch, tmp_path):
    for name in ("HOME", "CLOUDSDK_CONFIG"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", named)
    run = GoogleRun(google, service, folder)
    run.options = replace(run.options, access=replace(run.options.access, credentials=None))
    (line,) = await preflight_failures(run)
    assert line.startswith("fail    credentials: no credentials were found (")
    assert named in line
    assert "run `gcloud auth application-default login`" in line
    assert await google.resources() == []


@both_services
async def test_revoked_credentials(google, folder, service):
    key = KeyRing().service_account_file(owner(PROJECT), PROJECT)
    run = GoogleRun(google, service, folder)
    revoked = Credentials.from_service_account_info(key, scopes=SCOPES)
    run.options = replace(run.options, access=replace(run.options.access, credentials=revoked))
    (line,) = await preflight_failures(run)
    assert line.startswith("fail    credentials: the credentials are no longer good (invalid_grant")
    assert "run `gcloud auth application-default login`" in line
    assert await google.resources() == []


@both_services
async def test_a_project_that_does_not_exist(google, folder, service):
    run = GoogleRun(google, service, folder)
    run.options = replace(run.options, project="no-such-project")
    lines = await preflight_failures(run)
    assert lines[0].startswith("fail    project: Permission 'resourcemanager.projects.get' denied on resource")
    assert "no-such-project" in lines[0]
    assert lines[0].endswith("-> check --project")
    assert await google.resources() == []


@both_services
async def test_an_api_that_is_disabled(google, folder, service):
    fault = google.faults.add(FIRST[service], Refuse(OFF), times=2)
    (line,) = await preflight_failures(GoogleRun(google, service, folder))
    assert line.startswith("fail    APIs: Some API has not been used in project 1234 before or it is disabled.")
    assert URL in line
    assert line.endswith(f"-> gcloud services enable some.googleapis.com --project={PROJECT}")
    assert fault.fired == 2
    assert await google.resources() == []


@both_services
async def test_an_api_that_is_disabled_in_the_middle(google, folder, service):
    fault = google.faults.add(SERVICES[service], Refuse(OFF))
    run = GoogleRun(google, service, folder)
    assert await run.execute() == 1
    (line,) = [line for line in run.output.splitlines() if line.startswith("train failed:")]
    assert URL in line
    assert fault.fired == 1
    assert await google.resources() == []


@both_services
async def test_a_bucket_in_another_region(google, folder, service):
    await google.storage.create_bucket("quick-ml", location="europe-west4")
    (line,) = await preflight_failures(GoogleRun(google, service, folder))
    assert line == (
        "fail    bucket: gs://quick-ml is in EUROPE-WEST4, the job in us-central1  "
        "-> --region europe-west4, or a bucket in us-central1 with --bucket"
    )
    assert await google.resources() == ["bucket quick-ml"]
    await google.storage.delete_bucket("quick-ml")


@both_services
@pytest.mark.parametrize("method", ["storage.buckets.insert", "storage.objects.insert", "the job's"])
async def test_a_token_that_is_refused_in_the_middle_is_renewed(google, folder, service, method):
    method = SERVICES[service] if method == "the job's" else method
    refusal = google.faults.add(method, STALE)
    renewal = google.faults.add("oauth2.token", Rewrite(lambda token: token))
    run = GoogleRun(google, service, folder)
    assert await run.execute() == 0, run.output
    assert (refusal.fired, renewal.fired) == (1, 1)
    assert await google.resources() == []


async def test_a_token_that_expires_in_the_middle_is_renewed(google, folder):
    run = GoogleRun(google, "vertex-ai", folder)
    credentials = run.options.access.credentials

    def pass_time(answer):
        credentials.expiry -= timedelta(hours=2)
        return answer

    google.faults.add(SERVICES["vertex-ai"], Rewrite(pass_time))
    renewal = google.faults.add("oauth2.token", Rewrite(lambda token: token))
    assert await run.execute() == 0, run.output
    assert renewal.fired == 1
    assert credentials.valid
    assert await google.resources() == []


@both_services
async def test_a_token_that_cannot_be_renewed_in_the_middle_is_one_line(google, folder, service):
    refusal = google.faults.add(SERVICES[service], STALE)
    gone = google.faults.add("oauth2.token", Refuse(InvalidArgument("Account has been deleted")))
    run = GoogleRun(google, service, folder)
    assert await run.execute() == 1
    (line,) = [line for line in run.output.splitlines() if line.startswith("train failed:")]
    assert "the credentials are no longer good (" in line
    assert "Account has been deleted" in line
    assert "run `gcloud auth application-default login`" in line
    assert (refusal.fired, gone.fired) == (1, 1)
    assert await google.resources() == []


@both_services
async def test_a_model_that_fails_its_check_is_not_deployed(google, folder, service):
    async def refuse(_: Path) -> str:
        raise FailedPrecondition("it reads 2 variables that the SavedModel does not restore")

    created = google.backend.created + Counter(jobs=1)
    run = GoogleRun(google, service, folder, refuse)
    assert await run.execute() == 1
    assert "deploy failed: it reads 2 variables that the SavedModel does not restore" in run.output
    assert google.backend.created == created
    assert await google.resources() == []
