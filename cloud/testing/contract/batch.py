"""The contract's part on batch prediction: what is refused, and the results, errors and counts of jobs."""

import ast
import json
import time

import pytest

from cloud.backends.base import Backend
from cloud.errors import AlreadyExists, InvalidArgument, NotFound
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import Job
from cloud.resources.batch_prediction import BatchPredictionSpec
from cloud.testing.contract.base import TIMEOUT, unique_name
from cloud.testing.contract.models import DeployedContract


class BatchContract(DeployedContract):
    """Needs a backend that declares ``abilities.runs_programs`` and ``abilities.predicts_in_batches``."""

    async def predicted(self, backend: Backend, bucket: str, model: str, *lines: str, **options: object) -> Job:
        """A finished job of these input lines."""
        folder = GsUri(bucket, unique_name("batch"))
        await backend.write_object(folder / "in.jsonl", "".join(f"{line}\n" for line in lines).encode())
        given = {"input_uris": (folder / "in*",), "output_uri": folder / "out", "model": model}
        spec = BatchPredictionSpec(unique_name("job"), region=backend.region, **(given | options))  # type: ignore[arg-type]
        job = await backend.submit_job(spec)
        assert (job.state, job.predictions) == (JobState.QUEUED, None)
        return await backend.wait_for_job(job.job_id, timeout=TIMEOUT)

    async def rows(self, backend: Backend, job: Job) -> list[object]:
        """The predictions, in any order."""
        assert job.state is JobState.SUCCEEDED, job.error_message
        assert job.predictions is not None
        assert job.predictions.output_uri is not None
        found = []
        for stored in await backend.list_objects(job.predictions.output_uri / "prediction.results-*"):
            found += [json.loads(line) for line in (await backend.read_object(stored.uri)).splitlines()]
        return found

    async def test_each_line_gets_a_prediction(self, backend: Backend, bucket: str, model: str) -> None:
        lines = [json.dumps({"x": number, "y": 0.5}) for number in range(200)]
        job = await self.predicted(backend, bucket, model, *lines)
        found = [row.get("prediction", row) for row in await self.rows(backend, job)]  # type: ignore[attr-defined]
        values = sorted(row["scaled"] if isinstance(row, dict) else row for row in found)
        assert values == [2.0 * number + 0.5 for number in range(200)]
        assert job.predictions is not None
        assert (job.predictions.succeeded, job.predictions.failed) == (200, 0)
        assert await backend.get_job(job.job_id) == job

    async def test_a_version_is_named(self, backend: Backend, bucket: str, model: str) -> None:
        job = await self.predicted(backend, bucket, model, '{"x": 1, "y": 0}', version="v2")
        assert "3.0" in json.dumps(await self.rows(backend, job))

    async def test_bad_rows_are_counted_with_their_reason(self, backend: Backend, bucket: str, model: str) -> None:
        lines = ('{"x": 1, "y": 0}', "no JSON", '{"x": 2, "y": 0}')
        job = await self.predicted(backend, bucket, model, *lines, batch_size=1)
        assert len(await self.rows(backend, job)) == 2
        assert job.predictions is not None
        assert job.predictions.output_uri is not None
        assert (job.predictions.succeeded, job.predictions.failed) == (2, 1)
        errors = []
        for stored in await backend.list_objects(job.predictions.output_uri / "prediction.errors_stats-*"):
            errors += (await backend.read_object(stored.uri)).decode().splitlines()
        assert sum(ast.literal_eval(line)[1] for line in errors) == 1

    async def test_no_input_and_no_model_are_refused(self, backend: Backend, bucket: str, model: str) -> None:
        with pytest.raises(InvalidArgument, match=r"No file matches|does not exist"):
            await self.predicted(backend, bucket, model, "1", input_uris=(GsUri(bucket, "none*"),))
        with pytest.raises(NotFound):
            await self.predicted(backend, bucket, f"m{time.time_ns()}", "1")

    async def test_a_batch_jobs_id_is_used_once(self, backend: Backend, bucket: str, model: str) -> None:
        job = await self.predicted(backend, bucket, model, '{"x": 1, "y": 0}')
        with pytest.raises(AlreadyExists):
            await backend.submit_job(job.spec)
