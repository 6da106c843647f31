import pytest

from cloud.engine.jobs.preemptions import Preemptions

RUNNING = ["master-replica-0", "worker-replica-0", "worker-replica-1"]


def test_a_preemption_happens_once_after_a_line_with_its_text_of_its_job() -> None:
    preemptions = Preemptions()
    fault = preemptions.add("worker-replica-1", when="step 100", jobs="mine*")
    assert preemptions
    assert preemptions.take("mine_1", "step 99/200", RUNNING) == []
    assert preemptions.take("other", "step 100/200", RUNNING) == []
    assert preemptions.take("mine_1", "step 100/200", RUNNING[:2]) == [], "it does not run"
    assert fault.fired == 0
    assert preemptions.take("mine_1", "step 100/200", RUNNING) == ["worker-replica-1"]
    assert fault.fired == 1
    assert preemptions.take("mine_1", "step 100/200", RUNNING) == []
    assert not preemptions


def test_a_pattern_takes_as_many_replicas_as_asked_for() -> None:
    preemptions = Preemptions()
    fault = preemptions.add("worker-*", times=3)
    assert preemptions.take("job", "any", RUNNING) == RUNNING[1:]
    assert preemptions.take("job", "any", RUNNING) == RUNNING[1:2]
    assert fault.fired == 3
    assert not preemptions


def test_two_preemptions_of_one_line_take_a_replica_once() -> None:
    preemptions = Preemptions()
    faults = [preemptions.add("worker-replica-0"), preemptions.add("worker-replica-0")]
    assert preemptions.take("job", "any", RUNNING) == ["worker-replica-0"]
    assert [fault.fired for fault in faults] == [1, 0]


def test_those_that_did_not_happen_can_be_removed() -> None:
    preemptions = Preemptions()
    fault = preemptions.add("ps-replica-0")
    assert preemptions.clear() == [fault]
    assert not preemptions


def test_no_preemption_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least 1: 0"):
        Preemptions().add("worker-replica-0", times=0)
