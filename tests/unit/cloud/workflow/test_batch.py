"""The results of a batch prediction job beside the labels of the rows that were predicted."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import pytest

from cloud.backends.memory import MemoryBackend
from cloud.errors import FailedPrecondition
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import Job, Json, PredictionCounts
from cloud.workflow import batch

OUTPUT = GsUri("bucket", "out")
ROWS = [({"x": 1.0, "y": 2}, 10.0), ({"x": 3.0, "y": 4}, 20.0)]
SPEC = batch.batch_spec("batch_1", "taxi", "v1", GsUri("bucket", "in.jsonl"), OUTPUT, "us-central1")


def read() -> Iterator[batch.Row]:
    return iter(ROWS)


async def results(files: Sequence[Sequence[Json]], failed: int = 0) -> list[tuple[float, Json]]:
    backend = MemoryBackend()
    await backend.create_bucket("bucket")
    for number, lines in enumerate(files):
        name = f"prediction.results-{number:05}-of-{len(files):05}"
        await backend.write_object(OUTPUT / name, "".join(f"{json.dumps(line)}\n" for line in lines).encode())
    await backend.write_object(OUTPUT / "prediction.errors_stats-00000-of-00001", b"")
    counts = PredictionCounts(succeeded=2, failed=failed, output_uri=OUTPUT)
    job = Job(SPEC, JobState.SUCCEEDED, datetime.now(UTC), predictions=counts)
    return [pair async for pair in batch.results(backend, job, read)]


async def test_results_in_one_file_are_taken_in_order() -> None:
    assert await results([[{"out": [1]}, {"out": [2]}]]) == [(10.0, {"out": [1]}), (20.0, {"out": [2]})]


async def test_results_with_their_instances_are_found_by_them_in_any_order_and_file() -> None:
    first, second = [{"instance": instance, "prediction": label + 1} for instance, label in ROWS]
    assert await results([[second], [first]]) == [(20.0, 21.0), (10.0, 11.0)]


async def test_results_that_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(FailedPrecondition, match="in 2 files"):
        await results([[{"out": [1]}], [{"out": [2]}]])


async def test_rows_without_a_prediction_are_no_score() -> None:
    with pytest.raises(FailedPrecondition, match="no prediction for 3 of its instances"):
        await results([[{"out": [1]}]], failed=3)


async def test_the_instances_are_written_one_a_line() -> None:
    backend = MemoryBackend()
    await backend.create_bucket("bucket")
    file = GsUri("bucket", "in.jsonl")
    assert await batch.upload(backend, read(), file) == 2
    lines = (await backend.read_object(file)).decode().splitlines()
    assert [json.loads(line) for line in lines] == [instance for instance, _ in ROWS]
