"""The contract's part on grants: a job without one that it needs fails with an error that says so."""

from pathlib import Path

import pytest_asyncio

from cloud.backends.base import Backend
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import Access
from cloud.testing.contract.base import Contract, unique_name
from cloud.testing.contract.probes import READ_AND_WRITE


class EnforcedGrantContract(Contract):
    """Needs a backend that declares ``abilities.enforces_grants``."""

    @pytest_asyncio.fixture(loop_scope="session")
    async def other(self, backend: Backend) -> str:
        """A second bucket, with one object and no grants."""
        assert backend.abilities.enforces_grants
        name = unique_name("other").replace("_", "-")
        await backend.create_bucket(name)
        await backend.write_object(GsUri(name, "in.txt"), b"secret")
        return name

    async def test_without_a_grant_a_job_cannot_read(
        self, backend: Backend, bucket: str, other: str, tmp_path: Path
    ) -> None:
        job = await self.train(backend, bucket, tmp_path, READ_AND_WRITE, f"--read=gs://{other}/in.txt")
        assert job.state is JobState.FAILED
        assert await backend.ml_service_account() in job.error_message
        assert "storage.objects.get" in job.error_message
        assert other in job.error_message

    async def test_without_a_grant_a_job_cannot_write(
        self, backend: Backend, bucket: str, other: str, tmp_path: Path
    ) -> None:
        job = await self.train(backend, bucket, tmp_path, READ_AND_WRITE, f"--write=gs://{other}/out.txt")
        assert job.state is JobState.FAILED
        assert "storage.objects.create" in job.error_message
        assert other in job.error_message

    async def test_read_covers_existing_objects_and_read_new_only_later_ones(
        self, backend: Backend, bucket: str, other: str, tmp_path: Path
    ) -> None:
        account = await backend.ml_service_account()
        await backend.grant(other, account, Access.READ_NEW)
        await backend.write_object(GsUri(other, "new.txt"), b"new")
        new = await self.train(backend, bucket, tmp_path, READ_AND_WRITE, f"--read=gs://{other}/new.txt")
        assert "read new" in await self.output(backend, new)
        old = await self.train(backend, bucket, tmp_path, READ_AND_WRITE, f"--read=gs://{other}/in.txt")
        assert old.state is JobState.FAILED
        await backend.grant(other, account, Access.READ)
        old = await self.train(backend, bucket, tmp_path, READ_AND_WRITE, f"--read=gs://{other}/in.txt")
        assert "read secret" in await self.output(backend, old)
