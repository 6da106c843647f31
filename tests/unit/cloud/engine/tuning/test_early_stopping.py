"""The median rule."""

import pytest

from cloud.engine.tuning.early_stopping import should_stop
from cloud.lifecycle import JobState
from cloud.resources.trials import Goal, Measurement, Metric, Trial
from cloud.resources.tuning import EarlyStopping


def measured(*values: float, seconds: float = 1.0) -> tuple[Measurement, ...]:
    return tuple(Measurement(step, step * seconds, {"loss": value}) for step, value in enumerate(values, 1))


def completed(*curves: tuple[float, ...], seconds: float = 1.0) -> list[Trial]:
    return [
        Trial(str(number), JobState.SUCCEEDED, {}, measurements=measured(*curve, seconds=seconds))
        for number, curve in enumerate(curves, 1)
    ]


OTHERS = completed((9, 5, 1), (9, 6, 3), (9, 7, 5))
BY_STEP, MINIMIZE = EarlyStopping.MEDIAN_BY_STEP, Metric("loss", Goal.MINIMIZE)


@pytest.mark.parametrize(
    ("curve", "stops"),
    [
        ((9.5,), True),  # the averages up to step 1 are 9, 9, 9
        ((9.0,), False),  # not strictly worse
        ((9.5, 8.0), True),  # up to step 2: 7, 7.5, 8
        ((7.4, 20.0), False),  # its best counts, not its last
        ((), False),
    ],
)
def test_a_trial_stops_whose_best_is_worse_than_the_median_of_averages(curve: tuple[float, ...], stops: bool) -> None:
    assert should_stop(BY_STEP, MINIMIZE, measured(*curve), OTHERS) is stops


def test_the_goal_decides_what_is_worse() -> None:
    assert should_stop(BY_STEP, Metric("loss", Goal.MAXIMIZE), measured(5.0, 6.0), OTHERS)
    assert not should_stop(BY_STEP, Metric("loss", Goal.MAXIMIZE), measured(9.5), OTHERS)


def test_by_time_trials_are_compared_up_to_the_same_time() -> None:
    slow = measured(8.5, seconds=3.0)  # after 3 s the others had made 3 steps, with averages 5, 6, 7
    assert should_stop(EarlyStopping.MEDIAN_BY_TIME, MINIMIZE, slow, OTHERS)
    assert not should_stop(BY_STEP, MINIMIZE, slow, OTHERS)


def test_few_completed_trials_stop_none_nor_does_no_rule() -> None:
    assert not should_stop(BY_STEP, MINIMIZE, measured(99.0), OTHERS[:2])
    assert not should_stop(EarlyStopping.NONE, MINIMIZE, measured(99.0), OTHERS)
