"""Vertex AI's dialect over a backend in memory, driven without a socket, and requests that nothing is wrong with."""

from cloud.emulator.aiplatform_v1.routes import AiplatformV1, document
from cloud.emulator.discovery import Discovery
from cloud.resources import Json
from contracts.dialect_api import DialectApi

NUMBER = 35462102002
PARENT = f"projects/{NUMBER}/locations/us-central1"
TRAINING_IMAGE = "us-docker.pkg.dev/vertex-ai/training/tf-cpu.2-17.py310:latest"
SERVING_IMAGE = "us-docker.pkg.dev/vertex-ai/prediction/tf2-cpu.2-15:latest"


class VertexApi(DialectApi):
    host = "us-central1-aiplatform.googleapis.com"
    root = "/v1/projects/my-project/locations/us-central1"

    def restart(self) -> None:
        self.dialect = AiplatformV1(self.backend, project_number=NUMBER, state_dir=self.state_dir)
        self.dialect.start()

    def document(self) -> Discovery:
        return document()


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
