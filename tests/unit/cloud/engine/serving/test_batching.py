import asyncio
import threading
from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.serving.batching import Batcher, Outcome, Request, run_requests, take_batch
from cloud.errors import PredictionFailed


class Squares:
    """A model that squares numbers. ``"x"`` does not fit; 13 makes it fail; lists must have the same length."""

    def __init__(self) -> None:
        self.calls: list[list[Any]] = []
        self.free = threading.Event()
        self.free.set()
        self.busy = threading.Event()
        self.threads: list[int] = []

    def prepare(self, signature: str, instances: list[Any]) -> list[Any]:
        if "x" in instances:
            raise PredictionFailed("x does not fit")
        if len({len(instance) if isinstance(instance, list) else 0 for instance in instances}) > 1:
            raise PredictionFailed("ragged")
        return instances

    def run(self, signature: str, batch: list[Any], count: int) -> list[dict[str, Any]]:
        self.busy.set()
        self.threads.append(threading.get_ident())
        assert self.free.wait(20)
        assert len(batch) == count
        self.calls.append(batch)
        if 13 in batch:
            raise PredictionFailed("thirteen")
        if 666 in batch:
            raise ZeroDivisionError("a defect")
        return [{signature: value if isinstance(value, list) else value * value} for value in batch]


def expected(instances: list[Any]) -> Any:
    if "x" in instances:
        return "x does not fit"
    if 13 in instances:
        return "thirteen"
    return [{"s": value * value} for value in instances]


def as_text(outcome: Outcome) -> Any:
    return outcome if isinstance(outcome, list) else str(outcome)


def requests(*instances: list[Any]) -> list[Request]:
    future: Any = None  # the tests do not await these
    return [Request("s", each, future) for each in instances]


@given(st.lists(st.lists(st.integers(0, 14) | st.just("x"), min_size=1, max_size=4), min_size=1, max_size=8))
def test_each_request_has_its_own_outcome_whatever_requests_run_with_it(instances: list[list[Any]]) -> None:
    outcomes = run_requests(Squares(), requests(*instances))
    assert [as_text(outcome) for outcome in outcomes] == [expected(each) for each in instances]


def test_valid_requests_share_one_call() -> None:
    model = Squares()
    run_requests(model, requests([1], [2, 3], [4]))
    assert model.calls == [[1, 2, 3, 4]]


def test_valid_requests_share_a_call_although_another_does_not_fit() -> None:
    model = Squares()
    assert [as_text(outcome) for outcome in run_requests(model, requests([1], ["x"], [2]))] == [
        [{"s": 1}],
        "x does not fit",
        [{"s": 4}],
    ]
    assert model.calls == [[1, 2]]


def test_requests_of_different_sizes_run_alone() -> None:
    model = Squares()
    assert run_requests(model, requests([[1, 2]], [[3]])) == [[{"s": [1, 2]}], [{"s": [3]}]]
    assert model.calls == [[[1, 2]], [[3]]]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 9)), min_size=1, max_size=12),
    st.sets(st.sampled_from("ab")),
)
def test_batches_take_all_requests_in_order_and_join_only_joinable_ones(
    arrived: list[tuple[str, int]], joinable: set[str]
) -> None:
    future: Any = None
    waiting = deque(Request(signature, [0] * rows, future) for signature, rows in arrived)
    order = list(waiting)
    taken: list[Request] = []
    while waiting:
        before = list(waiting)
        batch = take_batch(waiting, joinable, max_rows=10)
        assert batch[0] is before[0]
        assert len({request.signature for request in batch}) == 1
        assert len(batch) == 1 or (batch[0].signature in joinable and sum(len(each.instances) for each in batch) <= 10)
        assert list(waiting) == [request for request in before if request not in batch]
        taken += batch
    assert sorted(map(order.index, taken)) == list(range(len(order)))


async def test_requests_that_arrive_while_the_model_is_busy_run_together() -> None:
    model = Squares()
    batcher = Batcher(model, joinable={"s"})
    model.free.clear()
    first = batcher.submit("s", [1])
    await asyncio.to_thread(model.busy.wait, 20)
    others = [batcher.submit("s", [number]) for number in range(2, 7)]
    model.free.set()
    assert await asyncio.gather(first, *others) == [[{"s": number**2}] for number in range(1, 7)]
    assert model.calls == [[1], [2, 3, 4, 5, 6]]
    await batcher.close()


async def test_requests_that_arrive_in_one_iteration_of_the_loop_run_together() -> None:
    model = Squares()
    batcher = Batcher(model, joinable={"s"}, quick=20)
    await batcher.submit("s", [0])
    assert await asyncio.gather(*(batcher.submit("s", [number]) for number in (1, 2, 3))) == [
        [{"s": 1}],
        [{"s": 4}],
        [{"s": 9}],
    ]
    assert model.calls == [[0], [1, 2, 3]]
    await batcher.close()


async def test_a_quick_model_runs_on_the_loops_thread() -> None:
    model = Squares()
    batcher = Batcher(model, joinable={"s"}, quick=20)
    await batcher.submit("s", [1])  # the first call measures whether it is quick
    await batcher.submit("s", [2])
    assert model.threads[1] == threading.get_ident() != model.threads[0]
    await batcher.close()


async def test_a_slow_model_leaves_the_loop_free() -> None:
    model = Squares()
    batcher = Batcher(model, joinable={"s"}, quick=0)
    await batcher.submit("s", [1])
    model.busy.clear()
    model.free.clear()
    result = batcher.submit("s", [2])
    await asyncio.to_thread(model.busy.wait, 20)
    model.free.set()
    assert await result == [{"s": 4}]
    await batcher.close()


async def test_close_waits_for_earlier_requests() -> None:
    batcher = Batcher(Squares(), joinable=set())
    results = [batcher.submit("s", [number]) for number in (1, 2, 3)]
    await batcher.close()
    assert [future.result() for future in results] == [[{"s": 1}], [{"s": 4}], [{"s": 9}]]


async def test_a_defect_is_raised_and_the_next_request_is_run() -> None:
    batcher = Batcher(Squares(), joinable={"s"})
    with pytest.raises(ZeroDivisionError, match="a defect"):
        await batcher.submit("s", [666])
    assert await batcher.submit("s", [2]) == [{"s": 4}]
    await batcher.close()


async def test_a_cancelled_request_does_not_disturb_others() -> None:
    model = Squares()
    batcher = Batcher(model, joinable={"s"})
    model.free.clear()
    batcher.submit("s", [1]).cancel()
    other = batcher.submit("s", [2])
    model.free.set()
    assert await other == [{"s": 4}]
    await batcher.close()
