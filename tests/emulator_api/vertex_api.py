"""Vertex AI's API over a backend in memory, driven without a socket, and requests that nothing is wrong with."""

import asyncio

from cloud.emulator.aiplatform_v1.routes import AiplatformV1
from cloud.emulator.aiplatform_v1.tables import ENUM_NUMBERS
from cloud.emulator.rest.discovery import Discovery, load
from cloud.resources import Json
from emulator_api.api_client import ApiClient
from emulator_api.built_images import IMAGES

NUMBER = 35462102002
PARENT = f"projects/{NUMBER}/locations/us-central1"
TRAINING_IMAGE = "us-docker.pkg.dev/vertex-ai/training/tf-cpu.2-17.py310:latest"
CUSTOM_TASK = "gs://google-cloud-aiplatform/schema/trainingjob/definition/custom_task_1.0.0.yaml"
SERVING_IMAGE = "us-docker.pkg.dev/vertex-ai/prediction/tf2-cpu.2-15:latest"


class VertexApi(ApiClient):
    host = "us-central1-aiplatform.googleapis.com"
    root = "/v1/projects/my-project/locations/us-central1"

    def restart(self) -> None:
        self.emulated = AiplatformV1(self.backend, project_number=NUMBER, state_dir=self.state_dir, images=IMAGES.get)
        self.emulated.start()

    def document(self) -> Discovery:
        return load("aiplatform.v1", ENUM_NUMBERS)


def pool(replicas: int | str = "1", **package: Json) -> Json:
    program = {
        "executorImageUri": TRAINING_IMAGE,
        "packageUris": ["gs://bucket/trainer-0.1.tar.gz"],
        "pythonModule": "trainer.task",
    }
    return {
        "machineSpec": {"machineType": "n1-standard-4"},
        "replicaCount": replicas,
        "pythonPackageSpec": program | package,
    }


def custom_job(*pools: Json, **spec: Json) -> Json:
    return {"displayName": "train", "jobSpec": {"workerPoolSpecs": list(pools or [pool()])} | spec}


def model(name: str = "m", **given: Json) -> Json:
    """Of ``models:upload``."""
    described = {
        "displayName": name,
        "artifactUri": "gs://bucket/export",
        "containerSpec": {"imageUri": SERVING_IMAGE},
    }
    return {"model": described | given}


def deployment(model_name: str, share: Json | None = None, **given: Json) -> Json:
    """Of ``deployModel``."""
    deployed = {
        "model": model_name,
        "dedicatedResources": {"machineSpec": {"machineType": "n1-standard-2"}, "minReplicaCount": 1},
    }
    return {"deployedModel": deployed | given, "trafficSplit": share or {"0": 100}}


def pipeline(**given: Json) -> Json:
    """As the SDK sends it: snake case, and every number a double."""
    program = {
        "executor_image_uri": TRAINING_IMAGE,
        "package_uris": ["gs://bucket/trainer-0.1.tar.gz"],
        "python_module": "trainer.task",
        "args": ["--epochs=1"],
    }
    pool = {
        "machine_spec": {"machine_type": "n1-standard-4"},
        "replica_count": 1.0,
        "disk_spec": {"boot_disk_size_gb": 100.0, "boot_disk_type": "pd-ssd"},
        "python_package_spec": program,
    }
    inputs = {"base_output_directory": {"output_uri_prefix": "gs://bucket/out"}, "worker_pool_specs": [pool]}
    model = {"displayName": "tm", "containerSpec": {"imageUri": SERVING_IMAGE}, "versionAliases": ["default"]}
    asked = {
        "displayName": "tp",
        "trainingTaskDefinition": CUSTOM_TASK,
        "trainingTaskInputs": inputs,
        "modelToUpload": model,
    }
    return {name: value for name, value in (asked | given).items() if value is not None}


async def ended(api: VertexApi, path: str) -> Json:
    """The pipeline when it has seen its job's end."""
    while "endTime" not in (found := await api.ask("GET", path)):  # noqa: ASYNC110 - it takes turns of the loop, no time
        await asyncio.sleep(0)
    return found
