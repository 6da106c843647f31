"""Google's own Python client, unmodified, in processes that are configured by environment variables only."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from unittest import mock

import pytest
import pytest_asyncio

from cloud.emulator.ml_v1.routes import MlV1
from cloud.emulator.ml_v1.tables import REGIONS
from cloud.emulator.storage_v1 import routes as storage_v1
from cloud.names import GsUri
from cloud.resources import Access
from cloud.serve import LocalCloud
from cloud.settings import Settings, inherited_environ
from cloud.testing.contract.probes import EXPORT, trainer
from cloud.testing.contract.tuning import REPORTS

pytestmark = pytest.mark.asyncio(loop_scope="module")
PROJECT = "lab-project"
CLIENT = Path(__file__).with_name("googleapiclient_steps.py")
STORAGE_CLIENT = Path(__file__).with_name("googleapiclient_storage_steps.py")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cloud() -> AsyncIterator[LocalCloud]:
    async with LocalCloud(Settings(project=PROJECT, cancel_grace_seconds=0.5)) as cloud:
        yield cloud


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def environ(cloud: LocalCloud) -> dict[str, str]:
    return inherited_environ() | await cloud.owner_environ()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bucket(cloud: LocalCloud) -> str:
    backend = cloud.backend
    await backend.create_bucket("lab-bucket")
    for access in Access:
        await backend.grant("lab-bucket", await backend.ml_service_account(), access)
    return "lab-bucket"


async def run(environ: dict[str, str], step: str, *, client: Path = CLIENT, **given: str) -> dict:
    """The results of a step of a client program."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, client, step, json.dumps(given)), env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, error = await process.communicate()
    assert process.returncode == 0, error.decode()
    return json.loads(out)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab(
    cloud: LocalCloud, environ: dict[str, str], bucket: str, tmp_path_factory: pytest.TempPathFactory
) -> dict:
    folder = tmp_path_factory.mktemp("source")
    package = await cloud.backend.stage_package(trainer(folder, EXPORT), GsUri(bucket, "staging"))
    return await run(environ, "lab", project=PROJECT, bucket=bucket, package=str(package))


async def test_the_configuration_names_the_account_to_grant_to(cloud, lab):
    config = lab["config"]
    assert config["serviceAccount"] == await cloud.backend.ml_service_account()
    assert config["config"]["tpuServiceAccount"] == (
        f"service-{config['serviceAccountProject']}@cloud-tpu.iam.gserviceaccount.com"
    )


async def test_a_job_is_queued_then_runs_and_ends(lab):
    assert lab["job"]["state"] == "QUEUED"
    assert "startTime" not in lab["job"]
    assert "scaleTier" not in lab["job"]["trainingInput"]
    assert lab["ended"]["state"] == "SUCCEEDED", lab["ended"]
    assert lab["ended"]["trainingInput"] == lab["job"]["trainingInput"]
    assert lab["ended"]["labels"] == {"course": "ml"}
    assert lab["ended"]["startTime"] <= lab["ended"]["endTime"]


async def test_a_model_is_created_at_once_and_a_version_by_an_operation(lab):
    assert lab["model"]["name"] == f"projects/{PROJECT}/models/taxifare"
    operation = lab["creating"]
    assert operation["name"].startswith(f"projects/{PROJECT}/operations/create_taxifare_v1-")
    assert "done" not in operation
    assert operation["metadata"]["operationType"] == "CREATE_VERSION"
    assert "state" not in operation["metadata"]["version"]
    assert lab["created"]["done"] is True
    assert lab["created"]["response"]["state"] == "READY"
    assert lab["created"]["response"]["isDefault"] is True


async def test_predictions_have_the_form_of_the_global_endpoint(lab):
    assert lab["prediction"] == {"predictions": [{"scaled": 7.0}, {"scaled": 3.0}]}


async def test_an_invalid_instance_is_an_error_string_with_status_200(lab):
    assert lab["wrong"].keys() == {"error"}
    assert lab["wrong"]["error"].startswith("Prediction failed: ")


async def test_a_second_version_becomes_default_by_request(lab):
    assert "isDefault" not in lab["second"]["response"]
    assert lab["default"]["isDefault"] is True
    assert lab["refused"] == [400, "FAILED_PRECONDITION"]
    assert [operation["done"] for operation in lab["deleted"]] == [True, True, True]
    assert lab["models"] == {}


async def test_a_tuning_job_lists_its_trials_best_first(environ, cloud, bucket, tmp_path):
    package = await cloud.backend.stage_package(trainer(tmp_path, REPORTS, package="tunes"), GsUri(bucket, "staging"))
    job = await run(environ, "tuning", project=PROJECT, bucket=bucket, package=str(package))
    assert job["state"] == "SUCCEEDED", job
    output = job["trainingOutput"]
    assert (output["completedTrialCount"], output["isHyperparameterTuningJob"]) == ("3", True)
    assert [trial["hyperparameters"] for trial in output["trials"]] == [
        {"x": str(x), "kind": "64 32"} for x in (2, 3, 4)
    ]
    assert [trial["finalMetric"] for trial in output["trials"]] == [
        {"trainingStep": "2", "objectiveValue": x / 2} for x in (2, 3, 4)
    ]
    field = "training_input.hyperparameters.max_parallel_trials"
    assert job["refused"] == [400, "INVALID_ARGUMENT", field]


