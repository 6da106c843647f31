"""Vertex AI's own SDK, unmodified, in a process that is configured by environment variables only."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from cloud.emulator.aiplatform_v1.tables import ENUM_NUMBERS
from cloud.names import GsUri
from cloud.resources import Access
from cloud.serve import LocalCloud
from cloud.settings import Settings, inherited_environ
from cloud.testing.contract.probes import trainer

pytestmark = pytest.mark.asyncio(loop_scope="module")
PROJECT = "vertex-project"
CLIENT = Path(__file__).with_name("aiplatform_steps.py")
SAYS = """
import json, os, sys
print("args", sys.argv[1:], os.environ["GREETING"])
for name in ("AIP_MODEL_DIR", "AIP_CHECKPOINT_DIR", "AIP_TENSORBOARD_LOG_DIR", "CLOUD_ML_PROJECT_ID", "TF_CONFIG"):
    print(name, os.environ.get(name))
print("task", json.loads(os.environ["CLUSTER_SPEC"])["task"], os.environ["CLOUD_ML_JOB_ID"])
"""
TUNES = """
import argparse
import hypertune

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int)
parser.add_argument("--rate", type=float)
parser.add_argument("--units", type=float)
parser.add_argument("--kind")
parser.add_argument("--layers", type=int)
given = parser.parse_args()
client = hypertune.HyperTune()
for step in (1, 2):
    loss = given.rate * given.units * given.layers / step
    client.report_hyperparameter_tuning_metric("loss", loss, global_step=step)
"""
EXPORTS = """
import argparse
import os
import tensorflow as tf

parser = argparse.ArgumentParser()
parser.add_argument("--factor", type=int)
given = parser.parse_args()


class Scale(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64, "x"), tf.TensorSpec([None], tf.float32, "y")])
    def serve(self, x, y):
        return {"scaled": tf.cast(x * given.factor, tf.float32) + y}


