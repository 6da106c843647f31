"""The commands of the Cloud SDK with which tutorials begin, by the real one where it is installed.

What it needs is tested without it, too: unit/cloud/emulator/serviceusage, unit/cloud/server/test_gcloud_folder.py.
"""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.engine.runtimes.python_code import MODULE
from cloud.lifecycle import JobState
from cloud.resources import Service, TrainingSpec
from cloud.server.thread import BackgroundCloud
from cloud.settings import LauncherKind, Settings, inherited_environ

PROJECT = "lab-project"
REGION = "europe-west4"


HYPERPARAMETERS = """
trainingInput:
  hyperparameters:
    goal: MINIMIZE
    maxTrials: 1
    hyperparameterMetricTag: rmse
    params:
    - {parameterName: train_batch_size, type: INTEGER, minValue: 64, maxValue: 512, scaleType: UNIT_LOG_SCALE}
    - {parameterName: hidden_units, type: CATEGORICAL, categoricalValues: ["128 32", "64 64 64 8"]}
"""
STUDY = """
studySpec:
  metrics: [{metricId: accuracy, goal: MAXIMIZE}]
  parameters: [{parameterId: rate, doubleValueSpec: {minValue: 0.001, maxValue: 0.1}}]
trialJobSpec:
  workerPoolSpecs:
  - machineSpec: {machineType: n1-standard-4}
    replicaCount: 1
    pythonPackageSpec:
      executorImageUri: us-docker.pkg.dev/vertex-ai/training/tf-cpu.2-17.py310:latest
      packageUris: [gs://none/a.tar.gz]
      pythonModule: trainer.task
"""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackgroundCloud]:
    served = tmp_path_factory.mktemp("served")
    (served / "a.csv").write_text("1,2\n")
    settings = Settings(
        project=PROJECT, region=REGION, launcher=LauncherKind.COLD, public=(("cloud-samples-data", served),)
    )
    with BackgroundCloud(settings) as cloud:
        yield cloud


@pytest.fixture
def environ(cloud: BackgroundCloud) -> dict[str, str]:
    return inherited_environ() | cloud.environ | {"HOME": str(cloud.state_dir)}


@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
class TestGcloud:
    def run(self, environ: dict[str, str], command: str, *, status: int = 0) -> tuple[str, str]:
        done = subprocess.run(
            ["gcloud", *command.split()], env=environ, capture_output=True, text=True, timeout=100, check=False
        )
        assert done.returncode == status, done.stderr
        return done.stdout.strip(), done.stderr

    def test_the_account_is_the_owner(self, environ: dict[str, str]) -> None:
        owner = f"owner@{PROJECT}.example.com"
        assert self.run(environ, "config get-value account")[0] == owner
        assert self.run(environ, "auth list --format=value(account,status)")[0].split() == [owner, "*"]
        assert self.run(environ, "auth print-access-token")[0].startswith("ya29.")

    def test_configuration_is_set_without_a_warning(self, environ: dict[str, str]) -> None:
        _, said = self.run(environ, f"config set project {PROJECT}")
        assert said == "Updated property [core/project].\n"
        _, said = self.run(environ, "config set compute/region us-east1")
        assert "Updated property [compute/region]." in said
        assert self.run(environ, "config get-value compute/region")[0] == "us-east1"

    def test_services(self, environ: dict[str, str]) -> None:
        self.run(environ, "services enable ml.googleapis.com aiplatform.googleapis.com")
        _, said = self.run(environ, "services enable bigquery.googleapis.com", status=1)
        assert "bigquery.googleapis.com is not emulated here" in said
        assert "ml.googleapis.com" in self.run(environ, "services list --format=value(config.name)")[0].split()

    def test_an_endpoint_of_the_configured_region(self, environ: dict[str, str]) -> None:
        _, said = self.run(environ, "ai endpoints create --display-name=mine")
        assert f"/locations/{REGION}/endpoints/" in said

    def test_a_job_may_call_gcloud_whatever_its_packages_are(self, cloud: BackgroundCloud) -> None:
        code = """
import os, pathlib, subprocess
folder = pathlib.Path("packages")
folder.mkdir()
(folder / "json.py").write_text("raise ImportError('of the job')")
os.environ["PYTHONPATH"] = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
subprocess.run(["gcloud", "version"], check=True)
"""
        cloud.run(cloud.backend.submit_job(TrainingSpec("1", (), MODULE, args=(code,), service=Service.VERTEX_AI)))
        job = cloud.run(cloud.backend.wait_for_job("1", timeout=100))
        assert job.state is JobState.SUCCEEDED, job.error_message

    def test_tuning_jobs(self, environ: dict[str, str], tmp_path: Path) -> None:
        """The package is missing, so that each trial fails: what gcloud sends and shows is the same."""
        config = tmp_path / "hyperparam.yaml"
        config.write_text(HYPERPARAMETERS)
        submit = "ai-platform jobs submit training tuned --module-name=trainer.task --packages=gs://none/a.tar.gz"
        self.run(environ, f"{submit} --region={REGION} --job-dir=gs://none/out --config={config}")
        found = json.loads(self.run(environ, "ai-platform jobs describe tuned --format=json")[0])
        assert found["trainingInput"]["hyperparameters"]["params"][0]["scaleType"] == "UNIT_LOG_SCALE"
        assert found["trainingOutput"]["isHyperparameterTuningJob"] is True
        config.write_text(STUDY)
        create = f"ai hp-tuning-jobs create --region={REGION} --display-name=tuned --config={config}"
        _, said = self.run(environ, create)
        assert re.search(r"Hyperparameter tuning job \[\d+\] submitted successfully\.", said)
        listed = self.run(
            environ, f"ai hp-tuning-jobs list --region={REGION} --format=value(displayName,maxTrialCount)"
        )
        assert listed[0].split() == ["tuned", "1"]

    def test_what_is_not_emulated_is_refused_at_once_and_in_words(self, environ: dict[str, str]) -> None:
        """gcloud repeats 5xx for half a minute, then speaks of the network."""
        self.run(environ, "storage buckets create gs://bucket-of-mine --uniform-bucket-level-access")
        began = time.monotonic()
        _, said = self.run(environ, "storage managed-folders create gs://bucket-of-mine/folder", status=1)
        assert "storage.managedFolders.insert is not emulated" in said
        assert time.monotonic() - began < 25

    def test_a_public_bucket(self, environ: dict[str, str], tmp_path: Path) -> None:
        self.run(environ, f"storage cp gs://cloud-samples-data/* {tmp_path}")
        assert (tmp_path / "a.csv").read_text() == "1,2\n"
        _, said = self.run(environ, f"storage cp {tmp_path}/a.csv gs://cloud-samples-data/b.csv", status=1)
        assert "may be read only" in said
