"""The median rule: which running trial is not worth going on with. Pure.

A value that is no finite number says nothing.

Source: ``StudySpec.MedianAutomatedStoppingSpec`` of the discovery document ``aiplatform.v1``: a trial is stopped if its
best value so far is strictly worse than the median of the completed trials' running averages up to the same step, or
the same time.
"""

import math
import statistics
from collections.abc import Sequence

from cloud.resources.trials import Goal, Measurement, Metric, Trial
from cloud.resources.tuning import EarlyStopping

_FEWEST_COMPLETED = 3
"""Google does not publish how many completed trials it waits for; the median of fewer means little."""


def should_stop(
    rule: EarlyStopping, metric: Metric, measurements: Sequence[Measurement], completed: Sequence[Trial]
) -> bool:
    """
    Args:
        measurements: the running trial's.
        completed: trials that ended by themselves and have a final measurement.
    """
    if rule is EarlyStopping.NONE:
        return False
    by_time = rule is EarlyStopping.MEDIAN_BY_TIME
    values = _values(metric, measurements)
    if not values:
        return False
    now = _place(measurements[-1], by_time)
    averages = [
        statistics.fmean(up_to)
        for trial in completed
        if (up_to := _values(metric, [each for each in trial.measurements if _place(each, by_time) <= now]))
    ]
    if len(averages) < _FEWEST_COMPLETED:
        return False
    median = statistics.median(averages)
    return min(values) > median if metric.goal is Goal.MINIMIZE else max(values) < median


def _place(measurement: Measurement, by_time: bool) -> float:  # noqa: FBT001 - a key
    return measurement.elapsed if by_time else measurement.step


def _values(metric: Metric, measurements: Sequence[Measurement]) -> list[float]:
    values = [each.metrics[metric.name] for each in measurements if metric.name in each.metrics]
    return [value for value in values if math.isfinite(value)]
