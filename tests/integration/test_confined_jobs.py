"""What goes on working in a confined job, with both launchers and both services."""

import json
import os
import platform
import sys
import venv
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from cloud.engine.confinement.layers import probe
from cloud.engine.project.identities import custom_code_agent
from cloud.engine.runtimes.python_code import MODULE
from cloud.lifecycle import JobState
from cloud.resources import Job, ScaleTier, Service, TrainingSpec
from cloud.resources.log_entries import Severity
from cloud.resources.pool_programs import PoolProgram
from cloud.serve import LocalCloud
from cloud.settings import ConfineMode, LauncherKind, ServiceAgents, Settings
from cloud.testing.contract.base import TIMEOUT, Contract
from integration.confined_programs import DENIED, DISTRIBUTED, LOCAL, LOGGING, OVER_GRPC, TENSORFLOW

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(
        not all(layer.is_held for layer in (probe().files, probe().signals, probe().network)),
        reason="this machine cannot confine processes in every way",
    ),
]
contract = Contract()


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=list(LauncherKind))
async def cloud(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalCloud]:
    readable = tmp_path_factory.mktemp("readable")
    (readable / "data.csv").write_text("1,2\n")
    settings = Settings(
        launcher=request.param,
        confine=ConfineMode.REQUIRE,
        job_reads=(readable,),
        cancel_grace_seconds=0.5,
        concurrent_jobs=1,
    )
    async with LocalCloud(settings, service_agents=ServiceAgents.BARE) as cloud:
        yield cloud


async def run(cloud: LocalCloud, job_id: str, code: str, *args: str) -> tuple[Job, list[str]]:
    """Run ``code`` as a job of Vertex AI; also the lines that it wrote."""
    spec = TrainingSpec(job_id, (), MODULE, args=(code, *args), service=Service.VERTEX_AI)
    job = await cloud.backend.wait_for_job((await cloud.backend.submit_job(spec)).job_id, timeout=TIMEOUT)
    return job, await contract.output(cloud.backend, job)


async def test_files_pip_processes_and_refusals(cloud: LocalCloud) -> None:
    job, lines = await run(cloud, "1", LOCAL)
    assert job.state is JobState.SUCCEEDED, "\n".join(lines)
    assert [line for line in lines if line in ("files", "installed", "processes", "offline")] == [
        *("files", "installed", "processes"),
        *["offline"] * 3,
    ]
    assert "Successfully installed tiny-1.0" in lines
    entries = await contract.log(cloud.backend, job)
    refused = "refused: example.com:443 is not one of Google's APIs, and this cloud is offline"
    assert [(entry.task_name, entry.message) for entry in entries if entry.severity is Severity.WARNING] == [
        ("service", refused)  # three times, within a minute
    ]


async def test_tensorflow_writes_to_a_bucket(cloud: LocalCloud, tmp_path: Path) -> None:
    bucket = await contract.open_bucket(cloud.backend)
    job = await contract.train(cloud.backend, bucket, tmp_path, TENSORFLOW, f"gs://{bucket}/run")
    lines = await contract.output(cloud.backend, job)
    assert job.state is JobState.SUCCEEDED, "\n".join(lines)
    assert {"tf.data service", "exported ['checkpoint', 'export', 'logs']"} <= set(lines)
    assert any(line.startswith("data server: it trusts no certificates but its own") for line in lines)
    errors = [entry for entry in await contract.log(cloud.backend, job) if entry.severity is Severity.ERROR]
    assert [entry.message for entry in errors if "cuInit" in entry.message] == []


async def test_replicas_reach_each_other(cloud: LocalCloud, tmp_path: Path) -> None:
    bucket = await contract.open_bucket(cloud.backend)
    job = await contract.train(
        cloud.backend, bucket, tmp_path, DISTRIBUTED, scale_tier=ScaleTier.CUSTOM, worker_count=1
    )
    lines = await contract.output(cloud.backend, job)
    assert job.state is JobState.SUCCEEDED, "\n".join(lines)
    assert lines.count("of both 3.0") == 2


async def test_a_denied_permission_and_a_missing_bucket_are_in_the_log_of_the_job(cloud: LocalCloud) -> None:
    await cloud.backend.create_bucket("closed")
    job, _ = await run(cloud, "2", DENIED)
    assert job.state is JobState.FAILED
    entries = await contract.log(cloud.backend, job)
    account = custom_code_agent(cloud.settings.project).email
    *missing, warning = [entry.message for entry in entries if entry.severity is Severity.WARNING]
    absent = "The specified bucket does not exist: 'none'"
    assert missing == [absent, f"{absent}, 2 times"]
    denied = f"GET storage.googleapis.com/storage/v1/b/closed/o: {account} does not have storage.objects.list access"
    assert warning.startswith(denied)


