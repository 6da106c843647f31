"""JSON of Vertex AI's hyperparameter tuning, for clients and servers: studies and trials. Pure.

Shapes: ``HyperparameterTuningJob``, ``StudySpec`` and ``Trial`` of the discovery document ``aiplatform.v1``.
"""

from collections.abc import Mapping

from cloud.errors import InvalidArgument
from cloud.lifecycle import JobState
from cloud.resources import Json, TrainingSpec
from cloud.resources.trials import Goal, Measurement, Metric, Parameter, ParameterType, ScaleType, Trial, Value
from cloud.resources.tuning import Algorithm, EarlyStopping, MeasurementSelection, TuningSpec
from cloud.wire.ml_v1 import duration, moment, precise_timestamp, seconds

_FIELD = "study_spec"
_SPECS = {
    ParameterType.DOUBLE: "doubleValueSpec",
    ParameterType.INTEGER: "integerValueSpec",
    ParameterType.DISCRETE: "discreteValueSpec",
    ParameterType.CATEGORICAL: "categoricalValueSpec",
}
_CONDITIONS = {
    ParameterType.INTEGER: "parentIntValues",
    ParameterType.DISCRETE: "parentDiscreteValues",
    ParameterType.CATEGORICAL: "parentCategoricalValues",
}
_RULES = ("medianAutomatedStoppingSpec", "decayCurveStoppingSpec", "convexAutomatedStoppingSpec")
"""Of early stopping. All do as the first."""
_STATES = {
    JobState.QUEUED: "REQUESTED",
    JobState.PREPARING: "ACTIVE",
    JobState.RUNNING: "ACTIVE",
    JobState.CANCELLING: "STOPPING",
    JobState.SUCCEEDED: "SUCCEEDED",
    JobState.FAILED: "INFEASIBLE",
    JobState.CANCELLED: "INFEASIBLE",
}


def tuning_spec(training: TrainingSpec, given: Mapping[str, Json], *, reaches_program: bool = True) -> TuningSpec:
    """The specification in a ``HyperparameterTuningJob``, whose ``trialJobSpec`` is ``training``.

    Raises:
        InvalidArgument: as ``TuningSpec``, or something that is not emulated.
    """
    study = given.get("studySpec", {})
    if "studyStoppingConfig" in study:
        raise InvalidArgument("Not done here: give maxTrialCount.", field=f"{_FIELD}.study_stopping_config")
    selection = study.get("measurementSelectionType", "MEASUREMENT_SELECTION_TYPE_UNSPECIFIED")
    return TuningSpec(
        job_id=training.job_id,
        region=training.region,
        service=training.service,
        service_account=training.service_account,
        training=training,
        metrics=tuple(_metric(each, index) for index, each in enumerate(study.get("metrics", ()))),
        parameters=tuple(
            _parameter(each, f"{_FIELD}.parameters[{index}]") for index, each in enumerate(study.get("parameters", ()))
        ),
        max_trials=given.get("maxTrialCount", 0),
        parallel_trials=given.get("parallelTrialCount", 0),
        max_failed_trials=given.get("maxFailedTrialCount", 0),
        algorithm=Algorithm(study.get("algorithm", Algorithm.DEFAULT)),
        early_stopping=_early_stopping(study),
        selection=MeasurementSelection.LAST
        if selection == "MEASUREMENT_SELECTION_TYPE_UNSPECIFIED"
        else MeasurementSelection(selection),
        reaches_program=reaches_program,
    )


def study_json(spec: TuningSpec) -> dict[str, Json]:
    """The ``StudySpec`` of a job, without default values. With ``counts_json`` the inverse of ``tuning_spec``."""
    fields = {
        "metrics": [{"metricId": metric.name, "goal": metric.goal.value} for metric in spec.metrics],
        "parameters": [_parameter_json(each) for each in spec.parameters],
        "algorithm": None if spec.algorithm is Algorithm.DEFAULT else spec.algorithm.value,
        "measurementSelectionType": None if spec.selection is MeasurementSelection.LAST else spec.selection.value,
        "medianAutomatedStoppingSpec": {
            EarlyStopping.NONE: None,
            EarlyStopping.MEDIAN_BY_STEP: {},
            EarlyStopping.MEDIAN_BY_TIME: {"useElapsedDuration": True},
        }[spec.early_stopping],
    }
    return {name: value for name, value in fields.items() if value is not None}


def counts_json(spec: TuningSpec) -> dict[str, Json]:
    """The numbers of trials in a ``HyperparameterTuningJob``."""
    counts = {"maxTrialCount": spec.max_trials, "parallelTrialCount": spec.parallel_trials}
    return counts | ({"maxFailedTrialCount": spec.max_failed_trials} if spec.max_failed_trials else {})


def trial_json(trial: Trial) -> dict[str, Json]:
    """``Trial``."""
    state = _STATES[trial.state]
    if state == "SUCCEEDED" and trial.final is None:
        state = "INFEASIBLE"
    answer: dict[str, Json] = {"id": trial.trial_id, "state": state}
    if trial.parameters:
        answer["parameters"] = [
            {"parameterId": name, "value": value if isinstance(value, str) else float(value)}
            for name, value in trial.parameters.items()
        ]
    if trial.final is not None:
        answer["finalMeasurement"] = _measurement_json(trial.final)
    for name, time in (("startTime", trial.start_time), ("endTime", trial.end_time)):
        if time is not None:
            answer[name] = precise_timestamp(time)
    if state == "INFEASIBLE" and trial.infeasible_reason:
        answer["infeasibleReason"] = trial.infeasible_reason
    return answer


