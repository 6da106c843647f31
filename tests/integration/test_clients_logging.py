"""Unmodified clients read a job's log from Cloud Logging: Google's Python client, and gcloud if it is installed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.names import GsUri
from cloud.resources import Access, TrainingSpec
from cloud.server.thread import BackgroundCloud
from cloud.settings import LauncherKind, Settings, inherited_environ
from cloud.testing.contract.probes import trainer

CLIENT = """
import sys
from googleapiclient import discovery
logging = discovery.build("logging", "v2", cache_discovery=False)
body = {"resourceNames": ["projects/lab-project"], "filter": sys.argv[1], "pageSize": 5}
request = logging.entries().list(body=body)
while True:
    answer = request.execute()
    for entry in answer.get("entries", []):
        text = entry.get("textPayload") or entry["jsonPayload"]["message"]
        print(entry["severity"], entry["resource"]["labels"]["task_name"], text)
    if "nextPageToken" not in answer:
        break
    request = logging.entries().list(body=body | {"pageToken": answer["nextPageToken"]})
"""
GRPC_CLIENT = """
import sys
from google.cloud import logging
for entry in logging.Client().list_entries(filter_=sys.argv[1], page_size=5):
    text = entry.payload if isinstance(entry.payload, str) else entry.payload["message"]
    print(entry.severity, entry.resource.labels["task_name"], text)