async def test_what_a_program_writes_with_google_cloud_logging(cloud: LocalCloud) -> None:
    job, lines = await run(cloud, "21", LOGGING)
    assert job.state is JobState.SUCCEEDED, "\n".join(lines)
    entries = [(entry.severity.value, entry.message) for entry in await contract.log(cloud.backend, job)]
    for expected in (("WARNING", "by a handler"), ("NOTICE", "by a logger")):
        assert entries.count(expected) == 2


async def test_the_same_over_grpc(cloud: LocalCloud) -> None:
    job, lines = await run(cloud, "20", OVER_GRPC)
    assert (job.state, "refused PERMISSION_DENIED" in lines) == (JobState.SUCCEEDED, True), "\n".join(lines)
    entries = await contract.log(cloud.backend, job)
    [warning] = [entry.message for entry in entries if entry.severity is Severity.WARNING]
    assert warning.startswith("GET us-central1-aiplatform.googleapis.com/v1/projects/local-project/locations/")


async def test_a_folder_that_jobs_may_read_and_the_hint_for_one_that_they_may_not(
    cloud: LocalCloud, tmp_path: Path
) -> None:
    [readable] = cloud.settings.job_reads
    job, lines = await run(cloud, "3", f"print(open({str(readable / 'data.csv')!r}).read().strip())")
    assert (job.state, "1,2" in lines) == (JobState.SUCCEEDED, True)
    (tmp_path / "data.csv").write_text("1,2\n")
    job, _ = await run(cloud, "4", f"open({str(tmp_path / 'data.csv')!r})")
    assert job.state is JobState.FAILED
    assert f"{tmp_path / 'data.csv'} is a file of this machine" in job.error_message
    assert "--job-reads" in job.error_message
    job, _ = await run(cloud, "5", f"open({str(readable / 'new')!r}, 'w')")
    assert job.state is JobState.FAILED


async def test_a_job_in_another_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = tmp_path / f"tf2.15-py{sys.version_info[0]}.{sys.version_info[1]}"
    monkeypatch.setenv("CLOUD_RUNTIMES", str(tmp_path))
    venv.create(runtime, symlinks=True)
    about = {"name": "tf2.15", "python": platform.python_version(), "description": "TensorFlow 2.15"}
    (runtime / "runtime.json").write_text(json.dumps(about))
    code = "import ssl, sqlite3, sys; print(sys.prefix)"
    async with LocalCloud(Settings(launcher=LauncherKind.COLD, confine=ConfineMode.REQUIRE)) as cloud:
        bucket = await contract.open_bucket(cloud.backend)
        job = await contract.train(cloud.backend, bucket, tmp_path, code, runtime_version="2.15")
        lines = await contract.output(cloud.backend, job)
    assert job.state is JobState.SUCCEEDED, "\n".join(lines)
    assert str(runtime) in lines


def namespaces() -> list[str]:
    """Those that this process has open."""
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            target = os.readlink(f"/proc/self/fd/{descriptor}")
            found += [target] if target.startswith(("net:", "user:")) else []
    return sorted(found)


POOL_SAYS = """
import json, os, pathlib, time
print("{name}", os.environ.get("ROLE"), json.loads(os.environ["CLUSTER_SPEC"])["task"]["type"], flush=True)
helped = pathlib.Path(os.environ["TMPDIR"], "helped")
{then}
"""


async def test_worker_pools_run_programs_of_their_own(cloud: LocalCloud) -> None:
    worker = POOL_SAYS.format(name="worker", then="helped.touch()")
    chief = POOL_SAYS.format(name="chief", then="while not helped.exists(): time.sleep(0.05)")
    spec = TrainingSpec(
        "30",
        (),
        MODULE,
        args=(chief,),
        scale_tier=ScaleTier.CUSTOM,
        worker_count=1,
        service=Service.VERTEX_AI,
        programs=(PoolProgram(1, (), MODULE, args=(worker,), env={"ROLE": "helps"}),),
    )
    job = await cloud.backend.wait_for_job((await cloud.backend.submit_job(spec)).job_id, timeout=TIMEOUT)
    lines = {entry.message for entry in await contract.log(cloud.backend, job)}
    assert job.state is JobState.SUCCEEDED, lines
    assert {"chief None workerpool0", "worker helps workerpool1"} <= lines
    assert job.spec == spec


async def test_a_network_ends_with_its_job_however_that_ends(cloud: LocalCloud) -> None:
    before = namespaces()
    job = await cloud.backend.submit_job(
        TrainingSpec(
            "6", (), MODULE, args=("print('waiting'); import time; time.sleep(60)",), service=Service.VERTEX_AI
        )
    )
    async for entry in cloud.backend.follow_logs(job.job_id):
        if entry.message == "waiting":
            assert len(namespaces()) == len(before) + 2
            await cloud.backend.cancel_job(job.job_id)
    assert (await cloud.backend.get_job(job.job_id)).state is JobState.CANCELLED
    job, _ = await run(cloud, "7", "raise SystemExit(3)")
    assert job.state is JobState.FAILED
    assert namespaces() == before
