"""JSON of ML Engine's hyperparameter tuning, for clients and servers. Pure.

Shapes: ``GoogleCloudMlV1__HyperparameterSpec`` and ``GoogleCloudMlV1__HyperparameterOutput`` of the discovery document
``ml.v1``.
"""

from collections.abc import Mapping, Sequence

from cloud.errors import InvalidArgument
from cloud.lifecycle import JobState
from cloud.resources import Job, Json
from cloud.resources.trials import Goal, Measurement, Metric, Parameter, ParameterType, ScaleType, Trial, Value, as_text
from cloud.resources.tuning import Algorithm, EarlyStopping, TuningSpec
from cloud.wire.ml_v1 import JobImage, job_spec, moment, timestamp

DEFAULT_METRIC = "training/hptuning/metric"
_FIELD = "training_input.hyperparameters"


def tuning_spec(body: Mapping[str, Json], image: JobImage | None = None) -> TuningSpec:
    """The specification in a ``Job`` whose ``trainingInput`` has ``hyperparameters``. Inverse of ``hyperparameters``.

    Raises:
        InvalidArgument: as ``TuningSpec``.
    """
    training = job_spec(body, image)
    given = body["trainingInput"]["hyperparameters"]
    goal = given.get("goal", "GOAL_TYPE_UNSPECIFIED")
    is_stopping = given.get("enableTrialEarlyStopping", False)
    return TuningSpec(
        job_id=training.job_id,
        region=training.region,
        labels=training.labels,
        service_account=training.service_account,
        training=training,
        metrics=(
            Metric(
                given.get("hyperparameterMetricTag") or DEFAULT_METRIC,
                Goal.MAXIMIZE if goal == "GOAL_TYPE_UNSPECIFIED" else Goal(goal),
            ),
        ),
        parameters=tuple(_parameter(each, index) for index, each in enumerate(given.get("params", ()))),
        max_trials=given.get("maxTrials") or 1,
        parallel_trials=given.get("maxParallelTrials") or 1,
        max_failed_trials=given.get("maxFailedTrials", 0),
        algorithm=Algorithm(given.get("algorithm", Algorithm.DEFAULT)),
        early_stopping=EarlyStopping.MEDIAN_BY_STEP if is_stopping else EarlyStopping.NONE,
        resume_previous_job_id=given.get("resumePreviousJobId") or None,
    )


def hyperparameters(spec: TuningSpec) -> dict[str, Json]:
    """The ``HyperparameterSpec`` of a job of ML Engine, without default values."""
    (metric,) = spec.metrics
    fields = {
        "goal": metric.goal.value,
        "hyperparameterMetricTag": metric.name,
        "params": [_parameter_json(each) for each in spec.parameters],
        "maxTrials": spec.max_trials,
        "maxParallelTrials": spec.parallel_trials,
        "maxFailedTrials": spec.max_failed_trials or None,
        "algorithm": None if spec.algorithm is Algorithm.DEFAULT else spec.algorithm.value,
        "enableTrialEarlyStopping": None if spec.early_stopping is EarlyStopping.NONE else True,
        "resumePreviousJobId": spec.resume_previous_job_id,
    }
    return {name: value for name, value in fields.items() if value is not None}


def training_output(job: Job, spec: TuningSpec) -> dict[str, Json]:
    """What ``TrainingOutput`` has of a tuning job."""
    completed = sum(trial.state is JobState.SUCCEEDED for trial in job.trials)
    return {
        **({"completedTrialCount": str(completed)} if completed else {}),
        **({"trials": [trial_json(trial) for trial in best_first(job.trials, spec)]} if job.trials else {}),
        "isHyperparameterTuningJob": True,
        "hyperparameterMetricTag": spec.metrics[0].name,
    }


