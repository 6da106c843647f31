"""The project's policy and its accounts, by Google's clients, and whole jobs, each as the account that it runs as."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from cloud.engine.confinement.layers import probe
from cloud.engine.project import identities
from cloud.engine.runtimes.python_code import MODULE
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import Access, Job, Service, TrainingSpec
from cloud.resources.log_entries import Severity
from cloud.serve import LocalCloud
from cloud.settings import ConfineMode, LauncherKind, Settings, inherited_environ
from cloud.testing.contract.base import TIMEOUT, Contract

pytestmark = pytest.mark.asyncio(loop_scope="module")
PROJECT, BUCKET = "identity-project", "identity-bucket"
CLIENT = Path(__file__).with_name("project_steps.py")
ACCOUNT = f"trainer-1@{PROJECT}.iam.gserviceaccount.com"
contract = Contract()
WHO = f"""
import json, urllib.request
from datetime import timedelta
from google.auth.compute_engine import Credentials
from google.auth.transport.requests import Request
from google.cloud.storage import Client
credentials = Credentials()
credentials.refresh(Request())
print("I am", credentials.service_account_email)
request = urllib.request.Request("https://storage.googleapis.com/storage/v1/b/{BUCKET}/o")
request.add_header("Authorization", f"Bearer {{credentials.token}}")
print("read", json.load(urllib.request.urlopen(request))["items"][0]["name"])
blob = Client(credentials=credentials).bucket("{BUCKET}").blob("a.txt")
how = {{"service_account_email": credentials.service_account_email, "access_token": credentials.token}}
url = blob.generate_signed_url(timedelta(minutes=5), version="v4", **how)
print("signed", urllib.request.urlopen(url).read().decode())
"""
UNTIL_DELETED = """
import time, urllib.error, urllib.request
url = "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token"
request = urllib.request.Request(url, headers={"Metadata-Flavor": "Google"})
print("ready", flush=True)
while True:
    try:
        urllib.request.urlopen(request).read()
    except urllib.error.HTTPError as error:
        print("gone:", error.read().decode())
        break
    time.sleep(0.05)
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["a network of its own", "this machine's network"])
async def cloud(request: pytest.FixtureRequest) -> AsyncIterator[LocalCloud]:
    has_network = request.param == "a network of its own"
    if has_network and not probe().network.is_held:
        pytest.skip("this machine has no network namespaces")
    confine = ConfineMode.AUTO if has_network else ConfineMode.OFF
    settings = Settings(project=PROJECT, launcher=LauncherKind.COLD, confine=confine, cancel_grace_seconds=0.5)
    async with LocalCloud(settings) as cloud:
        await cloud.backend.create_bucket(BUCKET)
        await cloud.backend.write_object(GsUri(BUCKET, "a.txt"), b"hello")
        yield cloud


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def environ(cloud: LocalCloud) -> dict[str, str]:
    return inherited_environ() | await cloud.owner_environ()


