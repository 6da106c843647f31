"""The same run on four backends: local, ML Engine, Vertex AI with Google's images, and with custom images by the
command line. One cloud, so that TensorFlow is loaded once."""

import asyncio
import json
import subprocess
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from cloud.backends.base import Backend
from cloud.lifecycle import JobState
from cloud.resources import TransferProgress
from cloud.resources.log_entries import LogEntry
from cloud.serve import LocalCloud
from cloud.settings import Settings, inherited_environ
from cloud.workflow import taxifare
from cloud.workflow.plan import Plan
from cloud.workflow.report import Report
from cloud.workflow.steps import Workflow
from integration.google_clouds import make_account, open_backend

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]


class RecordingObserver:
    """An ``Observer`` that records the service's log messages."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def step_started(self, name: str, title: str) -> None: ...
    def step_finished(self, name: str, seconds: float, detail: str) -> None: ...
    def step_failed(self, name: str, seconds: float) -> None: ...
    def transferred(self, progress: TransferProgress) -> None: ...
    def trained(self, steps_done: int, steps_total: int) -> None: ...

    def logged(self, entry: LogEntry) -> None:
        # A Vertex AI job names an image, hence a version, and logs that it runs in another one.
        if entry.task_name == "service" and "runtime version" not in entry.message:
            self.messages.append(entry.message)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("backends") / "data"
    command = [sys.executable, "-m", "trainer.sample_data", "--rows", "600", "--seed", "3", str(folder)]
    subprocess.run(command, check=True, capture_output=True, cwd=taxifare.package_path().parent)
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cloud() -> AsyncIterator[LocalCloud]:
    async with LocalCloud(Settings(project="same-results")) as cloud:
        yield cloud
        assert await cloud.backend.list_models() == []
        assert await cloud.backend.list_buckets() == []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reports(cloud: LocalCloud, data: Path) -> dict[str, tuple[Report, list[str]]]:
    account = await make_account(cloud)
    backends: dict[str, Backend] = {
        "local": cloud.backend,
        "ml-engine": await open_backend(cloud, "ml-engine"),
        "vertex-ai": await open_backend(cloud, "vertex-ai", service_account=account),
    }
    found = {}
    for name, backend in backends.items():
        found[name] = await execute(backend, data, f"run_{name.replace('-', '_')}")
        if name != "local":
            await backend.close()
    return found


async def return_folder(folder: Path) -> Path:
    return folder


async def execute(backend: Backend, data: Path, job_id: str) -> tuple[Report, list[str]]:
    plan = Plan(
        bucket="same-results-ml",
        data=partial(return_folder, data),
        package_path=taxifare.package_path(),
        module=taxifare.MODULE,
        args=taxifare.trainer_arguments(20),
        job_id=job_id,
        model=taxifare.MODEL,
        is_taxifare=True,
    )
    observer = RecordingObserver()
    async with Workflow(backend, plan, observer) as workflow:
        await workflow.run()
    return workflow.report, [message.replace(job_id, "JOB") for message in observer.messages]


async def test_the_jobs_state_and_service_messages_are_the_same(reports):
    states = {name: report.job.state for name, (report, _) in reports.items()}
    assert set(states.values()) == {JobState.SUCCEEDED}
    local = reports["local"][1]
    assert [messages for _, messages in reports.values()] == [local] * 3


async def test_the_evaluation_is_the_same(reports):
    scores = [report.rmse for report, _ in reports.values()]
    assert scores == pytest.approx([scores[0]] * 3, abs=1e-6)


async def test_predictions_are_the_same(reports):
    fares = {
        name: [taxifare.predicted_fare(answer) for _, answer in report.predictions]
        for name, (report, _) in reports.items()
    }
    assert len(fares["local"]) == 3
    for name in ("ml-engine", "vertex-ai"):
        assert fares[name] == pytest.approx(fares["local"], abs=1e-6)


async def test_custom_images_by_the_command_line_give_the_same_results(cloud, data, reports, tmp_path):
    flags = {
        "--project": "same-results",
        "--image": "gcr.io/me/serving:1",
        "--training-image": "gcr.io/me/training:1",
        "--data-dir": data,
        "--train-steps": "20",
        "--report": tmp_path / "report.json",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cloud.run", "--backend", "gcp", *(word for flag in flags.items() for word in flag)),
        env=inherited_environ() | await cloud.owner_environ() | {"PYTHONPATH": ":".join(sys.path)},
        cwd=tmp_path,
        stdout=PIPE,
        stderr=STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    # The job ran the program of docker/training.Dockerfile, which started the trainer.
    jobs = await cloud.backend.list_jobs()
    (job,) = [job for job in jobs if job.training.python_module == "cloud.containers.training"]
    log = [entry.message for entry in await cloud.backend.read_logs(job.job_id)]
    assert any(line.startswith(f"Running command: python3 -m {taxifare.MODULE} ") for line in log)
    found, (local, _) = json.loads((tmp_path / "report.json").read_text()), reports["local"]
    assert found["job"]["state"] == "SUCCEEDED"
    assert found["metrics"]["rmse"] == pytest.approx(local.rmse, abs=1e-6)
    fares = [taxifare.predicted_fare(one["prediction"]) for one in found["predictions"]]
    assert fares == pytest.approx([taxifare.predicted_fare(answer) for _, answer in local.predictions], abs=1e-6)
