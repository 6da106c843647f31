"""What goes on working in a confined job, with both launchers and both services."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from cloud.engine.confinement.layers import probe
from cloud.engine.runtimes.python_code import MODULE
from cloud.lifecycle import JobState
from cloud.resources import Job, ScaleTier, Service, Severity, TrainingSpec
from cloud.serve import LocalCloud
from cloud.settings import ConfineMode, LauncherKind, ServiceAgents, Settings
from cloud.testing.contract.base import TIMEOUT, Contract
from integration.confined_programs import DENIED, DISTRIBUTED, LOCAL, TENSORFLOW

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
    refused = "refused: example.com:443 is not emulated here"
    assert [(entry.task_name, entry.message) for entry in entries if entry.severity is Severity.WARNING] == [
        ("service", refused),
        ("service", f"{refused}, 2 times"),
    ]


async def test_tensorflow_writes_to_a_bucket(cloud: LocalCloud, tmp_path: Path) -> None:
    bucket = await contract.open_bucket(cloud.backend)
    job = await contract.train(cloud.backend, bucket, tmp_path, TENSORFLOW, f"gs://{bucket}/run")
    lines = await contract.output(cloud.backend, job)
    assert job.state is JobState.SUCCEEDED, "\n".join(lines)
    assert {"tf.data service", "exported ['checkpoint', 'export', 'logs']"} <= set(lines)


async def test_replicas_reach_each_other(cloud: LocalCloud, tmp_path: Path) -> None:
    bucket = await contract.open_bucket(cloud.backend)
    job = await contract.train(
        cloud.backend, bucket, tmp_path, DISTRIBUTED, scale_tier=ScaleTier.CUSTOM, worker_count=1
    )
    lines = await contract.output(cloud.backend, job)
    assert job.state is JobState.SUCCEEDED, "\n".join(lines)
    assert lines.count("of both 3.0") == 2


async def test_a_denied_permission_is_in_the_log_of_the_job(cloud: LocalCloud) -> None:
    await cloud.backend.create_bucket("closed")
    job, _ = await run(cloud, "2", DENIED)
    assert job.state is JobState.FAILED
    entries = await contract.log(cloud.backend, job)
    account = await cloud.backend.ml_service_account()
    [warning] = [entry.message for entry in entries if entry.severity is Severity.WARNING]
    denied = f"GET storage.googleapis.com/storage/v1/b/closed/o: {account} does not have storage.objects.list access"
    assert warning.startswith(denied)


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