async def step(environ: dict[str, str], step: str, **given: str) -> Any:
    """The result of a step of the owner's program."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, CLIENT, step, json.dumps(given)), env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, error = await process.communicate()
    assert process.returncode == 0, error.decode()
    return json.loads(out)


async def run(cloud: LocalCloud, job_id: str, code: str = WHO, account: str = "") -> tuple[Job, list[str]]:
    spec = TrainingSpec(job_id, (), MODULE, args=(code,), service=Service.VERTEX_AI, service_account=account)
    job = await cloud.backend.wait_for_job((await cloud.backend.submit_job(spec)).job_id, timeout=TIMEOUT)
    return job, await contract.output(cloud.backend, job)


async def test_each_service_runs_jobs_as_its_own_agent(cloud: LocalCloud, tmp_path: Path) -> None:
    (job, lines), trained = await asyncio.gather(run(cloud, "1"), contract.train(cloud.backend, BUCKET, tmp_path, WHO))
    assert (job.state, trained.state) == (JobState.SUCCEEDED, JobState.SUCCEEDED), "\n".join(lines)
    assert {f"I am {identities.custom_code_agent(PROJECT).email}", "signed hello"} <= set(lines)
    assert f"I am {identities.ml_service_account(PROJECT).email}" in await contract.output(cloud.backend, trained)


async def test_a_job_runs_as_a_service_account_with_its_grants(cloud: LocalCloud, environ: dict[str, str]) -> None:
    made = await step(environ, "create_account", project=PROJECT, name="trainer-1")
    assert made["email"] == ACCOUNT
    job, lines = await run(cloud, "2", account=ACCOUNT)
    assert job.state is JobState.FAILED
    assert f"I am {ACCOUNT}" in lines
    grant = f"gs://{BUCKET} --member=serviceAccount:{ACCOUNT} --role=roles/storage.objectViewer"
    warnings = [each.message for each in await contract.log(cloud.backend, job) if each.severity is Severity.WARNING]
    if cloud.settings.confine is not ConfineMode.OFF:  # a listener per job, which tells whose request it is
        assert [warning.partition("binding ")[2] for warning in warnings] == [grant], warnings
    bound = await step(environ, "bind", project=PROJECT, member=f"serviceAccount:{ACCOUNT}", role="roles/storage.admin")
    assert {"role": "roles/storage.admin", "members": [f"serviceAccount:{ACCOUNT}"]} in bound
    job, lines = await run(cloud, "3", account=ACCOUNT)
    assert "signed hello" in lines
    assert (job.state, "read a.txt" in lines) == (JobState.SUCCEEDED, True), "\n".join(lines)


async def test_an_account_that_is_deleted_while_its_job_runs(cloud: LocalCloud, environ: dict[str, str]) -> None:
    await step(environ, "create_account", project=PROJECT, name="short-lived")
    account = f"short-lived@{PROJECT}.iam.gserviceaccount.com"
    await cloud.backend.grant(BUCKET, account, Access.READ)
    spec = TrainingSpec("4", (), MODULE, args=(UNTIL_DELETED,), service=Service.VERTEX_AI, service_account=account)
    job = await cloud.backend.submit_job(spec)
    async for entry in cloud.backend.follow_logs(job.job_id):
        if entry.message == "ready":
            await step(environ, "delete_account", email=account)
    job = await cloud.backend.wait_for_job(job.job_id, timeout=TIMEOUT)
    lines = await contract.output(cloud.backend, job)
    assert job.state is JobState.SUCCEEDED, "\n".join(lines)
    assert f"gone: The service account {account} does not exist: it was deleted." in lines
    job, _ = await run(cloud, "5", account=account)
    assert (job.state, job.error_message) == (
        JobState.FAILED,
        f"The job's service account {account} does not exist: it was deleted.",
    )
    await step(environ, "create_account", project=PROJECT, name="short-lived")
    found = await step(environ, "key", project=PROJECT, email=account, bucket=BUCKET)
    assert "does not have storage.objects.get access" in found["denied"]  # the grants were the other one's


async def test_the_key_of_an_account_is_a_credential(cloud: LocalCloud, environ: dict[str, str]) -> None:
    await step(environ, "create_account", project=PROJECT, name="outside")
    account = f"outside@{PROJECT}.iam.gserviceaccount.com"
    found = await step(environ, "key", project=PROJECT, email=account, bucket=BUCKET)
    assert found["read"] == "hello"
    assert "Invalid grant: account not found" in found["deleted"]
    assert f"{account} does not have storage.objects.get access" in found["denied"]
    assert f"gs://{BUCKET} --member=serviceAccount:{account} --role=roles/storage.objectViewer" in found["denied"]


async def test_the_project_in_both_versions_of_resource_manager(cloud: LocalCloud, environ: dict[str, str]) -> None:
    number = identities.project_number(PROJECT)
    found = await step(environ, "projects", project=PROJECT, number=str(number))
    for version in ("v1", "v3"):
        by_id, by_number = found[version]
        assert (by_id["projectId"], by_number) == (PROJECT, by_id)
    assert (found["list"], found["search"]) == (found["v1"][:1], found["v3"][:1])
    assert found["may"] == {"permissions": ["aiplatform.customJobs.create"]}
    assert found["conflict"] == 409
    assert {"role": "roles/viewer", "members": ["user:colleague@example.com"]} in found["bindings"]
