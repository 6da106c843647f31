"""The plan: first come, first served, never above a limit, no slot free while a part could use it."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.jobs.scheduler import Demand, plan

DEMANDS = st.lists(st.integers(0, 5), max_size=8).map(
    lambda drawn: [Demand(f"job_{number}", parts) for number, parts in enumerate(drawn)]
)
RUNNING = st.dictionaries(st.sampled_from([f"job_{number}" for number in range(10)]), st.integers(1, 2), max_size=4)


@given(DEMANDS, RUNNING, st.integers(0, 6))
def test_slots_are_filled_in_order_and_never_exceeded(
    demands: list[Demand], running: dict[str, int], limit: int
) -> None:
    started = plan(demands, running, limit)
    counts = Counter(started)
    used = sum(running.values()) + len(started)
    assert used <= max(limit, sum(running.values()))
    order = [demand.job_id for demand in demands]
    assert started == sorted(started, key=order.index)
    for demand in demands:
        assert counts[demand.job_id] <= demand.parts
        if counts[demand.job_id] < demand.parts:  # every slot is used, and none by a later job
            assert used >= limit
            assert not any(counts[later] for later in order[order.index(demand.job_id) + 1 :])


def test_with_one_slot_training_jobs_run_one_after_the_other() -> None:
    waiting = [Demand("first"), Demand("second")]
    assert plan(waiting, {}, 1) == ["first"]
    assert plan(waiting, {}, 5) == ["first", "second"]


def test_a_job_that_is_being_cancelled_keeps_its_slot() -> None:
    assert plan([Demand("next")], {"being cancelled": 1}, 1) == []


def test_a_job_of_two_parts_leaves_the_other_slots_to_later_jobs() -> None:
    tuning, training = Demand("tuning", 2), Demand("training")
    assert plan([tuning, training], {}, 4) == ["tuning", "tuning", "training"]
    assert plan([tuning, training], {"tuning": 1}, 2) == ["tuning"]
