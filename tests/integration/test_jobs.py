"""Failures of jobs that only the local cloud has: a full disk, a restart, a request to the internet."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from cloud.errors import InvalidArgument
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import ScaleTier, TrainingSpec
from cloud.resources.log_entries import Severity
from cloud.serve import LocalCloud
from cloud.settings import GpuQuota, LauncherKind, Settings
from cloud.testing.contract.base import TIMEOUT, Contract
from cloud.testing.contract.probes import trainer

IGNORED = """
class Kept:
    def __del__(self):
        raise TypeError("as the program ends")

kept = [Kept() for _ in range(20)]
raise ValueError("what happened")
"""
WAIT = "import signal; print('waiting', flush=True); signal.pause()"


@asynccontextmanager
async def local_cloud(state: Path, **changes: object) -> AsyncIterator[LocalCloud]:
    settings = Settings(state_dir=state, launcher=LauncherKind.COLD, cancel_grace_seconds=0.5, **changes)  # type: ignore[arg-type]
    async with LocalCloud(settings) as cloud:
        yield cloud


async def until_waiting(cloud: LocalCloud, job_id: str) -> None:
    async with asyncio.timeout(TIMEOUT):
        async for entry in cloud.backend.follow_logs(job_id):
            if entry.message == "waiting":
                return


async def test_a_job_whose_log_cannot_be_written_fails_for_that_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.testing.contract.base.unique_name", lambda word: f"{word}_full")
    logs = tmp_path / "state" / "jobs" / "logs"
    logs.mkdir(parents=True)
    (logs / "job_full.jsonl").symlink_to("/dev/full")
    async with local_cloud(tmp_path / "state") as cloud:
        bucket = await Contract().open_bucket(cloud.backend)
        job = await Contract().train(cloud.backend, bucket, tmp_path, WAIT)
        assert job.job_id == "job_full"
        assert job.state is JobState.FAILED
        assert "log could not be written" in job.error_message
        assert "No space left on device" in job.error_message


async def test_the_error_message_is_the_exception_that_ended_the_program(tmp_path: Path) -> None:
    async with local_cloud(tmp_path / "state") as cloud:
        bucket = await Contract().open_bucket(cloud.backend)
        job = await Contract().train(cloud.backend, bucket, tmp_path, IGNORED)
        assert job.error_message.endswith("ValueError: what happened")


async def test_folders_of_a_killed_servers_jobs_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "work" / "crashed"
    (folder / "packages").mkdir(parents=True)
    (folder / "packages").chmod(0o500)
    async with local_cloud(tmp_path / "state"):
        assert list((tmp_path / "state" / "work").iterdir()) == []


async def test_jobs_after_a_restart(tmp_path: Path) -> None:
    contract = Contract()
    async with local_cloud(tmp_path / "state", concurrent_jobs=1) as cloud:
        bucket = await contract.open_bucket(cloud.backend)
        running = await contract.submit(cloud.backend, bucket, tmp_path, WAIT)
        queued = await contract.submit(cloud.backend, bucket, tmp_path, "print('after the restart')")
        await until_waiting(cloud, running.job_id)
        assert (await cloud.backend.get_job(queued.job_id)).state is JobState.QUEUED
    async with local_cloud(tmp_path / "state") as cloud:
        lost = await cloud.backend.get_job(running.job_id)
        assert lost.state is JobState.FAILED
        assert "service was stopped" in lost.error_message
        job = await cloud.backend.wait_for_job(queued.job_id, timeout=TIMEOUT)
        assert job.state is JobState.SUCCEEDED, job.error_message
        assert "after the restart" in await contract.output(cloud.backend, job)
        assert "waiting" in await contract.output(cloud.backend, lost)


async def test_a_cancelled_queued_job_never_runs(tmp_path: Path) -> None:
    contract = Contract()
    async with local_cloud(tmp_path / "state", concurrent_jobs=1) as cloud:
        bucket = await contract.open_bucket(cloud.backend)
        first = await contract.submit(cloud.backend, bucket, tmp_path, WAIT)
        second = await contract.submit(cloud.backend, bucket, tmp_path, WAIT)
        await until_waiting(cloud, first.job_id)
        await cloud.backend.cancel_job(second.job_id)
        job = await cloud.backend.wait_for_job(second.job_id, timeout=TIMEOUT)
        assert job.state is JobState.CANCELLED
        assert job.start_time is None
        assert await contract.output(cloud.backend, job) == []
        await cloud.backend.cancel_job(first.job_id)
        await cloud.backend.wait_for_job(first.job_id, timeout=TIMEOUT)


async def test_a_request_to_the_internet_is_refused_and_reported(tmp_path: Path) -> None:
    source = """
        import urllib.request
        urllib.request.urlopen("https://example.com/data.csv")
    """
    contract = Contract()
    async with local_cloud(tmp_path / "state") as cloud:
        bucket = await contract.open_bucket(cloud.backend)
        job = await contract.train(cloud.backend, bucket, tmp_path, source)
        assert job.state is JobState.FAILED
        assert "403" in job.error_message
        assert [(refusal.host, refusal.port) for refusal in cloud.refusals] == [("example.com", 443)]


async def test_temporary_files_of_a_killed_job_are_removed(tmp_path: Path) -> None:
    contract = Contract()
    source = """
        import os, signal, tempfile
        print("made", tempfile.mkstemp()[1], flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    async with local_cloud(tmp_path / "state") as cloud:
        bucket = await contract.open_bucket(cloud.backend)
        job = await contract.train(cloud.backend, bucket, tmp_path, source)
        (made,) = [
            Path(entry.message.removeprefix("made "))
            for entry in await cloud.backend.read_logs(job.spec.job_id)
            if entry.message.startswith("made ")
        ]
    assert made.parent != Path(tempfile.gettempdir())
    assert not made.parent.exists()
    assert made.parent.parent == Path(tempfile.gettempdir()), "short enough for the path of a socket"


async def test_a_missing_requirement_is_named_before_anything_runs(tmp_path: Path) -> None:
    contract = Contract()
    async with local_cloud(tmp_path / "state") as cloud:
        bucket = await contract.open_bucket(cloud.backend)
        package = trainer(tmp_path / "mine", WAIT)
        requires = (
            "from setuptools import setup; setup(name='p', packages=['probe'], install_requires=['nobody-has>=2'])"
        )
        (tmp_path / "mine" / "setup.py").write_text(requires)
        staged = await cloud.backend.stage_package(package, GsUri(bucket, "staging"))
        await cloud.backend.submit_job(TrainingSpec("needy", (staged,), "probe.task"))
        job = await cloud.backend.wait_for_job("needy", timeout=TIMEOUT)
        assert job.state is JobState.FAILED
        assert "nobody-has>=2" in job.error_message
        assert "neither installed nor cached" in job.error_message


async def test_a_job_that_asks_for_gpus_is_told_what_it_gets(tmp_path: Path) -> None:
    async with local_cloud(tmp_path / "state") as cloud:
        spec = TrainingSpec("fast", (GsUri("some-bucket", "x.whl"),), "probe.task", gpus=("NVIDIA_TESLA_K80",))
        await cloud.backend.submit_job(spec)
        await cloud.backend.wait_for_job("fast", timeout=TIMEOUT)
        log = await cloud.backend.read_logs("fast")
    warnings = [entry.message for entry in log if entry.severity is Severity.WARNING]
    assert "asks for GPUs (NVIDIA_TESLA_K80). They are granted" in warnings[0]
    assert "Google has no NVIDIA_TESLA_K80 any more" in warnings[1]


async def test_gpus_that_are_not_granted_are_refused_before_anything_is_recorded(tmp_path: Path) -> None:
    async with local_cloud(tmp_path / "state", gpu_quota=GpuQuota.NONE) as cloud:
        assert not cloud.backend.abilities.gpus
        spec = TrainingSpec("fast", (GsUri("some-bucket", "x.whl"),), "probe.task", scale_tier=ScaleTier.BASIC_GPU)
        for asked in (spec, replace(spec, scale_tier=ScaleTier.BASIC, gpus=("NVIDIA_TESLA_T4",))):
            with pytest.raises(InvalidArgument, match="CLOUD_GPU_QUOTA"):
                await cloud.backend.submit_job(asked)
        with pytest.raises(InvalidArgument, match="BASIC_TPU"):
            await cloud.backend.submit_job(replace(spec, scale_tier=ScaleTier.BASIC_TPU))
        assert await cloud.backend.list_jobs() == []
