"""Vertex AI's JSON of tuning: what is written is read back; the forms that the SDK sends and expects."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.errors import InvalidArgument
from cloud.lifecycle import JobState
from cloud.resources import Json, Service, TrainingSpec
from cloud.resources.trials import Goal, Measurement, Metric, Parameter, ParameterType, Trial
from cloud.resources.tuning import EarlyStopping, MeasurementSelection, TuningSpec
from cloud.wire.vertex_tuning import counts_json, study_json, trial, trial_json, tuning_spec
from emulator_api.tuning_specs import LONG_AGO, specs, trials

TRAINING = TrainingSpec("12", (), "trainer.task", service=Service.VERTEX_AI)
RATE = {"parameterId": "rate", "doubleValueSpec": {"minValue": 0.1, "maxValue": 1}}
LOSS = {"metricId": "loss", "goal": "MINIMIZE"}


@given(specs(Service.VERTEX_AI))
def test_specifications_round_trip(spec: TuningSpec) -> None:
    body = {"studySpec": study_json(spec), **counts_json(spec)}
    assert tuning_spec(spec.training, json.loads(json.dumps(body))) == spec


@given(st.data())
def test_trials_round_trip(data: st.DataObject) -> None:
    spec = data.draw(specs(Service.VERTEX_AI))
    made = data.draw(trials(spec))
    if made.state is JobState.FAILED:
        made = replace(made, infeasible_reason="The replica workerpool0-0 exited with a non-zero status of 1.")
    assert trial(json.loads(json.dumps(trial_json(made))), spec) == made


def spec(*parameters: Json, **study: Json) -> TuningSpec:
    given = {"metrics": [LOSS], "parameters": list(parameters or [RATE]), **study}
    return tuning_spec(TRAINING, {"studySpec": given, "maxTrialCount": 2, "parallelTrialCount": 1})


def test_what_the_sdk_sends() -> None:
    found = spec(
        {"parameterId": "layers", "integerValueSpec": {"minValue": "1", "maxValue": "3"}},
        {"parameterId": "opt", "categoricalValueSpec": {"values": ["adam", "sgd"]}},
        measurementSelectionType="BEST_MEASUREMENT",
    )
    assert found.metrics == (Metric("loss", Goal.MINIMIZE),)
    assert found.parameters == (
        Parameter("layers", ParameterType.INTEGER, 1, 3),
        Parameter("opt", ParameterType.CATEGORICAL, categories=("adam", "sgd")),
    )
    assert found.selection is MeasurementSelection.BEST
    assert spec().selection is MeasurementSelection.LAST


@pytest.mark.parametrize(
    ("rule", "stopping"),
    [
        ({"medianAutomatedStoppingSpec": {}}, EarlyStopping.MEDIAN_BY_STEP),
        ({"medianAutomatedStoppingSpec": {"useElapsedDuration": True}}, EarlyStopping.MEDIAN_BY_TIME),
        ({"decayCurveStoppingSpec": {"useElapsedDuration": True}}, EarlyStopping.MEDIAN_BY_TIME),
        ({"convexAutomatedStoppingSpec": {"maxStepCount": "10"}}, EarlyStopping.MEDIAN_BY_STEP),
        ({}, EarlyStopping.NONE),
    ],
)
def test_every_rule_of_early_stopping_is_the_medians(rule: Json, stopping: EarlyStopping) -> None:
    assert spec(**rule).early_stopping is stopping


@pytest.mark.parametrize(
    ("parameters", "study", "field"),
    [
        ([], {"studyStoppingConfig": {}}, "study_spec.study_stopping_config"),
        ([], {"metrics": [LOSS | {"safetyConfig": {}}]}, "study_spec.metrics[0].safety_config"),
        ([], {"metrics": [{"metricId": "loss"}]}, "study_spec.metrics[0].goal"),
        ([RATE, {"parameterId": "a"}], {}, "study_spec.parameters[1]"),
        ([RATE | {"integerValueSpec": {}}], {}, "study_spec.parameters[0]"),
        (
            [RATE | {"conditionalParameterSpecs": [{"parameterSpec": RATE, "parentIntValues": {"values": ["1"]}}]}],
            {},
            "study_spec.parameters[0].conditional_parameter_specs[0]",
        ),
    ],
)
def test_what_is_refused_names_its_field(parameters: list[Json], study: Json, field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        spec(*parameters, **study)
    assert caught.value.field == field


def test_a_trial_has_the_form_that_the_sdk_reads() -> None:
    made = Trial(
        "2",
        JobState.SUCCEEDED,
        {"rate": 0.5, "layers": 3, "opt": "sgd"},
        LONG_AGO,
        LONG_AGO,
        Measurement(10, 1.5, {"loss": 1.0}),
    )
    assert trial_json(made) == {
        "id": "2",
        "state": "SUCCEEDED",
        "parameters": [
            {"parameterId": "rate", "value": 0.5},
            {"parameterId": "layers", "value": 3.0},
            {"parameterId": "opt", "value": "sgd"},
        ],
        "finalMeasurement": {
            "elapsedDuration": "1.500s",
            "stepCount": "10",
            "metrics": [{"metricId": "loss", "value": 1.0}],
        },
        "startTime": "2020-01-01T00:00:00.000000Z",
        "endTime": "2020-01-01T00:00:00.000000Z",
    }


def test_a_finished_trial_without_a_metric_is_infeasible() -> None:
    reason = "The trial reported no value of the metric 'loss'."
    shown = trial_json(Trial("1", JobState.SUCCEEDED, {}, infeasible_reason=reason))
    assert shown == {"id": "1", "state": "INFEASIBLE", "infeasibleReason": reason}