model = Scale()
tf.saved_model.save(model, os.environ["AIP_MODEL_DIR"], signatures={"serving_default": model.serve})
"""
"""Its input x is an integer, which the SDK's transport sends as a double."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cloud() -> AsyncIterator[LocalCloud]:
    async with LocalCloud(Settings(project=PROJECT)) as cloud:
        yield cloud


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def every(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The program's results, by transport."""
    folder, backend = tmp_path_factory.mktemp("source"), cloud.backend
    environ = inherited_environ() | await cloud.owner_environ()
    await backend.create_bucket("vertex-bucket")
    for access in Access:
        await backend.grant("vertex-bucket", await backend.ml_service_account(), access)
    says = trainer(folder, SAYS, package="says")
    (says / "fails.py").write_text("raise SystemExit('out of ideas')")
    (says / "tunes.py").write_text(TUNES)
    trainer(folder, EXPORTS, package="exports")
    (folder / "setup.py").write_text(
        "from setuptools import setup\nsetup(name='trainers', version='0.1', packages=['says', 'exports'])"
    )
    package = await backend.stage_package(says, GsUri("vertex-bucket", "staging"))
    given = {
        "project": PROJECT,
        "bucket": "vertex-bucket",
        "package": str(package),
        "script": str(folder / "exports" / "task.py"),
        "says": str(folder / "says" / "task.py"),
        "endpoint_url": environ["STORAGE_EMULATOR_HOST"],
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, CLIENT, json.dumps(given), folder / "found.json"),
        env=environ,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    return json.loads((folder / "found.json").read_text())


@pytest.fixture(params=["grpc", "rest"])
def found(request: pytest.FixtureRequest, every: dict) -> dict:
    return every[request.param]


async def logged(cloud: LocalCloud, name: str) -> list[str]:
    entries = await cloud.backend.read_logs(name.rpartition("/")[2])
    return [entry.message for entry in entries if entry.task_name == "workerpool0-0"]


async def test_a_custom_job_runs_with_the_environment_of_vertex_ai(cloud, found):
    job = found["custom job"]
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert job["labels"] == {"course": "ml"}
    assert job["listed"] == [job["name"]]
    output = await logged(cloud, job["name"])
    project, number = job["name"].split("/")[1], job["name"].rpartition("/")[2]
    for line in (
        "args ['--epochs=1'] hello",
        "AIP_MODEL_DIR gs://vertex-bucket/out/model/",
        "AIP_CHECKPOINT_DIR gs://vertex-bucket/out/checkpoints/",
        "AIP_TENSORBOARD_LOG_DIR gs://vertex-bucket/out/logs/",
        f"CLOUD_ML_PROJECT_ID {project}",
        "TF_CONFIG None",
        f"task {{'type': 'workerpool0', 'index': 0, 'trial': ''}} {number}",
    ):
        assert line in output


async def test_a_job_that_fails_says_why_and_where_its_log_is(found):
    output = found["failed job"]["message"]
    assert "The replica workerpool0-0 exited with a non-zero status of 1." in output
    assert "out of ideas" in output
    assert "https://console.cloud.google.com/logs/viewer?project=" in output
    assert found["failed job"]["deleted"]


async def test_a_tuning_job_finds_trials_by_their_metric(found):
    tuned = found["tuning"]
    assert tuned["state"] == "JOB_STATE_SUCCEEDED"
    assert set(tuned["trials"]) == {"1", "2", "3"}
    for state, parameters, metrics, step in tuned["trials"].values():
        assert (state, step) == ("SUCCEEDED", 2)
        assert set(parameters) == {"rate", "units", "kind", "layers"}
        assert (parameters["kind"], parameters["layers"]) == ("deep", 2.0)
        assert parameters["units"] in (16.0, 32.5)
        assert metrics == {"loss": pytest.approx(parameters["rate"] * parameters["units"])}
    rates = [parameters["rate"] for _, parameters, _, _ in tuned["trials"].values()]
    assert len(set(rates)) == 3
    assert tuned["listed"] == [tuned["name"]]
    assert tuned["left"] == 0


async def test_a_script_runs_in_a_custom_container(cloud, found):
    job = found["script in a container"]
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert "args ['--epochs=2'] hello" in await logged(cloud, job["name"])


async def test_training_pipelines_train_and_upload(found):
    _, version, uri = found["models"]["trained"]
    assert version == "1"
    assert uri == "gs://vertex-bucket/tp/model/"


async def test_versions_have_aliases(found):
    models = found["models"]
    assert models["second"] == models["by alias"] == "2"
    assert sorted(models["versions"]) == [["1", ["default"]], ["2", ["again"]]]
    assert models["listed"] == [models["trained"][0]]
    assert models["left"] == 1


async def test_an_endpoint_predicts_and_its_traffic_is_split(found):
    endpoint = found["endpoint"]
    assert endpoint["predictions"] == [9.0, 6.0]
    assert endpoint["model"][1] == "1"
    assert endpoint["deployed"]
    assert "x" in endpoint["wrong"]
    assert endpoint["split"] == [50, 50]
    assert endpoint["seen"] == [9.0, 13.0]
    assert endpoint["then"] == [13.0]
    assert "Endpoint has deployed or being-deployed DeployedModel(s)" in endpoint["refused"]
    assert endpoint["endpoints"] == 0


async def test_a_model_is_copied_and_exported(found, cloud):
    models = found["models"]
    assert models["copied"] == ["europe-west4", True]
    exported = await cloud.backend.list_objects(GsUri.parse(models["exported"]))
    assert "saved_model.pb" in [stored.uri.path.rpartition("/")[2] for stored in exported]


async def test_a_raw_prediction_has_tensorflow_servings_form(found):
    status, text, deployed = found["endpoint"]["raw"]
    assert (status, text) == (200, '{\n    "predictions": [9.0\n    ]\n}')
    assert deployed.isdigit()
    assert found["endpoint"]["by raw"] == [9.0]


async def test_predictions_are_made_asynchronously_and_by_the_generated_client(every):
    assert every["grpc"]["endpoint"]["async"] == [9.0]
    assert every["grpc"]["endpoint"]["raw by hand"] == ["application/json", every["rest"]["endpoint"]["raw"][1]]


async def test_the_same_with_a_local_endpoint(every):
    job = every["address"]["custom job"]
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert job["listed"] == [job["name"]]
    assert every["address"]["models"] == 0


async def test_errors_have_a_reason(found, request):
    refusals = found["refusals"]
    assert refusals["quota"][0] == 429
    assert "CustomModelTrainingTPUV3PerProjectPerRegion" in refusals["quota"][1]
    assert refusals["missing"][0] == 404
    # UNIMPLEMENTED, which over HTTP would be a status that clients retry.
    assert refusals["not emulated"][0] == {"grpc": 501, "rest": 403}[request.node.callspec.params["found"]]
    assert found["left"] == 0
    assert "aiplatform.projects.locations.datasets.create is not emulated" in refusals["not emulated"][1]


async def test_the_sdk_repeats_no_request_that_is_refused(cloud, every):
    counts = {refusal.method: refusal.count for refusal in cloud.refusals}
    assert counts["aiplatform.projects.locations.datasets.create"] == len(
        [how for how in every if how in ("grpc", "rest")]
    )


async def test_enum_numbers_match_the_sdk(every):
    known = {name.removeprefix("GoogleCloudAiplatformV1"): numbers for name, numbers in ENUM_NUMBERS.items()}
    assert {
        name: {int(number): member for number, member in numbers.items()} for name, numbers in every["enums"].items()
    } == known