def best_first(trials: Sequence[Trial], spec: TuningSpec) -> list[Trial]:
    """In the order in which ML Engine lists them; those without a metric are last."""
    metric = spec.metrics[0]
    sign = 1 if metric.goal is Goal.MINIMIZE else -1

    def place(trial: Trial) -> tuple[bool, float]:
        return (True, 0.0) if trial.final is None else (False, sign * trial.final.metrics[metric.name])

    return sorted(trials, key=place)


def trial_json(trial: Trial) -> dict[str, Json]:
    """``HyperparameterOutput``."""
    answer: dict[str, Json] = {"trialId": trial.trial_id}
    if trial.parameters:
        answer["hyperparameters"] = {name: as_text(value) for name, value in trial.parameters.items()}
    if trial.final is not None:
        (value,) = trial.final.metrics.values()
        answer["finalMetric"] = {
            **({"trainingStep": str(trial.final.step)} if trial.final.step else {}),
            "objectiveValue": value,
        }
    if trial.stopped_early:
        answer["isTrialStoppedEarly"] = True
    for name, time in (("startTime", trial.start_time), ("endTime", trial.end_time)):
        if time is not None:
            answer[name] = timestamp(time)
    return answer | {"state": trial.state.value}


def trial(given: Mapping[str, Json], spec: TuningSpec) -> Trial:
    """Inverse of ``trial_json``, but for what that does not have: the other measurements and why it failed."""
    final = given.get("finalMetric")
    return Trial(
        trial_id=given["trialId"],
        state=JobState(given["state"]),
        parameters=_values(given.get("hyperparameters", {}), spec.parameters),
        start_time=moment(given.get("startTime")),
        end_time=moment(given.get("endTime")),
        final=final
        and Measurement(
            int(final.get("trainingStep", 0)), 0.0, {spec.metrics[0].name: float(final.get("objectiveValue", 0.0))}
        ),
        stopped_early=given.get("isTrialStoppedEarly", False),
    )


def _parameter(given: Mapping[str, Json], index: int) -> Parameter:
    field = f"{_FIELD}.params[{index}]"
    kind = given.get("type", "PARAMETER_TYPE_UNSPECIFIED")
    if kind == "PARAMETER_TYPE_UNSPECIFIED":
        raise InvalidArgument("The type of the parameter is required.", field=f"{field}.type")
    is_range = kind in (ParameterType.DOUBLE, ParameterType.INTEGER)
    unset = 0.0 if is_range else None  # a 0 is not told from a missing number: bodies in normal form leave it out
    scale = given.get("scaleType", "NONE")
    return Parameter(
        name=given.get("parameterName", ""),
        type=ParameterType(kind),
        min_value=_number(given.get("minValue", unset)),
        max_value=_number(given.get("maxValue", unset)),
        values=tuple(map(float, given.get("discreteValues", ()))),
        categories=tuple(given.get("categoricalValues", ())),
        scale=None if scale == "NONE" else ScaleType(scale),
    )


def _number(given: float | str | None) -> float | None:
    """A bound in normal form, in which ``"NaN"`` and ``"Infinity"`` are strings."""
    return float(given) if isinstance(given, str) else given


def _parameter_json(parameter: Parameter) -> dict[str, Json]:
    fields = {
        "parameterName": parameter.name,
        "type": parameter.type.value,
        "minValue": parameter.min_value,
        "maxValue": parameter.max_value,
        "discreteValues": list(parameter.values) or None,
        "categoricalValues": list(parameter.categories) or None,
        "scaleType": parameter.scale and parameter.scale.value,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _values(given: Mapping[str, str], parameters: Sequence[Parameter]) -> dict[str, Value]:
    kinds: Mapping[ParameterType, type[float | int | str]] = {
        ParameterType.DOUBLE: float,
        ParameterType.DISCRETE: float,
        ParameterType.INTEGER: int,
        ParameterType.CATEGORICAL: str,
    }
    return {each.name: kinds[each.type](given[each.name]) for each in parameters if each.name in given}
