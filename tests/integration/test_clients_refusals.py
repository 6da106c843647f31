"""What is not emulated, asked for by Google's unmodified clients: none repeats its request, and each is told why."""

import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from cloud.engine.runtimes.python_code import MODULE
from cloud.lifecycle import JobState
from cloud.resources import Service, TrainingSpec
from cloud.resources.log_entries import Severity
from cloud.serve import LocalCloud
from cloud.settings import ConfineMode, LauncherKind, Settings, inherited_environ
from cloud.testing.contract.base import TIMEOUT, Contract

pytestmark = pytest.mark.asyncio(loop_scope="module")
CLIENT = Path(__file__).with_name("refusals_steps.py")
BY_QUERY = """
from google.cloud import bigquery

for _ in range(3):
    try:
        bigquery.Client().query("select 1")
    except Exception as error:
        print(error.code, error.message)
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cloud() -> AsyncIterator[LocalCloud]:
    async with LocalCloud(Settings(project="lab-project", launcher=LauncherKind.COLD)) as cloud:
        yield cloud


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def environ(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return inherited_environ() | await cloud.owner_environ() | {"HOME": str(tmp_path_factory.mktemp("home"))}


async def output(environ: dict[str, str], *command: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, error = await process.communicate()
    return process.returncode or 0, out.decode(), error.decode()


def counts(cloud: LocalCloud) -> dict[str, int]:
    return {refusal.method or refusal.host: refusal.count for refusal in cloud.refusals}


ASKED = {
    "googleapiclient_method": ("ml.projects.locations.studies.list", "is not emulated"),
    "googleapiclient_service": ("bigquery.googleapis.com", "export the tables to the bucket"),
    "storage": (
        "storage.projects.hmacKeys.list",
        "authenticated by tokens and by signatures of service accounts only",
    ),
    "bigquery": ("bigquery.googleapis.com", "export the tables to the bucket"),
    "genai": ("aiplatform.projects.locations.publishers.models.generateContent", "No model of Google's runs here"),
}
"""What is counted, and what the client's error says."""


async def test_no_client_repeats_what_is_refused_and_each_is_told_why_at_once(cloud, environ):
    status, out, error = await output(environ, sys.executable, str(CLIENT))
    assert status == 0, error
    found = json.loads(out)
    assert found.keys() == ASKED.keys()
    for client, (_, words) in ASKED.items():
        assert found[client]["said"].startswith("403 "), found[client]
        assert words in found[client]["said"], found[client]
        assert found[client]["seconds"] <= 0.1, (client, found[client])
    assert counts(cloud) == {what: 3 * sum(what == other for other, _ in ASKED.values()) for what, _ in ASKED.values()}


@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
@pytest.mark.parametrize(
    ("command", "what", "words"),
    [
        (
            "ai indexes list",
            "aiplatform.projects.locations.indexes.list",
            "with a library such as FAISS",
        ),
        ("beta ai tensorboards list", "aiplatform.projects.locations.tensorboards.list", "tensorboard --logdir gs://"),
        ("storage managed-folders create gs://b/x", "storage.managedFolders.insert", "access is decided by bucket"),
        ("pubsub topics list", "pubsub.googleapis.com", "PUBSUB_EMULATOR_HOST"),
    ],
)
async def test_gcloud_neither_repeats_nor_speaks_of_the_network(cloud, environ, command, what, words):
    before = counts(cloud).get(what, 0)
    region = ["--region", "us-central1"] if " ai " in f" {command}" else []
    began = time.monotonic()
    status, _, error = await output(environ, "gcloud", *command.split(), *region)
    assert status == 1
    assert words in error
    assert counts(cloud)[what] == before + 1
    assert time.monotonic() - began < 20  # it takes half a minute to give up what it repeats


@pytest_asyncio.fixture(loop_scope="module", params=[ConfineMode.AUTO, ConfineMode.OFF])
async def confined(request: pytest.FixtureRequest, cloud: LocalCloud) -> AsyncIterator[LocalCloud]:
    if request.param is ConfineMode.AUTO:
        yield cloud
        return
    async with LocalCloud(Settings(launcher=LauncherKind.COLD, confine=request.param)) as unconfined:
        yield unconfined


async def test_a_query_in_a_job_ends_at_once_and_is_one_line_of_its_log(confined):
    cloud, contract = confined, Contract()
    spec = TrainingSpec("1", (), MODULE, args=(BY_QUERY,), service=Service.VERTEX_AI)
    job = await cloud.backend.wait_for_job((await cloud.backend.submit_job(spec)).job_id, timeout=TIMEOUT)
    lines = await contract.output(cloud.backend, job)
    assert job.state is JobState.SUCCEEDED, "\n".join(lines)
    answers = [line for line in lines if line.startswith("403 ")]
    assert len(answers) == 3
    assert "bigquery.googleapis.com is not emulated here" in answers[0]
    entries = await contract.log(cloud.backend, job)
    warnings = [entry.message for entry in entries if entry.severity is Severity.WARNING]
    [refused] = [line for line in warnings if "bigquery.googleapis.com" in line]
    assert refused.startswith("refused: bigquery.googleapis.com is not emulated here")
