"""Which requests a fault is for, and how often; what then happens is in tests/integration/test_faults.py."""

import pytest

from cloud.emulator.faults import Cut, Faults, Hang, Refuse
from cloud.errors import Unavailable

LATER = Refuse(Unavailable("try again"), retry_after=1)


def test_a_fault_happens_as_often_as_it_is_to_and_counts() -> None:
    faults = Faults()
    fault = faults.add("ml.projects.jobs.create", LATER, times=2)
    assert [faults.take("ml.projects.jobs.create") for _ in range(3)] == [LATER, LATER, None]
    assert fault.fired == 2
    assert not faults


def test_a_fault_is_for_its_methods_only_and_may_let_some_pass() -> None:
    faults = Faults()
    fault = faults.add("storage.objects.*", LATER, after=1)
    assert faults.take("storage.buckets.get") is None
    assert [faults.take(f"storage.objects.{verb}") for verb in ("get", "list", "get")] == [None, LATER, None]
    assert fault.fired == 1


def test_those_for_one_method_happen_one_after_the_other() -> None:
    faults = Faults()
    outcomes = [Cut.BEFORE, LATER, Cut.AFTER, Hang.FOREVER]
    for outcome in outcomes:
        faults.add("*", outcome)
    assert [faults.take("ml.projects.predict") for _ in outcomes] == outcomes


def test_what_never_happened_can_be_told() -> None:
    faults = Faults()
    fault = faults.add("ml.*", LATER)
    assert faults.clear() == [fault]
    assert faults.take("ml.projects.predict") is None


@pytest.mark.parametrize("wrong", [{"times": 0}, {"after": -1}])
def test_impossible_numbers(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Faults().add("*", LATER, **wrong)
