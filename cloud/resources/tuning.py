"""The specification of a hyperparameter tuning job. A value.

Rules: ``GoogleCloudMlV1__HyperparameterSpec`` of the discovery document ``ml.v1``, ``HyperparameterTuningJob`` and
``StudySpec`` of ``aiplatform.v1``; "using hyperparameter tuning" of the documentation.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cloud.errors import FailedPrecondition, InvalidArgument
from cloud.resources.jobs import Job, JobSpec, Service, TrainingSpec, as_training
from cloud.resources.trials import Metric, Parameter, ParameterType, ScaleType


class Algorithm(StrEnum):
    DEFAULT = "ALGORITHM_UNSPECIFIED"
    GRID_SEARCH = "GRID_SEARCH"
    RANDOM_SEARCH = "RANDOM_SEARCH"


class EarlyStopping(StrEnum):
    """When a trial is stopped that is worse than the median of the completed ones."""

    NONE = "NONE"
    MEDIAN_BY_STEP = "MEDIAN_BY_STEP"
    """Compared up to the same step."""
    MEDIAN_BY_TIME = "MEDIAN_BY_TIME"
    """Compared up to the same time since the start of the trial."""


class MeasurementSelection(StrEnum):
    """Which of a trial's measurements is its final one."""

    LAST = "LAST_MEASUREMENT"
    BEST = "BEST_MEASUREMENT"


_MOST_VALUES, _CLOSEST_VALUES = 1000, 1e-10
"""Of a DISCRETE parameter: how many, and how far apart."""
_PLACES: Mapping[Service, Mapping[str, str]] = {
    Service.ML_ENGINE: {
        "": "training_input.hyperparameters.",
        "metrics": "hyperparameter_metric_tag",
        "parameters": "params",
        "name": "parameter_name",
        "max_trials": "max_trials",
        "parallel_trials": "max_parallel_trials",
        "max_failed_trials": "max_failed_trials",
        "algorithm": "algorithm",
        "resume_previous_job_id": "resume_previous_job_id",
        "DISCRETE": "discrete_values",
        "CATEGORICAL": "categorical_values",
        "DOUBLE": "",
        "INTEGER": "",
    },
    Service.VERTEX_AI: {
        "": "",
        "metrics": "study_spec.metrics",
        "parameters": "study_spec.parameters",
        "name": "parameter_id",
        "max_trials": "max_trial_count",
        "parallel_trials": "parallel_trial_count",
        "max_failed_trials": "max_failed_trial_count",
        "algorithm": "study_spec.algorithm",
        "resume_previous_job_id": "study_spec",
        "DISCRETE": "discrete_value_spec.values",
        "CATEGORICAL": "categorical_value_spec.values",
        "DOUBLE": "double_value_spec.",
        "INTEGER": "integer_value_spec.",
    },
}
"""The fields' names in each service's API."""


