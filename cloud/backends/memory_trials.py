"""The trials of a tuning job as ``MemoryBackend`` simulates it."""

from datetime import UTC, datetime

from cloud.lifecycle import JobState
from cloud.resources.trials import Measurement, Parameter, ParameterType, Trial, Value
from cloud.resources.tuning import TuningSpec


def simulated_trials(spec: TuningSpec) -> list[Trial]:
    """As many as wanted, each with the first value of every parameter; trial N reports N."""
    now = datetime.now(UTC)
    values = {each.name: _first_value(each) for each in spec.parameters}
    return [
        Trial(
            str(number),
            JobState.SUCCEEDED,
            values,
            start_time=now,
            end_time=now,
            final=Measurement(1, 0.0, {metric.name: float(number) for metric in spec.metrics}),
        )
        for number in range(1, spec.max_trials + 1)
    ]


def _first_value(parameter: Parameter) -> Value:
    if parameter.categories:
        return parameter.categories[0]
    lowest = parameter.values[0] if parameter.values else parameter.min_value or 0.0
    return int(lowest) if parameter.type is ParameterType.INTEGER else lowest
