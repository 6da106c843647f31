"""The rules of tuning jobs: each names the field, in the form of the job's service."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cloud.errors import FailedPrecondition, InvalidArgument
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import Job, Service, TrainingSpec
from cloud.resources.trials import Goal, Metric, Parameter, ParameterType, ScaleType, as_text
from cloud.resources.tuning import Algorithm, TuningSpec

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NAN, INFINITY = float("nan"), float("inf")
RATE = Parameter("rate", ParameterType.DOUBLE, 0.1, 0.5)
LAYERS = Parameter("layers", ParameterType.INTEGER, 1, 4)
UNITS = Parameter("units", ParameterType.DISCRETE, values=(16.0, 64.0))
KIND = Parameter("kind", ParameterType.CATEGORICAL, categories=("deep", "wide"))
ML_ENGINE = TrainingSpec("tune", (GsUri("bucket", "a.whl"),), "trainer.task")
VERTEX_AI = TrainingSpec("12", (), "trainer.task", service=Service.VERTEX_AI)


def tuning(training: TrainingSpec, **given: object) -> TuningSpec:
    fields: Mapping[str, object] = {
        "metrics": (Metric("rmse", Goal.MINIMIZE),),
        "parameters": (RATE, LAYERS, UNITS, KIND),
        "max_trials": 4,
        "parallel_trials": 2,
        **given,
    }
    return TuningSpec(training.job_id, training, service=training.service, **fields)  # type: ignore[arg-type]


def below(parent: Parameter, *children: Parameter) -> dict[str, object]:
    return {"parameters": (replace(parent, children=children),)}


def when(*values: object, name: str = "child") -> Parameter:
    return Parameter(name, ParameterType.INTEGER, 1, 2, parent_values=values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "ml_engine", "vertex_ai"),
    [
        ({"parameters": ()}, "params", "study_spec.parameters"),
        ({"parameters": (RATE, replace(RATE, name=""))}, "params[1].parameter_name", "parameters[1].parameter_id"),
        ({"parameters": (replace(RATE, name="a b"),)}, "params[0].parameter_name", "parameters[0].parameter_id"),
        ({"parameters": (RATE, LAYERS, RATE)}, "params[2].parameter_name", "parameters[2].parameter_id"),
        ({"parameters": (replace(RATE, min_value=0.6),)}, "params[0].max_value", "[0].double_value_spec.max_value"),
        ({"parameters": (replace(RATE, min_value=None),)}, "params[0].min_value", "[0].double_value_spec.min_value"),
        ({"parameters": (replace(RATE, max_value=NAN),)}, "params[0].max_value", "[0].double_value_spec.max_value"),
        ({"parameters": (replace(RATE, max_value=INFINITY),)}, "params[0].max_value", "double_value_spec.max_value"),
        ({"parameters": (replace(LAYERS, max_value=3.5),)}, "params[0].max_value", "integer_value_spec.max_value"),
        (
            {"parameters": (LAYERS, UNITS, replace(RATE, min_value=0.0, scale=ScaleType.LOG))},
            "params[2].min_value",
            "study_spec.parameters[2].double_value_spec.min_value",
        ),
        (
            {"parameters": (replace(LAYERS, min_value=-1, scale=ScaleType.REVERSE_LOG),)},
            "params[0].min_value",
            "study_spec.parameters[0].integer_value_spec.min_value",
        ),
        (
            {"parameters": (replace(UNITS, values=(0.0, 1.0), scale=ScaleType.LOG),)},
            "params[0].discrete_values",
            "study_spec.parameters[0].discrete_value_spec.values",
        ),
        ({"parameters": (replace(UNITS, values=()),)}, "params[0].discrete_values", "discrete_value_spec.values"),
        ({"parameters": (replace(UNITS, values=(2.0, 1.0)),)}, "discrete_values", "discrete_value_spec.values"),
        ({"parameters": (replace(UNITS, values=(1.0, 1.0 + 1e-11)),)}, "discrete_values", "discrete_value_spec.values"),
        ({"parameters": (replace(UNITS, values=(1.0, NAN)),)}, "discrete_values", "discrete_value_spec.values"),
        (
            {"parameters": (replace(UNITS, values=tuple(map(float, range(1001)))),)},
            "discrete_values",
            "discrete_value_spec.values",
        ),
        ({"parameters": (replace(KIND, categories=()),)}, "categorical_values", "categorical_value_spec.values"),
        (
            {"parameters": (replace(KIND, categories=("a", "a")),)},
            "params[0].categorical_values",
            "study_spec.parameters[0].categorical_value_spec.values",
        ),
        ({"parameters": (replace(KIND, scale=ScaleType.LINEAR),)}, "params[0].scale_type", "parameters[0].scale_type"),
        ({"max_trials": 0}, "hyperparameters.max_trials", "max_trial_count"),
        ({"parallel_trials": 5}, "hyperparameters.max_parallel_trials", "parallel_trial_count"),
        ({"parallel_trials": 0}, "hyperparameters.max_parallel_trials", "parallel_trial_count"),
        ({"max_failed_trials": 5}, "hyperparameters.max_failed_trials", "max_failed_trial_count"),
        ({"max_failed_trials": -1}, "hyperparameters.max_failed_trials", "max_failed_trial_count"),
        ({"algorithm": Algorithm.GRID_SEARCH}, "hyperparameters.algorithm", "study_spec.algorithm"),
        ({"metrics": ()}, "hyperparameters.hyperparameter_metric_tag", "study_spec.metrics"),
        ({"metrics": (Metric("", Goal.MINIMIZE),)}, "hyperparameter_metric_tag", "study_spec.metrics"),
        ({"metrics": (Metric("a", Goal.MINIMIZE), Metric("a", Goal.MAXIMIZE))}, "metric_tag", "study_spec.metrics"),
        (below(KIND, when("round")), "params[0]", "study_spec.parameters[0].conditional_parameter_specs[0]"),
        (below(KIND, when()), "params[0]", "study_spec.parameters[0].conditional_parameter_specs[0]"),
        (below(LAYERS, when(1), when(5, name="b")), "params[0]", "parameters[0].conditional_parameter_specs[1]"),
        (below(UNITS, when(17.0)), "params[0]", "study_spec.parameters[0].conditional_parameter_specs[0]"),
        (below(RATE, when(0.2)), "params[0]", "study_spec.parameters[0].conditional_parameter_specs[0]"),
        (below(KIND, when("deep", name="kind")), "params[0]", "study_spec.parameters[0].parameter_id"),
        (
            below(KIND, when("deep"), when("wide", "deep")),
            "params[0]",
            "study_spec.parameters[0].conditional_parameter_specs[1].parameter_id",
        ),
        (
            {"parameters": (replace(KIND, children=(when("deep"),)), replace(LAYERS, children=(when(1),)))},
            "params[0]",
            "study_spec.parameters[1].parameter_id",
        ),
    ],
)
def test_each_rule_names_its_field(given: dict[str, object], ml_engine: str, vertex_ai: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        tuning(ML_ENGINE, **given)
    assert (caught.value.field or "").startswith("training_input.hyperparameters.")
    assert ml_engine in (caught.value.field or "")
    with pytest.raises(InvalidArgument) as caught:
        tuning(VERTEX_AI, **given)
    assert (caught.value.field or "").endswith(vertex_ai)


def test_ml_engine_has_neither_several_metrics_nor_conditional_parameters() -> None:
    with pytest.raises(InvalidArgument, match="one metric, not 2"):
        tuning(ML_ENGINE, metrics=(Metric("a", Goal.MINIMIZE), Metric("b", Goal.MINIMIZE)))
    with pytest.raises(InvalidArgument, match="no conditional parameters"):
        tuning(ML_ENGINE, **below(KIND, when("deep")))


def test_children_that_are_never_together_may_have_one_name() -> None:
    tuning(VERTEX_AI, **below(KIND, when("deep"), when("wide")))


@pytest.mark.parametrize("value", [1.0, 2])
def test_both_bounds_may_be_the_same(value: float) -> None:
    tuning(ML_ENGINE, parameters=(replace(LAYERS, min_value=value, max_value=value),))


def test_only_ml_engine_goes_on_with_an_earlier_job() -> None:
    with pytest.raises(InvalidArgument, match="only jobs of ML Engine"):
        tuning(VERTEX_AI, resume_previous_job_id="other")


def test_an_earlier_job_is_a_finished_one_of_the_same_parameters() -> None:
    spec = tuning(ML_ENGINE)
    spec.check_resumes(Job(spec, JobState.SUCCEEDED, LONG_AGO))
    with pytest.raises(FailedPrecondition, match="is RUNNING: it is not finished"):
        spec.check_resumes(Job(spec, JobState.RUNNING, LONG_AGO))
    with pytest.raises(InvalidArgument, match="is not a tuning job"):
        spec.check_resumes(Job(ML_ENGINE, JobState.SUCCEEDED, LONG_AGO))
    with pytest.raises(InvalidArgument, match="other parameters"):
        spec.check_resumes(Job(tuning(ML_ENGINE, parameters=(RATE,)), JobState.SUCCEEDED, LONG_AGO))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1, "0.1"), (64.0, "64"), (16, "16"), (-3.0, "-3"), (1e-05, "1e-05"), (1e300, "1e+300"), ("64.0", "64.0")],
)
def test_a_value_as_an_argument(value: float | str, text: str) -> None:
    assert as_text(value) == text
