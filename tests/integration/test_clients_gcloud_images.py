"""gcloud builds images and manages their repositories: a folder with a Dockerfile becomes an image without Docker.

What it needs is tested without it, too: unit/cloud/emulator/cloudbuild_v1, unit/cloud/emulator/artifactregistry_v1.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.server.thread import BackgroundCloud
from cloud.settings import LauncherKind, Settings, inherited_environ

PROJECT, REGION = "lab-project", "europe-west4"
REPOSITORY = f"{REGION}-docker.pkg.dev/{PROJECT}/training"
IMAGE = f"{REPOSITORY}/trainer"
DOCKERFILE = """
FROM python:3.10
WORKDIR /root
COPY trainer /root/trainer
ENTRYPOINT ["python", "-m", "trainer.task"]
"""
CONFIG = """
steps:
- name: gcr.io/cloud-builders/docker
  entrypoint: bash
  args: ['-c', 'docker pull ${_IMAGE}:cache || exit 0']
- name: gcr.io/cloud-builders/docker
  id: build
  args: [build, -t, '$_IMAGE:$_TAG', --cache-from, '$_IMAGE:cache', --build-arg, 'ID=$BUILD_ID', .]
- name: gcr.io/cloud-builders/docker
  args: [push, '$_IMAGE:$_TAG']
- name: gcr.io/kaniko-project/executor:latest
  args: [--destination=gcr.io/$PROJECT_ID/by-kaniko, --cache=true]
images: ['$_IMAGE:$_TAG']
substitutions: {_TAG: v1}
tags: [mine]
timeout: 300s
"""


@pytest.fixture(scope="module")
def cloud() -> Iterator[BackgroundCloud]:
    with BackgroundCloud(Settings(project=PROJECT, region=REGION, launcher=LauncherKind.COLD)) as cloud:
        yield cloud


@pytest.fixture
def environ(cloud: BackgroundCloud) -> dict[str, str]:
    return inherited_environ() | cloud.environ | {"HOME": str(cloud.state_dir)}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    (folder / "trainer").mkdir(parents=True)
    (folder / "trainer" / "task.py").write_text("print('trained')\n")
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "cloudbuild.yaml").write_text(CONFIG)
    return folder


@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
class TestGcloud:
    def run(self, environ: dict[str, str], command: str, *, status: int = 0) -> tuple[str, str]:
        done = subprocess.run(
            ["gcloud", *command.split(), "--quiet"],
            env=environ,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout.strip(), done.stderr

    def test_from_a_folder_to_an_image_in_a_repository(self, environ: dict[str, str], source: Path) -> None:
        self.run(environ, "services enable cloudbuild.googleapis.com artifactregistry.googleapis.com")
        create = f"artifacts repositories create training --repository-format=docker --location={REGION}"
        assert "Created repository [training]." in self.run(environ, create)[1]
        log, _ = self.run(environ, f"builds submit --region={REGION} --tag {IMAGE}:v1 {source} --timeout=10m")
        assert "Step 3/4 : COPY trainer /root/trainer" in log
        assert f"\nPUSH\nPushing {IMAGE}:v1\n" in log
        assert "\nDONE\n" in log
        listed, _ = self.run(environ, f"builds list --region={REGION} --format=value(id,status,images)")
        build, state, image = listed.split()
        assert (state, image) == ("SUCCESS", f"{IMAGE}:v1")
        described = json.loads(self.run(environ, f"builds describe {build} --region={REGION} --format=json")[0])
        digest = described["results"]["images"][0]["digest"]
        assert (
            log.partition("starting build")[2].partition("DONE")[0]
            in self.run(environ, f"builds log {build} --region={REGION}")[0]
        )
        found, _ = self.run(environ, f"artifacts docker images list {REPOSITORY} --include-tags --format=json")
        assert [(one["package"], one["version"], one["tags"]) for one in json.loads(found)] == [(IMAGE, digest, ["v1"])]
        assert "training" in self.run(environ, "artifacts repositories list --format=value(name)")[0]
        tags, _ = self.run(environ, f"artifacts docker tags list {IMAGE} --format=value(tag,version)")
        assert tags.split()[0].endswith("v1")
        self.run(environ, f"auth configure-docker {REGION}-docker.pkg.dev")
        assert "delete" in self.run(environ, f"artifacts docker images delete {IMAGE}:v1 --delete-tags")[1].lower()
        assert self.run(environ, f"artifacts docker images list {REPOSITORY} --format=value(version)")[0] == ""
        self.run(environ, f"artifacts repositories delete training --location={REGION}")
        self.run(environ, f"artifacts repositories describe training --location={REGION}", status=1)

    def test_a_configuration_with_substitutions(self, environ: dict[str, str], source: Path) -> None:
        self.run(environ, f"artifacts repositories create pipes --repository-format=docker --location={REGION}")
        image = f"{REGION}-docker.pkg.dev/{PROJECT}/pipes/trainer"
        submit = f"builds submit {source} --config={source}/cloudbuild.yaml --machine-type=e2-highcpu-8"
        log, _ = self.run(environ, f"{submit} --substitutions=_IMAGE={image}")
        assert f"Step #0: Error response from daemon: manifest for {image}:cache not found" in log
        assert 'Step #1 - "build": Successfully tagged' in log
        assert "Finished Step #3" in log
        described = json.loads(self.run(environ, "builds list --filter=tags=mine --format=json")[0])[0]
        assert (described["status"], described["timeout"]) == ("SUCCESS", "300s")
        assert described["results"]["images"][0]["name"] == f"{image}:v1"
        _, said = self.run(environ, submit, status=1)
        assert 'key in the template "_IMAGE" is not matched in the substitution data' in said
        listed, _ = self.run(environ, f"artifacts docker images list us-docker.pkg.dev/{PROJECT}/gcr.io")
        assert f"gcr.io/{PROJECT}/by-kaniko" in listed
        assert f"gcr.io/{PROJECT}/by-kaniko" in self.run(environ, "container images list")[0].split()
        listed, _ = self.run(environ, f"container images list-tags gcr.io/{PROJECT}/by-kaniko --format=value(tags)")
        assert listed == "latest"

    def test_a_build_that_fails_says_why(self, environ: dict[str, str], source: Path) -> None:
        log, said = self.run(environ, f"builds submit --tag {REPOSITORY[:-8]}none/x {source}", status=1)
        assert 'name unknown: Repository "none" not found' in log
        assert 'completed with status "FAILURE"' in said
        config = source / "other.yaml"
        config.write_text("steps: [{name: gcr.io/cloud-builders/gsutil, args: [ls]}]\n")
        log, _ = self.run(environ, f"builds submit --no-source --config={config}", status=1)
        assert "the builder 'gcr.io/cloud-builders/gsutil' is not run here" in log

    def test_an_asynchronous_build_can_be_waited_for_or_cancelled(self, environ: dict[str, str], source: Path) -> None:
        submit = f"builds submit --async --tag gcr.io/{PROJECT}/later {source} --format=value(id)"
        build, _ = self.run(environ, submit)
        assert re.fullmatch("[0-9a-f-]{36}", build)
        assert "DONE" in self.run(environ, f"builds log --stream {build}")[0]
        _, said = self.run(environ, f"builds cancel {build}", status=1)
        assert "it cannot be cancelled" in said
