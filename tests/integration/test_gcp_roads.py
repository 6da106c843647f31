"""The same run by four roads: this machine, ML Engine, Vertex AI with Google's images, and with one's own by the
command. One cloud, so that TensorFlow is loaded once."""

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
from cloud.resources import LogEntry, TransferProgress
from cloud.serve import LocalCloud
from cloud.settings import Settings, inherited_environ
from cloud.workflow import taxifare
from cloud.workflow.steps import Plan, Report, Workflow
from integration.google_clouds import reached

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]


class Watching:
    """An ``Observer`` who remembers what the service said."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def step_started(self, name: str, title: str) -> None: ...
    def step_finished(self, name: str, seconds: float, detail: str) -> None: ...
    def step_failed(self, name: str, seconds: float) -> None: ...
    def transferred(self, progress: TransferProgress) -> None: ...
    def trained(self, steps_done: int, steps_total: int) -> None: ...

    def logged(self, entry: LogEntry) -> None:
        # A Vertex AI job names an image, hence a version, and is told that it runs in another.
        if entry.task_name == "service" and "runtime version" not in entry.message:
            self.messages.append(entry.message)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("roads") / "data"
    command = [sys.executable, "-m", "trainer.sample_data", "--rows", "600", "--seed", "3", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cloud() -> AsyncIterator[LocalCloud]:
    async with LocalCloud(Settings(project="three-roads")) as cloud:
        yield cloud
        assert await cloud.backend.list_models() == []
        assert await cloud.backend.list_buckets() == []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reports(cloud: LocalCloud, data: Path) -> dict[str, tuple[Report, list[str]]]:
    account = await cloud.backend.ml_service_account()
    roads: dict[str, Backend] = {
        "local": cloud.backend,
        "ml-engine": await reached(cloud, "ml-engine"),
        "vertex-ai": await reached(cloud, "vertex-ai", service_account=account),
    }
    found = {}
    for name, backend in roads.items():
        found[name] = await take(backend, data, f"run_{name.replace('-', '_')}")
        if name != "local":
            await backend.close()
    return found


async def given(folder: Path) -> Path:
    return folder


async def take(backend: Backend, data: Path, job_id: str) -> tuple[Report, list[str]]:
    plan = Plan(
        bucket="three-roads-ml",
        data=partial(given, data),
        package_path=taxifare.package_path(),
        module=taxifare.MODULE,
        args=taxifare.trainer_arguments(20),
        job_id=job_id,
        model=taxifare.MODEL,
        is_taxifare=True,
    )
    watching = Watching()
    async with Workflow(backend, plan, watching) as workflow:
        await workflow.run()
    return workflow.report, [message.replace(job_id, "JOB") for message in watching.messages]


async def test_the_job_ends_alike_and_its_service_says_the_same(reports):
    states = {name: report.job.state for name, (report, _) in reports.items()}
    assert set(states.values()) == {JobState.SUCCEEDED}
    local = reports["local"][1]
    assert [said for _, said in reports.values()] == [local] * 3


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


async def test_ones_own_images_by_the_command_do_the_same(cloud, data, reports, tmp_path):
    flags = {
        "--project": "three-roads",
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
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    # What ran is what docker/training.Dockerfile starts, and that started the trainer.
    jobs = await cloud.backend.list_jobs()
    (job,) = [job for job in jobs if job.training.python_module == "cloud.containers.training"]
    log = [entry.message for entry in await cloud.backend.read_logs(job.job_id)]
    assert any(line.startswith(f"Running command: python3 -m {taxifare.MODULE} ") for line in log)
    found, (local, _) = json.loads((tmp_path / "report.json").read_text()), reports["local"]
    assert found["job"]["state"] == "SUCCEEDED"
    assert found["metrics"]["rmse"] == pytest.approx(local.rmse, abs=1e-6)
    fares = [taxifare.predicted_fare(one["prediction"]) for one in found["predictions"]]
    assert fares == pytest.approx([taxifare.predicted_fare(answer) for _, answer in local.predictions], abs=1e-6)
