"""The contract's part on packages and jobs."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from cloud.backends.base import Backend
from cloud.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import Job, JobSpec, TrainingSpec
from cloud.resources.log_entries import LogRange
from cloud.testing.contract.base import TIMEOUT, Contract, unique_name
from cloud.testing.contract.probes import trainer


class PackageContract(Contract):
    async def test_a_package_is_staged_under_its_digest(self, backend: Backend, bucket: str, tmp_path: Path) -> None:
        package = await backend.stage_package(trainer(tmp_path, "print(1)"), GsUri(bucket, "staging"))
        assert package.name == "probe-0.0.0.tar.gz"
        digest = hashlib.sha256(await backend.read_object(package)).hexdigest()
        assert str(package) == f"gs://{bucket}/staging/{digest}/probe-0.0.0.tar.gz"

    async def test_a_package_is_built_by_its_setup_py(self, backend: Backend, bucket: str, tmp_path: Path) -> None:
        source = trainer(tmp_path, "print(1)")
        (tmp_path / "setup.py").write_text(
            "from setuptools import setup; setup(name='mine', version='1.2', packages=['probe'])"
        )
        assert (await backend.stage_package(source, GsUri(bucket, "s"))).name == "mine-1.2.tar.gz"

    async def test_a_folder_without_init_is_not_a_package(self, backend: Backend, bucket: str, tmp_path: Path) -> None:
        (trainer(tmp_path, "") / "__init__.py").unlink()
        with pytest.raises(InvalidArgument, match=r"__init__\.py"):
            await backend.stage_package(tmp_path / "probe", GsUri(bucket, "s"))

    async def test_the_error_has_the_output_of_a_setup_py_that_fails(
        self, backend: Backend, bucket: str, tmp_path: Path
    ) -> None:
        source = trainer(tmp_path, "")
        (tmp_path / "setup.py").write_text("raise RuntimeError('no setup today')")
        with pytest.raises(InvalidArgument, match="no setup today"):
            await backend.stage_package(source, GsUri(bucket, "s"))


class JobContract(Contract):
    async def without_package(self, backend: Backend, bucket: str) -> Job:
        """A job that fails soon, without a process."""
        package = GsUri(bucket, "staging/nothing-0.0.0.tar.gz")
        return await backend.submit_job(
            TrainingSpec(unique_name("job"), (package,), "nothing.task", region=backend.region)
        )

    async def test_a_package_that_does_not_exist(self, backend: Backend, bucket: str) -> None:
        job = await self.without_package(backend, bucket)
        job = await backend.wait_for_job(job.job_id, timeout=TIMEOUT)
        assert job.state is JobState.FAILED
        assert "nothing-0.0.0.tar.gz" in job.error_message

    async def test_a_finished_jobs_log_is_read_as_it_was_followed(
        self, backend: Backend, bucket: str, tmp_path: Path
    ) -> None:
        job = await self.train(backend, bucket, tmp_path, "for n in range(100): print('line', n)")
        assert list(await backend.read_logs(job.job_id)) == await self.log(backend, job)

    async def test_a_log_is_read_in_parts(self, backend: Backend, bucket: str, tmp_path: Path) -> None:
        job = await self.train(backend, bucket, tmp_path, "for n in range(100): print('line', n)")
        log = list(await backend.read_logs(job.job_id))
        middle = log[len(log) // 2]
        later = await backend.read_logs(job.job_id, LogRange(after=middle.position), limit=7)
        assert list(later) == log[len(log) // 2 + 1 :][:7]
        earlier = await backend.read_logs(job.job_id, LogRange(before=middle.position), newest_first=True, limit=7)
        assert list(earlier) == log[: len(log) // 2][::-1][:7]
        by_time = await backend.read_logs(job.job_id, LogRange(since=middle.timestamp, until=log[-1].timestamp))
        assert list(by_time) == [entry for entry in log if entry.timestamp >= middle.timestamp]

    async def test_a_finished_job_cannot_be_cancelled(self, backend: Backend, bucket: str, tmp_path: Path) -> None:
        job = await self.train(backend, bucket, tmp_path, "")
        with pytest.raises(FailedPrecondition, match="SUCCEEDED"):
            await backend.cancel_job(job.job_id)

    async def test_a_job_id_is_never_reused(self, backend: Backend, bucket: str) -> None:
        job = await self.without_package(backend, bucket)
        await backend.wait_for_job(job.job_id, timeout=TIMEOUT)
        with pytest.raises(AlreadyExists, match="A job with this id already exists"):
            await backend.submit_job(job.spec)

    async def test_a_job_of_an_unknown_kind_is_refused(self, backend: Backend) -> None:
        with pytest.raises(InvalidArgument, match="JobSpec"):
            await backend.submit_job(JobSpec(unique_name("job"), region=backend.region))

    async def test_of_two_concurrent_jobs_with_one_id_only_one_is_accepted(self, backend: Backend, bucket: str) -> None:
        spec = TrainingSpec(unique_name("job"), (GsUri(bucket, "x.tar.gz"),), "x", region=backend.region)
        results = await asyncio.gather(backend.submit_job(spec), backend.submit_job(spec), return_exceptions=True)
        assert sum(isinstance(result, AlreadyExists) for result in results) == 1
        await backend.wait_for_job(spec.job_id, timeout=TIMEOUT)

    async def test_a_jobs_variables_are_kept_or_refused_by_name(self, backend: Backend, bucket: str) -> None:
        packages, env = (GsUri(bucket, "x.tar.gz"),), {"MODEL_KIND": "deep, wide=1", "EMPTY": ""}
        spec = TrainingSpec(unique_name("job"), packages, "x", region=backend.region, env=env)
        if not backend.abilities.job_variables:
            with pytest.raises(InvalidArgument, match="MODEL_KIND"):
                await backend.submit_job(spec)
            return
        await backend.submit_job(spec)
        assert (await backend.wait_for_job(spec.job_id, timeout=TIMEOUT)).training.env == env

    async def test_an_unknown_job_is_not_found(self, backend: Backend) -> None:
        for call in (backend.get_job, backend.cancel_job, backend.wait_for_job, backend.read_logs):
            with pytest.raises(NotFound, match="unknown"):
                await call("unknown")
        with pytest.raises(NotFound, match="unknown"):
            _ = [entry async for entry in backend.follow_logs("unknown")]

    async def test_jobs_are_listed_newest_first(self, backend: Backend, bucket: str) -> None:
        first, second = [await self.without_package(backend, bucket) for _ in range(2)]
        listed = [job.job_id for job in await backend.list_jobs()]
        assert listed.index(second.job_id) < listed.index(first.job_id)
        for job in (first, second):
            await backend.wait_for_job(job.job_id, timeout=TIMEOUT)

    async def test_more_jobs_than_slots_all_end(self, backend: Backend, bucket: str, tmp_path: Path) -> None:
        jobs = [await self.submit(backend, bucket, tmp_path, f"print('job {number}')") for number in range(5)]
        done = await asyncio.gather(*(backend.wait_for_job(job.job_id, timeout=TIMEOUT) for job in jobs))
        assert [job.state for job in done] == [JobState.SUCCEEDED] * 5

    async def test_a_list_of_jobs_can_be_filtered(self, backend: Backend, bucket: str) -> None:
        first, second, third = [await self.without_package(backend, bucket) for _ in range(3)]
        for job in (first, second, third):
            await backend.wait_for_job(job.job_id, timeout=TIMEOUT)

        async def ids(**wanted: object) -> list[str]:
            return [job.job_id for job in await backend.list_jobs(**wanted)]  # type: ignore[arg-type]

        assert (await ids(after=third.job_id, limit=2)) == [second.job_id, first.job_id]
        assert (await ids(states={JobState.FAILED}, after=third.job_id, limit=1)) == [second.job_id]
        assert first.job_id not in await ids(states={JobState.SUCCEEDED})
        with pytest.raises(NotFound, match="unknown"):
            await backend.list_jobs(after="unknown")
