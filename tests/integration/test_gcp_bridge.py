"""A program written for ML Engine, on Vertex AI: client -> ml v1 -> bridge -> GcpBackend -> emulated Vertex AI."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from cloud.names import GsUri
from cloud.resources import Access
from cloud.serve import LocalCloud
from cloud.server.bridge import Bridge
from cloud.settings import Settings, inherited_environ
from cloud.testing.contract.probes import EXPORT, trainer
from integration.google_clouds import make_account, open_backend
from integration.grpc_client import GrpcClient

pytestmark = pytest.mark.asyncio(loop_scope="module")
SETTINGS = Settings(project="old-lab-project", cancel_grace_seconds=0.5)
CLIENT = Path(__file__).with_name("googleapiclient_steps.py")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def google() -> AsyncIterator[LocalCloud]:
    async with LocalCloud(SETTINGS) as cloud:
        yield cloud


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def account(google: LocalCloud) -> str:
    return await make_account(google)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bridge(google: LocalCloud, account: str) -> AsyncIterator[Bridge]:
    async with Bridge(SETTINGS, await open_backend(google, "vertex-ai", service_account=account)) as bridge:
        yield bridge


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab(google: LocalCloud, account: str, bridge: Bridge, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The output of the lab's client program, run with the bridge's environment only."""
    owner = google.backend
    await owner.create_bucket("old-lab-bucket")
    for access in Access:
        await owner.grant("old-lab-bucket", account, access)
    source = trainer(tmp_path_factory.mktemp("source"), EXPORT)
    package = await owner.stage_package(source, GsUri("old-lab-bucket", "staging"))
    given = {"project": SETTINGS.project, "bucket": "old-lab-bucket", "package": str(package)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, CLIENT, "lab", json.dumps(given)),
        env=inherited_environ() | await bridge.owner_environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, error = await process.communicate()
    assert process.returncode == 0, error.decode()
    return json.loads(out)


async def test_the_job_ran_on_vertex_ai(google, lab):
    assert lab["job"]["state"] == "QUEUED"
    assert lab["ended"]["state"] == "SUCCEEDED", lab["ended"]
    (job,) = await google.backend.list_jobs()
    assert job.training.env["CLOUD_ML_JOB_ID"] == "lab_1"


async def test_versions_were_deployed_and_predicted(lab):
    assert [lab[step]["done"] for step in ("created", "second")] == [True, True]
    assert lab["prediction"] == {"predictions": [{"scaled": 7.0}, {"scaled": 3.0}]}
    assert "Prediction failed" in lab["wrong"]["error"]
    assert lab["default"]["isDefault"]
    assert lab["refused"] == [400, "FAILED_PRECONDITION"]


async def test_everything_is_deleted(google, lab):
    assert all(operation["done"] for operation in lab["deleted"])
    assert lab["models"] == {}
    assert await google.backend.list_models() == []


async def test_storage_requests_are_forwarded(google, bridge, lab):
    environ = await bridge.owner_environ()
    async with aiohttp.ClientSession(environ["STORAGE_EMULATOR_HOST"]) as client:
        created = await client.post(
            "/upload/storage/v1/b/old-lab-bucket/o", params={"uploadType": "media", "name": "a b"}, data=b"x" * 500_000
        )
        assert (created.status, (await created.json())["size"]) == (200, "500000")
        read = await client.get("/storage/v1/b/old-lab-bucket/o/a%20b", params={"alt": "media"})
        assert await read.read() == b"x" * 500_000
        missing = await client.get("/storage/v1/b/old-lab-bucket/o/none")
        assert missing.status == 404
    assert await google.backend.read_object(GsUri("old-lab-bucket", "a b")) == b"x" * 500_000


async def test_logs_are_read_over_grpc(bridge, lab):
    client = GrpcClient(bridge)
    request = {"resourceNames": [f"projects/{SETTINGS.project}"], "filter": 'resource.labels.job_id="lab_1"'}
    listed = await client.call(
        "google.logging.v2.LoggingServiceV2/ListLogEntries", request, host="logging.googleapis.com"
    )
    await client.close()
    assert {entry["resource"]["type"] for entry in listed["entries"]} == {"ml_job"}
