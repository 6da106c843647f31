import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from cloud.engine.batch_prediction.instances import Batch, failed
from cloud.engine.batch_prediction.pipeline import MAX_ROWS, Pipeline, RowsFailedError
from cloud.errors import Unavailable
from cloud.resources import Json


@dataclass
class Written:
    rows: list[Json] = field(default_factory=list)
    errors: list[tuple[str, int]] = field(default_factory=list)

    def succeeded(self, _: Batch, predictions: list[Json]) -> None:
        self.rows += predictions

    def failed(self, batch: Batch, message: str) -> None:
        self.errors.append((message, batch.count))


@dataclass
class Model:
    """Answers each number with its double, and fails on 13."""

    requests: list[int] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    delay: float = 0.0

    async def predict(self, instances: Sequence[bytes]) -> list[Json]:
        self.requests.append(len(instances))
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        numbers = list(map(int, instances))
        try:
            await asyncio.sleep(self.delay or 0.001 * (numbers[0] % 3))  # answers overtake each other
        finally:
            self.at_once -= 1
        if 13 in numbers:
            raise RowsFailedError("thirteen")
        return [2 * number for number in numbers]


async def source(numbers: Sequence[int], size: int) -> AsyncIterator[Batch]:
    for start in range(0, len(numbers), size):
        part = numbers[start : start + size]
        yield Batch(len(part), [b"%d" % number for number in part])


async def run(model: Model, batches: AsyncIterator[Batch], size: int) -> Written:
    written = Written()
    await Pipeline(model.predict, written, size).run(batches)
    return written


async def test_answers_are_written_in_order_though_four_requests_are_in_flight():
    model = Model()
    written = await run(model, source(range(100, 5000), 64), 64)
    assert written.rows == [2 * number for number in range(100, 5000)]
    assert model.most_at_once == 4


async def test_requests_of_a_quick_model_grow_to_several_batches():
    model = Model()
    await run(model, source(range(100, 20_000), 64), 64)
    assert model.requests[0] == 64
    assert max(model.requests) == MAX_ROWS
    assert len(model.requests) < 60


async def test_a_batch_is_never_divided():
    model = Model()
    await run(model, source(range(100, 3100), 1000), 1000)
    assert model.requests == [1000] * 3


async def test_only_the_batch_with_a_bad_row_fails():
    model = Model()
    written = await run(model, source(range(600), 10), 10)
    assert written.errors == [("thirteen", 10)]
    assert written.rows == [2 * number for number in range(600) if not 10 <= number < 20]


async def test_a_batch_that_cannot_be_sent_fails_in_its_place():
    async def batches() -> AsyncIterator[Batch]:
        yield Batch(1, [b"1"])
        yield failed(3, "no JSON")
        yield Batch(1, [b"2"])

    model = Model()
    written = await run(model, batches(), 3)
    assert (written.rows, written.errors) == ([2, 4], [("no JSON", 3)])
    assert sum(model.requests) == 2


async def test_large_batches_are_not_joined():
    async def batches() -> AsyncIterator[Batch]:
        for _ in range(20):
            yield Batch(1, [b"0" * 3_000_000 + b"1"])

    class Large(Model):
        async def predict(self, instances: Sequence[bytes]) -> list[Json]:
            self.requests.append(len(instances))
            return list(instances)

    model = Large()
    await run(model, batches(), 1)
    assert set(model.requests) == {1}


async def test_a_model_that_is_gone_ends_the_run_and_what_is_in_flight():
    class Gone(Model):
        async def predict(self, instances: Sequence[bytes]) -> list[Json]:
            if b"300" in instances:
                raise Unavailable("gone")
            return await super().predict(instances)

    model = Gone(delay=0.01)
    with pytest.raises(Unavailable, match="gone"):
        await run(model, source(range(100, 3000), 10), 10)
    assert model.at_once == 0


async def test_cancelling_leaves_no_request():
    model = Model(delay=10)
    task = asyncio.create_task(run(model, source(range(100, 3000), 10), 10))
    await asyncio.sleep(0.01)
    assert model.at_once == 4
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert model.at_once == 0
