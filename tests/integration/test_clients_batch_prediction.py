"""Batch prediction by Google's own clients, unmodified, in processes configured by environment variables only."""

import ast
import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from cloud.names import GsUri
from cloud.resources import VersionSpec
from cloud.server.local import LocalCloud
from cloud.settings import Settings, inherited_environ

pytestmark = pytest.mark.asyncio(loop_scope="module")
PROJECT, BUCKET = "batch-project", "batch-bucket"
CLIENT = Path(__file__).with_name("batch_prediction_steps.py")
RESULTS, ERRORS = "prediction.results-00000-of-00001", "prediction.errors_stats-00000-of-00001"
FILES = {
    "in.jsonl": '{"x": 1, "y": 0.5}\n{"x": 2, "y": 0.5}\n{"x": 3, "y": 0.5}\n',
    "bad.jsonl": '{"z": 1}\n',
    "keyed.jsonl": '{"id": "a", "x": 1, "y": 2, "note": "n"}\n',
}


async def process(*command: str | Path, environ: dict[str, str]) -> str:
    """The output of a program, which must succeed."""
    started = await asyncio.create_subprocess_exec(
        *command, env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await started.communicate()
    assert started.returncode == 0, out.decode()
    return out.decode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cloud(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalCloud]:
    """With the version v1 of the model "double", 2 * x + y, and input files."""
    folder, tests = tmp_path_factory.mktemp("models"), Path(__file__).parents[1]
    environ = inherited_environ() | {"PYTHONPATH": str(tests), "TF_CPP_MIN_LOG_LEVEL": "2"}
    await process(sys.executable, "-m", "integration.serving.models", folder, environ=environ)
    async with LocalCloud(Settings(project=PROJECT)) as cloud:
        backend = cloud.backend
        await backend.create_bucket(BUCKET)
        await backend.upload(folder / "double", GsUri(BUCKET, "model"))
        for name, text in FILES.items():
            await backend.write_object(GsUri(BUCKET, name), text.encode())
        await backend.create_model("double")
        await backend.create_version(VersionSpec("double", "v1", GsUri(BUCKET, "model")))
        await backend.wait_for_version("double", "v1")
        yield cloud


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def every(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The program's results."""
    file = tmp_path_factory.mktemp("found") / "found.json"
    environ = inherited_environ() | await cloud.owner_environ()
    await process(sys.executable, CLIENT, json.dumps({"project": PROJECT, "bucket": BUCKET}), file, environ=environ)
    return json.loads(file.read_text())


@pytest.fixture(params=["grpc", "rest"])
def found(request: pytest.FixtureRequest, every: dict) -> dict:
    return every[request.param]


async def test_a_job_of_ml_engine(every):
    created, done = every["ml engine"]["created"], every["ml engine"]["done"]
    assert (created["state"], created["labels"]) == ("QUEUED", {"owner": "me"})
    assert created["predictionInput"]["maxWorkerCount"] == "4"
    assert done["state"] == "SUCCEEDED"
    assert done["predictionOutput"] == {"outputPath": f"gs://{BUCKET}/ml", "predictionCount": "3"}
    files = every["ml engine"]["files"]
    assert files == {RESULTS: '{"scaled": 2.5}\n{"scaled": 4.5}\n{"scaled": 6.5}\n', ERRORS: ""}


async def test_the_sdk_predicts_and_reads_the_outputs(found):
    assert (found["state"], found["stats"]) == ("JOB_STATE_SUCCEEDED", [3, 0])
    assert found["files"][RESULTS].splitlines() == [
        '{"instance": {"x": 1, "y": 0.5}, "prediction": 2.5}',
        '{"instance": {"x": 2, "y": 0.5}, "prediction": 4.5}',
        '{"instance": {"x": 3, "y": 0.5}, "prediction": 6.5}',
    ]
    assert found["files"][ERRORS] == ""
    assert found["listed"] == 1
    assert found["left"] == []


async def test_the_sdk_tells_why_a_job_failed(found):
    assert "No instance could be predicted" in found["failed"]
    assert "Non-OK result 400" in found["failed"]


async def test_gapic_sends_an_instance_config(found):
    assert (found["gapic"]["state"], found["gapic"]["version"]) == ("JOB_STATE_SUCCEEDED", "1")
    assert found["gapic"]["files"][RESULTS] == '{"key": "a", "prediction": 4.0}\n'


@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
async def test_gcloud_submits_a_job_of_ml_engine(cloud):
    environ = inherited_environ() | await cloud.owner_environ() | {"HOME": str(cloud.state_dir)}
    options = {
        "model": "double",
        "data-format": "text",
        "input-paths": f"gs://{BUCKET}/in.jsonl,gs://{BUCKET}/bad*",
        "output-path": f"gs://{BUCKET}/gcloud",
        "region": "us-central1",
        "batch-size": "1",
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    said = await process("gcloud", "ai-platform", "jobs", "submit", "prediction", "by_gcloud", *flags, environ=environ)
    assert "Job [by_gcloud] submitted successfully." in said
    job = await cloud.backend.wait_for_job("by_gcloud")
    described = await process(
        "gcloud", "ai-platform", "jobs", "describe", "by_gcloud", "--format=json(predictionOutput)", environ=environ
    )
    assert '"predictionCount": "3"' in described
    assert '"errorCount": "1"' in described
    errors = await cloud.backend.read_object(job.predictions.output_uri / ERRORS)
    message, batches = ast.literal_eval(errors.decode())
    assert ("z" in message, batches) == (True, 1)
