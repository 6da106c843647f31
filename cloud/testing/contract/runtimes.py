"""The contract's part on runtime versions: those that are not available are refused."""

from pathlib import Path

import pytest

from cloud.backends.base import Backend
from cloud.errors import InvalidArgument, NotFound
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import TrainingSpec, VersionSpec
from cloud.testing.contract.base import Contract, unique_name

OTHERS = [{"runtime_version": "1.8"}, {"python_version": "2.7"}, {"runtime_version": "1.15", "python_version": "3.7"}]


class RuntimeContract(Contract):
    """Needs a backend that declares ``abilities.runtimes``."""

    async def test_a_job_for_an_available_runtime_runs(self, backend: Backend, bucket: str, tmp_path: Path) -> None:
        assert backend.abilities.runtimes
        for runtime, pythons in backend.abilities.runtimes.items():
            job = await self.train(backend, bucket, tmp_path, "", runtime_version=runtime, python_version=min(pythons))
            assert job.state is JobState.SUCCEEDED, job.error_message

    @pytest.mark.parametrize("requested", OTHERS, ids=str)
    async def test_a_job_for_another_is_refused(self, backend: Backend, bucket: str, requested: dict[str, str]) -> None:
        spec = TrainingSpec(unique_name("job"), (GsUri(bucket, "x.tar.gz"),), "x", region=backend.region, **requested)  # type: ignore[arg-type]
        with pytest.raises(InvalidArgument, match=".*".join(requested.values())):
            await backend.submit_job(spec)
        with pytest.raises(NotFound):
            await backend.get_job(spec.job_id)

    @pytest.mark.parametrize("requested", OTHERS, ids=str)
    async def test_a_version_for_another_is_refused(
        self, backend: Backend, bucket: str, requested: dict[str, str]
    ) -> None:
        model = unique_name("model")
        await backend.create_model(model)
        with pytest.raises(InvalidArgument, match=".*".join(requested.values())):
            await backend.create_version(VersionSpec(model, "v1", GsUri(bucket, "model/"), **requested))  # type: ignore[arg-type]
        assert await backend.list_versions(model) == []
