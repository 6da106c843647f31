"""What every part of the contract shares: the backend under test, unique names, and a job in one call."""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from cloud.backends.base import Backend
from cloud.names import GsUri
from cloud.resources import Access, Job, TrainingSpec
from cloud.resources.log_entries import LogEntry
from cloud.testing.contract.probes import wheel

TIMEOUT = float(os.environ.get("CONTRACT_TIMEOUT", "120"))
"""Seconds that a test waits for the backend."""


def unique_name(word: str) -> str:
    """A name that was never used before."""
    return f"{word}_{secrets.token_hex(5)}"


class Contract:
    """Base of all parts. A subclass defines the fixture ``backend`` (one for the whole session)."""

    pytestmark = pytest.mark.asyncio(loop_scope="session")

    @pytest_asyncio.fixture(loop_scope="session")
    async def bucket(self, backend: Backend) -> str:
        return await self.open_bucket(backend)

    async def open_bucket(self, backend: Backend) -> str:
        """A new bucket, with all access that a training job needs granted to the ML service account."""
        name = unique_name("contract").replace("_", "-")
        await backend.create_bucket(name)
        account = await backend.ml_service_account()
        for access in Access:
            await backend.grant(name, account, access)
        return name

    async def submit(
        self,
        backend: Backend,
        bucket: str,
        folder: Path,
        source: str,
        *args: str,
        module: str = "probe.task",
        **spec: object,
    ) -> Job:
        """Submit a one-module trainer, as a wheel: tests that build a package are elsewhere."""
        job_id = unique_name("job")
        archive = folder / "probe-1-py3-none-any.whl"
        archive.write_bytes(wheel("probe.task", source))
        package = GsUri(bucket, f"staging/{job_id}/{archive.name}")
        await backend.upload(archive, package)
        return await backend.submit_job(
            TrainingSpec(
                job_id=job_id,
                package_uris=(package,),
                python_module=module,
                args=args,
                region=backend.region,
                job_dir=GsUri(bucket, f"jobs/{job_id}"),
                **spec,  # type: ignore[arg-type]
            )
        )

    async def train(
        self, backend: Backend, bucket: str, folder: Path, source: str, *args: str, **options: object
    ) -> Job:
        """Submit a one-module trainer and wait until it is finished."""
        job = await self.submit(backend, bucket, folder, source, *args, **options)  # type: ignore[arg-type]
        return await backend.wait_for_job(job.job_id, timeout=TIMEOUT)

    async def log(self, backend: Backend, job: Job) -> list[LogEntry]:
        return [entry async for entry in backend.follow_logs(job.job_id)]

    async def output(self, backend: Backend, job: Job) -> list[str]:
        """The log messages of the job's replicas."""
        return [entry.message for entry in await self.log(backend, job) if entry.task_name != "service"]


def names(items: Sequence[object]) -> list[str]:
    return [str(getattr(item, "uri", None) or item.name) for item in items]  # type: ignore[attr-defined]