"""
"""Its default transport."""
JOB = 'resource.type="ml_job" resource.labels.job_id="%s"'
LOG_LINES = [
    "INFO service Validating job requirements...",
    "INFO service Job creation request has been successfully validated.",
    "INFO service Job {id} is queued.",
    "INFO service Waiting for job to be provisioned.",
    "INFO service Waiting for training program to start.",
    "INFO master-replica-0 Running module probe.task.",
    "INFO master-replica-0 hello",
    "WARNING master-replica-0 WARNING: careful",
    "INFO master-replica-0 Module completed; cleaning up.",
    "INFO master-replica-0 Clean up finished.",
    "INFO service Finished tearing down training program.",
    "INFO service Job completed successfully.",
]
SOURCE = "import sys; print('hello', flush=True); print('WARNING: careful', file=sys.stderr)"


@pytest.fixture(scope="module")
def cloud() -> Iterator[BackgroundCloud]:
    settings = Settings(project="lab-project", launcher=LauncherKind.COLD, cancel_grace_seconds=0.5)
    with BackgroundCloud(settings) as cloud:
        cloud.run(cloud.backend.create_bucket("lab-bucket"))
        account = cloud.run(cloud.backend.ml_service_account())
        for access in Access:
            cloud.run(cloud.backend.grant("lab-bucket", account, access))
        yield cloud


@pytest.fixture
def environ(cloud: BackgroundCloud) -> dict[str, str]:
    # gcloud must not write to the user's home.
    return inherited_environ() | cloud.environ | {"HOME": str(cloud.state_dir)}


def submit(cloud: BackgroundCloud, folder: Path, job_id: str, source: str = SOURCE) -> None:
    package = cloud.run(cloud.backend.stage_package(trainer(folder, source), GsUri("lab-bucket", "staging")))
    cloud.run(cloud.backend.submit_job(TrainingSpec(job_id, (package,), "probe.task")))


def listed(environ: dict[str, str], filter_: str, program: str = CLIENT) -> list[str]:
    command = [sys.executable, "-c", program, filter_]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def expected_lines(job_id: str) -> list[str]:
    return [line.format(id=job_id) for line in LOG_LINES]


def test_a_whole_log_is_read_in_pages_by_googleapiclient_and_over_grpc(
    cloud: BackgroundCloud, environ: dict[str, str], tmp_path: Path
) -> None:
    submit(cloud, tmp_path, "whole")
    cloud.run(cloud.backend.wait_for_job("whole", timeout=60))
    lines = listed(environ, JOB % "whole")
    assert [line for line in lines if line in expected_lines("whole")] == expected_lines("whole")
    assert listed(environ, JOB % "whole", GRPC_CLIENT) == lines
    assert listed(environ, f"{JOB % 'whole'} severity>=WARNING") == ["WARNING master-replica-0 WARNING: careful"]


def test_the_log_of_a_running_job_can_be_read(cloud: BackgroundCloud, environ: dict[str, str], tmp_path: Path) -> None:
    async def until_it_runs() -> None:
        async for entry in cloud.backend.follow_logs("running"):
            if entry.message == "in the middle":
                return

    submit(cloud, tmp_path, "running", "import signal; print('in the middle', flush=True); signal.pause()")
    cloud.run(until_it_runs())
    lines = listed(environ, JOB % "running")
    cloud.run(cloud.backend.cancel_job("running"))
    assert lines[-1] == "INFO master-replica-0 in the middle"
    cloud.run(cloud.backend.wait_for_job("running", timeout=60))


@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
class TestGcloud:
    """The Cloud SDK's own commands."""

    def gcloud(self, environ: dict[str, str], *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["gcloud", *arguments], env=environ, cwd=cwd, capture_output=True, text=True, timeout=100, check=False
        )
        assert done.returncode == 0, done.stderr
        return done

    def test_submit_and_stream_logs(self, cloud: BackgroundCloud, environ: dict[str, str], tmp_path: Path) -> None:
        trainer(tmp_path, SOURCE)
        submitting = ["ai-platform", "jobs", "submit", "training", "streamed", "--region", "us-central1"]
        package = ["--module-name", "probe.task", "--package-path", "probe", "--staging-bucket", "gs://lab-bucket"]
        versions = ["--runtime-version", "2.11", "--python-version", "3.7"]
        done = self.gcloud(environ, *submitting, *package, *versions, cwd=tmp_path)
        assert "state: QUEUED" in done.stdout
        streaming = ["ai-platform", "jobs", "stream-logs", "streamed", "--polling-interval", "1"]
        rows = [line.split("\t") for line in self.gcloud(environ, *streaming, cwd=tmp_path).stdout.splitlines()]
        lines = [f"{row[0]} {row[2]} {row[4]}" for row in rows if len(row) == 5]
        assert [line for line in lines if line in expected_lines("streamed")] == expected_lines("streamed")
        described = self.gcloud(environ, "ai-platform", "jobs", "describe", "streamed", cwd=tmp_path)
        assert "state: SUCCEEDED" in described.stdout

    def test_logging_read(self, cloud: BackgroundCloud, environ: dict[str, str], tmp_path: Path) -> None:
        submit(cloud, tmp_path, "read")
        cloud.run(cloud.backend.wait_for_job("read", timeout=60))
        form = "value(jsonPayload.message)"
        done = self.gcloud(
            environ, "logging", "read", f"{JOB % 'read'} severity>=WARNING", "--format", form, cwd=tmp_path
        )
        assert done.stdout == "WARNING: careful\n"

    def test_buckets(self, environ: dict[str, str], tmp_path: Path) -> None:
        (tmp_path / "file.txt").write_text("some text")
        for command in (["buckets", "create", "gs://made-by-gcloud"], ["cp", "file.txt", "gs://made-by-gcloud/a/"]):
            self.gcloud(environ, "storage", *command, cwd=tmp_path)
        assert self.gcloud(environ, "storage", "cat", "gs://made-by-gcloud/a/*", cwd=tmp_path).stdout == "some text"

    def test_it_does_not_use_the_users_configuration(self, environ: dict[str, str], tmp_path: Path) -> None:
        done = self.gcloud(environ, "info", "--format", "value(config.paths.global_config_dir)", cwd=tmp_path)
        assert done.stdout.strip() == environ["CLOUDSDK_CONFIG"]
        assert os.stat(environ["CLOUDSDK_CONFIG"]).st_uid == os.getuid()