@dataclass(frozen=True, slots=True)
class TuningSpec(JobSpec):
    """A tuning job: trials of one training job with different values of its parameters.

    Raises:
        InvalidArgument: names the field, in the form of the job's service.
    """

    training: TrainingSpec
    """Of each trial, but for the arguments and folders that differ. It has the id, service and account of this job."""
    metrics: tuple[Metric, ...]
    parameters: tuple[Parameter, ...]
    max_trials: int = 1
    parallel_trials: int = 1
    max_failed_trials: int = 0
    """The job fails with this many failed trials; 0: the service decides."""
    algorithm: Algorithm = Algorithm.DEFAULT
    early_stopping: EarlyStopping = EarlyStopping.NONE
    selection: MeasurementSelection = MeasurementSelection.LAST
    resume_previous_job_id: str | None = None
    """ML Engine only: a finished tuning job of the same parameters, whose trials this one learns from."""
    reaches_program: bool = True
    """Whether the values, which are appended to the arguments, reach the program: those behind the script of ``sh -c``
    do not (Vertex AI only)."""

    def __post_init__(self) -> None:
        JobSpec.__post_init__(self)
        self._check_counts()
        self._check_metrics()
        if not self.parameters:
            raise self._invalid("parameters", "at least one parameter to tune is required")
        self._check_parameters(self.parameters, self._place("parameters"))
        if self.algorithm is Algorithm.GRID_SEARCH and (name := _double_in(self.parameters)):
            raise self._invalid("algorithm", f"GRID_SEARCH cannot have the DOUBLE parameter {name!r}")
        if self.resume_previous_job_id and self.service is Service.VERTEX_AI:
            raise self._invalid("resume_previous_job_id", "only jobs of ML Engine go on with an earlier one")

    def check_resumes(self, previous: Job) -> None:
        """Raises:
        InvalidArgument: ``previous`` is not a tuning job of the same parameters.
        FailedPrecondition: it is not finished.
        """
        spec = previous.spec
        if not isinstance(spec, TuningSpec):
            raise self._invalid("resume_previous_job_id", f"job {previous.job_id!r} is not a tuning job")
        if spec.parameters != self.parameters or spec.metrics != self.metrics:
            raise self._invalid(
                "resume_previous_job_id", f"job {previous.job_id!r} tunes other parameters, or for another metric"
            )
        if not previous.state.is_final:
            raise FailedPrecondition(f"job {previous.job_id!r} is {previous.state.value}: it is not finished")

    def _check_counts(self) -> None:
        if self.max_trials < 1:
            raise self._invalid("max_trials", f"at least 1 trial, not {self.max_trials}")
        if not 1 <= self.parallel_trials <= self.max_trials:
            raise self._invalid(
                "parallel_trials", f"from 1 to the number of trials, {self.max_trials}, not {self.parallel_trials}"
            )
        if not 0 <= self.max_failed_trials <= self.max_trials:
            raise self._invalid(
                "max_failed_trials", f"from 0 to the number of trials, {self.max_trials}, not {self.max_failed_trials}"
            )

    def _check_metrics(self) -> None:
        names = [metric.name for metric in self.metrics]
        is_ml_engine = self.service is Service.ML_ENGINE
        for name in names:
            if not name or "\0" in name or (not is_ml_engine and any(map(str.isspace, name))):
                raise self._invalid("metrics", f"a metric's name, without spaces, not {name!r}")
        if is_ml_engine and len(names) > 1:
            raise self._invalid("metrics", f"ML Engine's jobs have one metric, not {len(names)}")
        if not names or len(set(names)) < len(names):
            raise self._invalid("metrics", f"at least one metric, each with a name of its own, not {names}")

    def _check_parameters(self, parameters: Sequence[Parameter], place: str, parent: Parameter | None = None) -> None:
        holders: dict[str, list[Parameter]] = {}
        """Of each name, those that have it, or a child that has."""
        for index, parameter in enumerate(parameters):
            here = f"{place}[{index}]"
            name = parameter.name
            if not name or "\0" in name or any(map(str.isspace, name)):
                raise InvalidArgument(f"a name without spaces, not {name!r}", field=f"{here}.{self._name('name')}")
            own, below = {name}, _names(parameter.children)
            earlier = {
                each
                for each in own | below
                if any(_may_be_together(holder, parameter) for holder in holders.get(each, ()))
            }
            if twice := (own & below) | earlier:
                raise InvalidArgument(
                    f"parameter names are unique, and {min(twice)!r} is there twice",
                    field=f"{here}.{self._name('name')}",
                )
            for each in own | below:
                holders.setdefault(each, []).append(parameter)
            if parameter.children and self.service is Service.ML_ENGINE:
                raise InvalidArgument("ML Engine has no conditional parameters", field=here)
            self._check_domain(parameter, here)
            if parent is not None:
                _check_condition(parameter, parent, here)
            self._check_parameters(parameter.children, f"{here}.conditional_parameter_specs", parameter)

    def _check_domain(self, parameter: Parameter, here: str) -> None:
        kind, place = parameter.type, f"{here}.{self._name(parameter.type)}"
        match kind:
            case ParameterType.DOUBLE | ParameterType.INTEGER:
                _check_bounds(parameter, place)
                lowest: float | None = parameter.min_value
                place += "min_value"
            case ParameterType.DISCRETE:
                _check_discrete(parameter.values, place)
                lowest = parameter.values[0]
            case ParameterType.CATEGORICAL:
                if not parameter.categories or len(set(parameter.categories)) < len(parameter.categories):
                    raise InvalidArgument(
                        f"at least one category, each once, not {list(parameter.categories)}", field=place
                    )
                if any("\0" in category for category in parameter.categories):
                    raise InvalidArgument("no program can be given a NUL character: leave it out", field=place)
                if parameter.scale is not None:
                    raise InvalidArgument("a CATEGORICAL parameter has no scale", field=f"{here}.scale_type")
                lowest = None
        if parameter.scale in (ScaleType.LOG, ScaleType.REVERSE_LOG) and lowest is not None and lowest <= 0:
            raise InvalidArgument(f"{parameter.scale.value} needs values above 0, not {lowest:g}", field=place)

    def _name(self, field: str) -> str:
        return _PLACES[self.service][field]

    def _place(self, field: str) -> str:
        return self._name("") + self._name(field)

    def _invalid(self, field: str, rule: str) -> InvalidArgument:
        return InvalidArgument(rule, field=self._place(field))