async def test_a_job_is_cancelled_and_then_every_method_was_used(environ, cloud, bucket, lab, tmp_path):
    package = await cloud.backend.stage_package(
        trainer(tmp_path, "import time\ntime.sleep(600)", package="sleeper"), GsUri(bucket, "staging")
    )
    found = await run(environ, "cancel", project=PROJECT, bucket=bucket, package=str(package))
    assert found["cancel"] == {}
    assert found["ended"]["state"] == "CANCELLED"
    assert found["ended"]["errorMessage"]
    assert found["again"] == [400, "FAILED_PRECONDITION"]
    served = {route.method_id for route in MlV1.routes(mock.Mock())}
    assert served <= {*lab["method_ids"], *found["method_ids"]}, "a method of ml.v1 that this client is not seen to use"


async def test_resources_are_read_and_changed(lab):
    assert lab["resources"] == {
        "job": {"course": "ml", "team": "taxi"},
        "stale job": [409, "ABORTED"],
        "no mask": [400, "INVALID_ARGUMENT"],
        "jobs": ["lab_1"],
        "some jobs": ["lab_1"],
        "model": lab["resources"]["model"],
        "stale model": [409, "ABORTED"],
        "version": ["UPDATE_VERSION", lab["resources"]["version"][1]],
        "pages": [["v1"], ["v2"]],
        "roles/ml.jobOwner": [True, [409, "ABORTED"], True],
        "roles/ml.modelUser": [True, [409, "ABORTED"], True],
        "operations": [[True, f"projects/{PROJECT}/models/taxifare"]] * 2,
        "cancelled": {},
        "locations": len(REGIONS),
        "location": f"projects/{PROJECT}/locations/us-central1",
        "refused": [[400, "FAILED_PRECONDITION"], [404, "NOT_FOUND"], [404, "NOT_FOUND"], [403, "PERMISSION_DENIED"]],
    }
    assert lab["resources"]["model"]["description"] == "fares"
    assert lab["resources"]["version"][1]["description"] == "the first"


async def test_errors_are_what_the_client_expects(environ, bucket):
    found = await run(environ, "errors", project=PROJECT, bucket=bucket)
    assert found["unknown field"] == [400, "INVALID_ARGUMENT", "job.training_input"]
    assert found["bad id"] == [400, "INVALID_ARGUMENT", "job_id"]
    assert found["missing job"][:2] == [404, "NOT_FOUND"]
    assert found["other project"][:2] == [403, "PERMISSION_DENIED"]
    assert found["anonymous"][0] == 401


async def test_the_discovery_document_has_the_courses_url(environ):
    assert (await run(environ, "discovery", project=PROJECT))["serviceAccount"].startswith("service-")


# ---------------------------------------------------------------- Cloud Storage


async def test_every_method_of_cloud_storage(cloud, environ, tmp_path):
    account = await cloud.backend.ml_service_account()
    found = await run(environ, "storage", client=STORAGE_CLIENT, project=PROJECT, account=account, folder=str(tmp_path))
    method_ids = set(found.pop("method_ids"))
    assert found == {
        "bucket": ["EUROPE-WEST1", {"team": "taxi"}],
        "managed folders": [412, "conditionNotMet"],
        "layout": "region",
        "buckets": ["by-the-api-client"],
        "changed": [{"team": "fares"}, {}],
        "account": True,
        "uploaded": {"simple.txt": "4", "whole.bin": "1048576", "pieces.bin": "1048576"},
        "pieces": [0.25, 0.5, 0.75, None],
        "text": "text",
        "downloaded": [True, 4],
        "listed": [["pieces.bin"], ["simple.txt"], ["whole.bin"]],
        "listed between": ["pieces.bin", "simple.txt", "whole.bin"],
        "joined": ["8", "8", "8", "8"],
        "moved": "moved.txt",
        "metadata": [{"clé": "wert"}, {}],
        "stale": [412, "conditionNotMet"],
        "acls": {
            "bucketAccessControls": ["WRITER", "READER", "OWNER", True, [404, "notFound"]],
            "defaultObjectAccessControls": ["READER", "OWNER", "READER", True, [404, "notFound"]],
            "objectAccessControls": ["READER", "OWNER", "READER", True, [404, "notFound"]],
        },
        "policies": {
            "buckets": [True, [412, "conditionNotMet"], ["storage.buckets.get"]],
            "objects": [True, [412, "conditionNotMet"], ["storage.objects.get"]],
        },
        "missing": [404, "notFound"],
        "full": [409, "conflict"],
        "batch": [True, [404, "notFound"]],
        "gone": [404, "notFound"],
        "kept": {
            "restored": ["4", "1"],
            "operation": [True, 1],
            "listed": ["one", "two"],
            "bucket": True,
            "locked": True,
        },
    }
    served = {route.method_id for route in storage_v1.ROUTES}
    assert served <= method_ids, "a method of storage.v1 that this client is not seen to use"
