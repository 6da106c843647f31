"""ML Engine's JSON of tuning: what is written is read back; the forms that Google's samples show."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.errors import InvalidArgument
from cloud.lifecycle import JobState
from cloud.resources import Job, Service
from cloud.resources.trials import Goal, Measurement, Metric, Parameter, ParameterType, ScaleType, Trial
from cloud.resources.tuning import TuningSpec
from cloud.wire.ml_v1 import training_input
from cloud.wire.ml_v1_tuning import hyperparameters, training_output, trial, trial_json, tuning_spec
from emulator_api.ml_requests import training_job
from emulator_api.tuning_specs import LONG_AGO, specs, trials


@given(specs(Service.ML_ENGINE))
def test_specifications_round_trip(spec: TuningSpec) -> None:
    given = {**training_input(spec.training), "hyperparameters": hyperparameters(spec)}
    assert tuning_spec(json.loads(json.dumps({"jobId": "tune", "trainingInput": given}))) == spec


@given(st.data())
def test_trials_round_trip(data: st.DataObject) -> None:
    spec = data.draw(specs(Service.ML_ENGINE))
    made = data.draw(trials(spec))
    assert trial(json.loads(json.dumps(trial_json(made))), spec) == made


def spec(**given: object) -> TuningSpec:
    params = [{"parameterName": "nbuckets", "type": "INTEGER", "minValue": 10, "maxValue": 20, "scaleType": "NONE"}]
    return tuning_spec(training_job(hyperparameters={"params": params, **given}))


def test_what_is_left_out_has_googles_defaults() -> None:
    found = spec()
    assert found.metrics == (Metric("training/hptuning/metric", Goal.MAXIMIZE),)
    assert (found.max_trials, found.parallel_trials, found.max_failed_trials) == (1, 1, 0)
    assert found.parameters == (Parameter("nbuckets", ParameterType.INTEGER, 10, 20),)


def test_a_parameter_needs_a_type() -> None:
    with pytest.raises(InvalidArgument, match=r"params\[0\].type"):
        spec(params=[{"parameterName": "a"}])


def tried(number: int, loss: float | None, **given: object) -> Trial:
    final = None if loss is None else Measurement(5000, 1.0, {"rmse": loss})
    made = Trial(str(number), JobState.SUCCEEDED, {"nbuckets": 16}, final=final)
    return replace(made, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(("goal", "order"), [("MINIMIZE", ["3", "1", "2", "4"]), ("MAXIMIZE", ["1", "3", "2", "4"])])
def test_trials_are_listed_best_first_and_those_without_a_metric_last(goal: str, order: list[str]) -> None:
    found = spec(goal=goal, hyperparameterMetricTag="rmse")
    made = (tried(1, 8.5), tried(2, None), tried(3, -1.0), tried(4, None, state=JobState.FAILED))
    output = training_output(Job(found, JobState.RUNNING, LONG_AGO, trials=made), found)
    assert [each["trialId"] for each in output["trials"]] == order
    assert (output["completedTrialCount"], output["hyperparameterMetricTag"]) == ("3", "rmse")
    assert output["isHyperparameterTuningJob"] is True


def test_a_trial_has_the_form_of_googles_samples() -> None:
    shown = trial_json(
        Trial(
            "37",
            JobState.SUCCEEDED,
            {"rate": 0.2011326172916916, "units": 64.0, "nbuckets": 16, "kind": "deep"},
            LONG_AGO,
            LONG_AGO,
            Measurement(8000, 12.0, {"rmse": 0.0276162791997}),
            stopped_early=True,
        )
    )
    assert shown == {
        "trialId": "37",
        "hyperparameters": {"rate": "0.2011326172916916", "units": "64", "nbuckets": "16", "kind": "deep"},
        "finalMetric": {"trainingStep": "8000", "objectiveValue": 0.0276162791997},
        "isTrialStoppedEarly": True,
        "startTime": "2020-01-01T00:00:00Z",
        "endTime": "2020-01-01T00:00:00Z",
        "state": "SUCCEEDED",
    }


def test_scales_are_kept() -> None:
    params = [{"parameterName": "a", "type": "DOUBLE", "minValue": 1, "maxValue": 2, "scaleType": "UNIT_LOG_SCALE"}]
    assert spec(params=params).parameters[0].scale is ScaleType.LOG