def training_of(spec: JobSpec) -> TrainingSpec:
    """What the replicas of a training job, or of the trials of a tuning job, run.

    Raises:
        InvalidArgument: it is a job of another kind.
    """
    return spec.training if isinstance(spec, TuningSpec) else as_training(spec)


def _check_bounds(parameter: Parameter, place: str) -> None:
    low, high = parameter.min_value, parameter.max_value
    for name, value in (("min_value", low), ("max_value", high)):
        if value is None or not math.isfinite(value):
            raise InvalidArgument(f"a number is required, not {value}", field=place + name)
        if parameter.type is ParameterType.INTEGER and value != int(value):
            raise InvalidArgument(f"a whole number is required, not {value}", field=place + name)
    assert low is not None  # noqa: S101 - just checked
    assert high is not None  # noqa: S101
    if low > high:
        raise InvalidArgument(f"at least min_value, {low:g}, not {high:g}", field=place + "max_value")
    if not math.isfinite(float(high) - float(low)):
        raise InvalidArgument(
            f"a range that a double can hold, not from {low:g} to {high:g}", field=place + "max_value"
        )


def _check_discrete(values: Sequence[float], place: str) -> None:
    if not 1 <= len(values) <= _MOST_VALUES:
        raise InvalidArgument(f"1 to {_MOST_VALUES} values, not {len(values)}", field=place)
    for value, following in zip(values, [*values[1:], math.inf], strict=True):
        if not math.isfinite(value) or following - value < _CLOSEST_VALUES:
            raise InvalidArgument(
                f"values in increasing order, at least {_CLOSEST_VALUES:g} apart, not {value:g} before {following:g}",
                field=place,
            )


def _check_condition(parameter: Parameter, parent: Parameter, here: str) -> None:
    match parent.type:
        case ParameterType.CATEGORICAL:
            known: Sequence[object] = parent.categories
        case ParameterType.DISCRETE:
            known = parent.values
        case ParameterType.INTEGER:
            known = range(int(parent.min_value or 0), int(parent.max_value or 0) + 1)
        case ParameterType.DOUBLE:
            raise InvalidArgument(f"the DOUBLE parameter {parent.name!r} has no conditional ones", field=here)
    unknown = [value for value in parameter.parent_values if value not in known]
    if unknown or not parameter.parent_values:
        raise InvalidArgument(f"values of the parent {parent.name!r} are required, not {unknown or 'none'}", field=here)


def _may_be_together(one: Parameter, other: Parameter) -> bool:
    """Whether a trial may have both, which are children of one parent or of none."""
    return not one.parent_values or not set(one.parent_values).isdisjoint(other.parent_values)


def _names(parameters: Sequence[Parameter]) -> set[str]:
    """Theirs and those of their children."""
    return {name for each in parameters for name in (each.name, *_names(each.children))}


def _double_in(parameters: Sequence[Parameter]) -> str:
    """The name of a DOUBLE parameter; empty if there is none."""
    for parameter in parameters:
        if parameter.type is ParameterType.DOUBLE:
            return parameter.name
        if name := _double_in(parameter.children):
            return name
    return ""