def trial(given: Mapping[str, Json], spec: TuningSpec) -> Trial:
    """Inverse of ``trial_json``, but for what that does not have: the other measurements, whether it was stopped."""
    final = given.get("finalMeasurement")
    state = next(state for state, name in _STATES.items() if name == given["state"])
    return Trial(
        trial_id=given["id"],
        state=JobState.RUNNING if given["state"] == "ACTIVE" else state,
        parameters=_values(given.get("parameters", ()), spec),
        start_time=moment(given.get("startTime")),
        end_time=moment(given.get("endTime")),
        final=None
        if final is None
        else Measurement(
            int(final.get("stepCount", 0)),
            seconds(final.get("elapsedDuration", "0s")),
            {each["metricId"]: float(each.get("value", 0.0)) for each in final.get("metrics", ())},
        ),
        infeasible_reason=given.get("infeasibleReason", ""),
    )


def _measurement_json(measurement: Measurement) -> dict[str, Json]:
    return {
        "elapsedDuration": duration(measurement.elapsed),
        **({"stepCount": str(measurement.step)} if measurement.step else {}),
        "metrics": [{"metricId": name, "value": value} for name, value in measurement.metrics.items()],
    }


def _metric(given: Mapping[str, Json], index: int) -> Metric:
    field = f"{_FIELD}.metrics[{index}]"
    if "safetyConfig" in given:
        raise InvalidArgument("There are no safety metrics here.", field=f"{field}.safety_config")
    goal = given.get("goal", "GOAL_TYPE_UNSPECIFIED")
    if goal == "GOAL_TYPE_UNSPECIFIED":
        raise InvalidArgument("MAXIMIZE or MINIMIZE is required.", field=f"{field}.goal")
    return Metric(given.get("metricId", ""), Goal(goal))


def _early_stopping(study: Mapping[str, Json]) -> EarlyStopping:
    rule = next((study[name] for name in _RULES if name in study), None)
    if rule is None:
        return EarlyStopping.NONE
    return EarlyStopping.MEDIAN_BY_TIME if rule.get("useElapsedDuration") else EarlyStopping.MEDIAN_BY_STEP


def _parameter(given: Mapping[str, Json], field: str, parent_values: tuple[Value, ...] = ()) -> Parameter:
    kinds = [kind for kind, name in _SPECS.items() if name in given]
    if len(kinds) != 1:
        raise InvalidArgument(f"exactly one of {', '.join(_SPECS.values())} is required", field=field)
    (kind,) = kinds
    domain = given[_SPECS[kind]]
    is_range = kind in (ParameterType.DOUBLE, ParameterType.INTEGER)
    scale = given.get("scaleType", "SCALE_TYPE_UNSPECIFIED")
    return Parameter(
        name=given.get("parameterId", ""),
        type=kind,
        min_value=float(domain.get("minValue", 0)) if is_range else None,
        max_value=float(domain.get("maxValue", 0)) if is_range else None,
        values=tuple(map(float, domain.get("values", ()))) if kind is ParameterType.DISCRETE else (),
        categories=tuple(domain.get("values", ())) if kind is ParameterType.CATEGORICAL else (),
        scale=None if scale == "SCALE_TYPE_UNSPECIFIED" else ScaleType(scale),
        parent_values=parent_values,
        children=tuple(
            _child(child, kind, f"{field}.conditional_parameter_specs[{index}]")
            for index, child in enumerate(given.get("conditionalParameterSpecs", ()))
        ),
    )


def _child(given: Mapping[str, Json], parent: ParameterType, field: str) -> Parameter:
    condition = _CONDITIONS.get(parent, "")
    values = given.get(condition, {}).get("values", ())
    if not values:
        others = [name for name in _CONDITIONS.values() if name in given and name != condition]
        wanted = f"{condition} with values" if condition else "a parent that is not DOUBLE"
        raise InvalidArgument(f"{wanted} is required, not {', '.join(others) or 'none'}", field=field)
    convert: type[int | float | str] = {ParameterType.INTEGER: int, ParameterType.CATEGORICAL: str}.get(parent, float)
    return _parameter(given.get("parameterSpec", {}), f"{field}.parameter_spec", tuple(map(convert, values)))


def _parameter_json(parameter: Parameter) -> dict[str, Json]:
    match parameter.type:
        case ParameterType.DOUBLE:
            domain: Json = {"minValue": parameter.min_value, "maxValue": parameter.max_value}
        case ParameterType.INTEGER:
            domain = {"minValue": str(int(parameter.min_value or 0)), "maxValue": str(int(parameter.max_value or 0))}
        case ParameterType.DISCRETE:
            domain = {"values": list(parameter.values)}
        case ParameterType.CATEGORICAL:
            domain = {"values": list(parameter.categories)}
    answer: dict[str, Json] = {"parameterId": parameter.name, _SPECS[parameter.type]: domain}
    if parameter.scale is not None:
        answer["scaleType"] = parameter.scale.value
    if parameter.children:
        condition = _CONDITIONS[parameter.type]
        is_integer = parameter.type is ParameterType.INTEGER  # int64, which JSON has as text
        answer["conditionalParameterSpecs"] = [
            {
                condition: {"values": [str(value) if is_integer else value for value in child.parent_values]},
                "parameterSpec": _parameter_json(child),
            }
            for child in parameter.children
        ]
    return answer


def _values(given: Json, spec: TuningSpec) -> dict[str, Value]:
    integers = set(_integers(spec.parameters))

    def read(name: str, value: Json) -> Value:  # JSON has one kind of number
        return value if isinstance(value, str) else int(value) if name in integers else float(value)

    return {each["parameterId"]: read(each["parameterId"], each["value"]) for each in given}


def _integers(parameters: tuple[Parameter, ...]) -> list[str]:
    names = [each.name for each in parameters if each.type is ParameterType.INTEGER]
    return names + [name for each in parameters for name in _integers(each.children)]
