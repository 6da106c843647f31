"""The parameters and trials of hyperparameter tuning. Values.

Shapes: ``GoogleCloudMlV1__ParameterSpec`` and ``GoogleCloudMlV1__HyperparameterOutput`` of the discovery document
``ml.v1``; ``StudySpec`` and ``Trial`` of ``aiplatform.v1``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cloud.lifecycle import JobState

Value = float | int | str
"""Of a parameter in a trial: float for DOUBLE and DISCRETE, int for INTEGER, str for CATEGORICAL."""


def as_text(value: Value) -> str:
    """A value as a trainer's argument has it: a number in full precision, and a whole one without a point, so that
    ``type=int`` reads it."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


class ParameterType(StrEnum):
    DOUBLE = "DOUBLE"
    INTEGER = "INTEGER"
    DISCRETE = "DISCRETE"
    CATEGORICAL = "CATEGORICAL"


class ScaleType(StrEnum):
    """How a numeric parameter is mapped to [0, 1]."""

    LINEAR = "UNIT_LINEAR_SCALE"
    LOG = "UNIT_LOG_SCALE"
    REVERSE_LOG = "UNIT_REVERSE_LOG_SCALE"


class Goal(StrEnum):
    MAXIMIZE = "MAXIMIZE"
    MINIMIZE = "MINIMIZE"


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    """The tag that the trainer reports it under."""
    goal: Goal


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter with its feasible values. Checked as part of a ``TuningSpec``."""

    name: str
    type: ParameterType
    min_value: float | None = None
    """Of DOUBLE and INTEGER, like ``max_value``; both are feasible themselves."""
    max_value: float | None = None
    values: tuple[float, ...] = ()
    """Of DISCRETE, in increasing order."""
    categories: tuple[str, ...] = ()
    scale: ScaleType | None = None
    parent_values: tuple[Value, ...] = ()
    """Of a child: it is active in trials whose parent has one of these values."""
    children: tuple["Parameter", ...] = ()


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a trainer reported at one time."""

    step: int
    elapsed: float
    """Seconds since the trial started."""
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Trial:
    trial_id: str
    """``"1"``, ``"2"``, …"""
    state: JobState
    """A trial runs as a job does, and has its states."""
    parameters: Mapping[str, Value]
    """The active ones, in the order of the specification."""
    start_time: datetime | None = None
    end_time: datetime | None = None
    final: Measurement | None = None
    """What it is judged by; None if it reported no metric, or is not finished."""
    measurements: tuple[Measurement, ...] = ()
    """In order of steps."""
    stopped_early: bool = False
    infeasible_reason: str = ""
    """Why it has no ``final`` though it is finished."""
