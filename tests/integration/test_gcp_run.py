"""``python -m cloud.run --backend gcp`` as a process, with a local cloud in place of Google."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.lifecycle import JobState
from cloud.server.thread import BackgroundCloud
from cloud.settings import LauncherKind, Settings, inherited_environ
from cloud.testing.contract.probes import trainer

PROJECT = "gcp-run-project"
GCP = ("--backend", "gcp", "--project", PROJECT)


def start(*flags: str, cwd: Path, environ: dict[str, str] | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "cloud.run", *flags],
        cwd=cwd,
        env=inherited_environ() | (environ or {}) | {"PYTHONPATH": ":".join(sys.path)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def run(*flags: str, cwd: Path, environ: dict[str, str] | None = None) -> tuple[int, str]:
    process = start(*flags, cwd=cwd, environ=environ)
    output, _ = process.communicate(timeout=100)
    return process.returncode, output


@pytest.fixture(scope="module")
def cloud() -> Iterator[BackgroundCloud]:
    with BackgroundCloud(Settings(project=PROJECT, launcher=LauncherKind.COLD, cancel_grace_seconds=0.5)) as cloud:
        yield cloud


@pytest.fixture
def sleeper(tmp_path: Path) -> tuple[str, ...]:
    """Flags of a trainer that waits."""
    source = trainer(tmp_path, "import signal; print('in the middle', flush=True); signal.pause()")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x").write_text("1")
    return "--package-path", str(source), "--module", "probe.task", "--data-dir", "data"


def start_until_training(
    cloud: BackgroundCloud, flags: tuple[str, ...], folder: Path
) -> tuple[subprocess.Popen[str], str]:
    """A run whose job is training, and its name."""
    process = start(*GCP, *flags, cwd=folder, environ=cloud.environ)
    name, seen = "", ""
    for line in process.stdout:
        seen += line
        if line.startswith("This run is called "):
            name = line.split()[4].rstrip(".")
        if "in the middle" in line:
            return process, name
    raise AssertionError(seen)


async def test_preflight_reports_findings_and_creates_nothing(cloud, sleeper, tmp_path):
    status, output = run(*GCP, *sleeper, "--preflight", cwd=tmp_path, environ=cloud.environ)
    assert status == 0, output
    assert "pass    credentials: are good" in output
    assert "pass    package: probe.task in" in output
    assert f"pass    project: {PROJECT}" in output
    assert "pass    project permissions" in output
    assert "pass    APIs: aiplatform.googleapis.com," in output
    assert "are enabled" in output
    assert await cloud.backend.list_buckets() == []


async def test_an_interrupt_leaves_nothing(cloud, sleeper, tmp_path):
    process, name = start_until_training(cloud, (*sleeper, "--report", "report.json"), tmp_path)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert json.loads((tmp_path / "report.json").read_text())["job"] == {
        **json.loads((tmp_path / "report.json").read_text())["job"],
        "id": name,
        "state": "CANCELLED",
    }
    assert await cloud.backend.list_buckets() == []


async def test_resources_left_by_a_crash_are_removed(cloud, sleeper, tmp_path):
    process, name = start_until_training(cloud, sleeper, tmp_path)
    process.kill()
    process.communicate(timeout=60)
    assert [bucket.name for bucket in await cloud.backend.list_buckets()] == [f"{PROJECT}-ml"]
    status, output = run("cleanup", "--project", PROJECT, "--run", name, cwd=tmp_path, environ=cloud.environ)
    assert status == 0, output
    assert output.splitlines() == [
        f"removed job {name}",
        f"removed objects gs://{PROJECT}-ml",
        f"removed bucket gs://{PROJECT}-ml",
    ]
    assert (await cloud.backend.list_jobs())[0].state is JobState.CANCELLED
    status, output = run("cleanup", "--project", PROJECT, "--run", name, cwd=tmp_path, environ=cloud.environ)
    assert (status, output) == (0, "removed nothing\n")


@pytest.mark.parametrize("service", ["vertex-ai", "ml-engine"])
def test_a_dry_run_needs_neither_network_nor_credentials(tmp_path, service):
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    status, output = run(*GCP, "--service", service, "--dry-run=json", cwd=tmp_path, environ=nowhere)
    assert status == 0, output
    requests = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    created = [request for request in requests if request["method"] == "POST"]
    job = "customJobs" if service == "vertex-ai" else "/jobs"
    assert [request["body"] for request in created if request["url"].endswith(job)]
    # Everything created is removed: the bucket is the first and the last.
    assert created[0]["url"] == f"https://storage.googleapis.com/storage/v1/b?project={PROJECT}"
    assert requests[-1] == {"method": "DELETE", "url": f"https://storage.googleapis.com/storage/v1/b/{PROJECT}-ml"}


def test_a_dry_run_as_commands(tmp_path):
    status, output = run(*GCP, "--dry-run", cwd=tmp_path)
    assert status == 0, output
    for bill in (
        "1 x n1-standard-4, boot disk included, from its start to its end, 7 days at most",
        "1 x n1-standard-2, ",
    ):
        assert bill in output
    commands = [line for line in output.splitlines() if line.startswith("curl ")]
    assert len(commands) == 66
    assert "Authorization: Bearer $(gcloud auth application-default print-access-token)" in commands[0]
    (deploy,) = [command for command in commands if ":deployModel" in command]
    assert '"trafficSplit": {"0": 100}' in deploy


@pytest.mark.parametrize(
    ("service", "kind", "expected"),
    [
        ("vertex-ai", "--tune", "/hyperparameterTuningJobs"),
        ("vertex-ai", "--batch", "/batchPredictionJobs"),
        ("ml-engine", "--tune", "hyperparameters"),
        ("ml-engine", "--batch", "predictionInput"),
    ],
)
def test_a_dry_run_has_jobs_of_every_kind(service, kind, expected, tmp_path):
    status, output = run(*GCP, "--service", service, kind, "--dry-run=json", cwd=tmp_path)
    assert status == 0, output
    requests = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    created = [request for request in requests if request["method"] == "POST"]
    assert any(expected in request["url"] or expected in json.dumps(request.get("body", {})) for request in created)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--backend", "gcp"], "--backend gcp needs a project"),
        ([*GCP, "--state", "x"], "--state: is not for --backend gcp"),
        ([*GCP, "--service", "ml-engine", "--image", "x"], "--image is for --service vertex-ai"),
        ([*GCP, "--dry-run", "--preflight"], "--preflight: sends requests to Google"),
        (["--preflight"], "--preflight: is not for --backend local"),
        (["cleanup"], "Usage: python -m cloud.run cleanup"),
        (["cleanup", "--project", PROJECT, "--run", "not-an-id"], "A name should start with a letter"),
    ],
    ids=str,
)
def test_a_mistake_is_one_clear_line(tmp_path, flags, expected):
    status, output = run(*flags, cwd=tmp_path)
    assert status == 2
    assert expected in " ".join(output.split())
    assert "Traceback" not in output
