"""``trainingInput.hyperparameters`` over the backend in memory."""

import pytest

from cloud.lifecycle import JobEvent, JobState
from cloud.resources.trials import Measurement, Trial
from emulator_api.ml_requests import training_job

RATE = {
    "parameterName": "rate",
    "type": "DOUBLE",
    "minValue": 1e-05,
    "maxValue": 1.0,
    "scaleType": "UNIT_LOG_SCALE",
}
UNITS = {"parameterName": "units", "type": "CATEGORICAL", "categoricalValues": ["64 32", "16"]}
HYPERPARAMETERS = {
    "goal": "MINIMIZE",
    "maxTrials": 30,
    "maxParallelTrials": 3,
    "hyperparameterMetricTag": "rmse",
    "params": [RATE, UNITS],
}


async def submit(api, job_id="lab", **given):
    return await api.ask("POST", "/jobs", training_job(job_id, hyperparameters=HYPERPARAMETERS | given))


async def test_a_tuning_job_is_answered_as_it_was_asked_for(api):
    job = await submit(api)
    assert job["trainingInput"]["hyperparameters"] == HYPERPARAMETERS
    assert job["state"] == "QUEUED"
    output = {"isHyperparameterTuningJob": True, "hyperparameterMetricTag": "rmse"}
    assert job["trainingOutput"] == output
    spec = api.backend.jobs["lab"].spec
    assert (spec.max_trials, spec.parallel_trials, [each.name for each in spec.parameters]) == (
        30,
        3,
        ["rate", "units"],
    )
    assert await api.ask("GET", "/jobs/lab") == job | {"jobPosition": "1"}
    assert [each["jobId"] for each in (await api.ask("GET", "/jobs"))["jobs"]] == ["lab"]


@pytest.mark.parametrize(("text", "number"), [(".0001", 0.0001), ("1e-4", 0.0001), ("1", 1)])
async def test_bounds_may_be_strings(api, text, number):
    job = await submit(api, params=[RATE | {"minValue": text, "maxValue": 10}])
    assert job["trainingInput"]["hyperparameters"]["params"][0]["minValue"] == number


async def test_its_trials_are_listed_best_first(api):
    await submit(api)
    api.backend.move("lab", JobEvent.SCHEDULED, JobEvent.STARTED)
    values = {1: 9.0, 2: 5.0}
    api.backend.set_trials(
        "lab",
        [
            *(
                Trial(str(number), JobState.SUCCEEDED, {"rate": 0.5}, final=Measurement(10, 1.0, {"rmse": value}))
                for number, value in values.items()
            ),
            Trial("3", JobState.RUNNING, {"rate": 0.25, "units": "16"}),
        ],
    )
    output = (await api.ask("GET", "/jobs/lab"))["trainingOutput"]
    assert [trial["trialId"] for trial in output["trials"]] == ["2", "1", "3"]
    assert output["completedTrialCount"] == "2"
    assert output["trials"][0]["finalMetric"] == {"trainingStep": "10", "objectiveValue": 5.0}
    assert output["trials"][2] == {
        "trialId": "3",
        "hyperparameters": {"rate": "0.25", "units": "16"},
        "state": "RUNNING",
    }


async def test_a_tuning_job_is_cancelled_as_any_other(api):
    await submit(api)
    await api.ask("POST", "/jobs/lab:cancel", {})
    assert (await api.ask("GET", "/jobs/lab"))["state"] == "CANCELLING"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"params": []}, "params"),
        ({"params": [RATE, RATE]}, "params[1].parameter_name"),
        ({"params": [UNITS, RATE | {"minValue": 0}]}, "params[1].min_value"),
        ({"params": [RATE | {"maxValue": 0}]}, "params[0].max_value"),
        ({"params": [RATE | {"minValue": "NaN"}]}, "params[0].min_value"),
        ({"params": [RATE | {"maxValue": "Infinity"}]}, "params[0].max_value"),
        ({"params": [RATE | {"minValue": -1e308, "maxValue": 1e308, "scaleType": "NONE"}]}, "params[0].max_value"),
        ({"params": [RATE | {"type": "INTEGER", "minValue": -(10**308), "maxValue": 10**308}]}, "params[0].max_value"),
        ({"params": [RATE | {"parameterName": "a\0"}]}, "params[0].parameter_name"),
        ({"params": [UNITS | {"categoricalValues": ["a\0"]}]}, "params[0].categorical_values"),
        ({"hyperparameterMetricTag": "a\0"}, "hyperparameter_metric_tag"),
        (
            {"params": [{"parameterName": "a", "type": "INTEGER", "minValue": 1.5, "maxValue": 2}]},
            "params[0].min_value",
        ),
        ({"params": [{"parameterName": "a", "type": "INTEGER", "minValue": 1}]}, "params[0].max_value"),
        ({"params": [{"parameterName": "a"}]}, "params[0].type"),
        ({"params": [{"parameterName": "a", "type": "DISCRETE"}]}, "params[0].discrete_values"),
        ({"params": [UNITS | {"scaleType": "UNIT_LINEAR_SCALE"}]}, "params[0].scale_type"),
        ({"maxTrials": -1}, "max_trials"),
        ({"maxTrials": 2}, "max_parallel_trials"),
        ({"maxFailedTrials": 31}, "max_failed_trials"),
        ({"algorithm": "GRID_SEARCH"}, "algorithm"),
    ],
)
async def test_each_rule_is_a_400_that_names_the_field(api, given, field):
    error = await api.refusal("POST", "/jobs", training_job(hyperparameters=HYPERPARAMETERS | given))
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    assert error["details"][0]["fieldViolations"][0]["field"] == f"training_input.hyperparameters.{field}"
    assert api.backend.jobs == {}


@pytest.mark.parametrize("kind", ["DOUBLE", "INTEGER"])
@pytest.mark.parametrize(("low", "high"), [(0, 10), (-10, 0), (0.0, 0.0)])
async def test_zero_is_a_bound_of_a_range(api, kind, low, high):
    parameter = {"parameterName": "alpha", "type": kind, "minValue": low, "maxValue": high}
    await submit(api, params=[parameter, UNITS])
    found, units = api.backend.jobs["lab"].spec.parameters
    assert (found.min_value, found.max_value) == (low, high)
    assert (units.min_value, units.max_value) == (None, None)


async def test_a_study_may_have_as_many_trials_and_parameters_as_there_are_numbers(api):
    await submit(api, maxTrials=2**31 - 1, params=[RATE | {"parameterName": f"rate{number}"} for number in range(2000)])
    assert len(api.backend.jobs["lab"].spec.parameters) == 2000


async def test_values_of_another_type_are_refused_as_everywhere(api):
    error = await api.refusal("POST", "/jobs", training_job(hyperparameters={"maxTrials": "many"}))
    assert (error["code"], "max_trials" in error["message"]) == (400, True)


async def test_a_job_goes_on_with_a_finished_one_of_the_same_parameters(api):
    await submit(api)
    error = await api.refusal(
        "POST", "/jobs", training_job("next", hyperparameters=HYPERPARAMETERS | {"resumePreviousJobId": "lab"})
    )
    assert (error["code"], "not finished" in error["message"]) == (400, True)
    api.backend.move("lab", JobEvent.SCHEDULED, JobEvent.STARTED, JobEvent.COMPLETED)
    other = HYPERPARAMETERS | {"resumePreviousJobId": "lab", "params": [UNITS]}
    error = await api.refusal("POST", "/jobs", training_job("next", hyperparameters=other))
    assert (error["code"], "tunes other parameters" in error["message"]) == (400, True)
    missing = HYPERPARAMETERS | {"resumePreviousJobId": "never_was"}
    error = await api.refusal("POST", "/jobs", training_job("next", hyperparameters=missing))
    assert error["code"] == 404
    assert (await submit(api, "next", resumePreviousJobId="lab"))["jobId"] == "next"


async def test_what_a_job_that_goes_on_leaves_out_is_that_of_the_earlier_one(api):
    await submit(api)
    api.backend.move("lab", JobEvent.SCHEDULED, JobEvent.STARTED, JobEvent.COMPLETED)
    given = {"resumePreviousJobId": "lab", "maxTrials": 100, "maxParallelTrials": 5, "enableTrialEarlyStopping": True}
    job = await api.ask("POST", "/jobs", training_job("next", hyperparameters=given))
    earlier, spec = api.backend.jobs["lab"].spec, api.backend.jobs["next"].spec
    assert (spec.metrics, spec.parameters) == (earlier.metrics, earlier.parameters)
    assert (spec.max_trials, spec.parallel_trials, spec.algorithm) == (100, 5, earlier.algorithm)
    assert job["trainingOutput"]["hyperparameterMetricTag"] == "rmse"


async def test_a_job_that_tuned_nothing_cannot_be_gone_on_with(api):
    await api.ask("POST", "/jobs", training_job("plain"))
    for given in ({"resumePreviousJobId": "plain"}, HYPERPARAMETERS | {"resumePreviousJobId": "plain"}):
        error = await api.refusal("POST", "/jobs", training_job("next", hyperparameters=given))
        assert (error["code"], "job 'plain' is not a tuning job" in error["message"]) == (400, True)


async def test_one_that_was_not_made_through_the_api_is_shown_too(api):
    await submit(api)
    spec = api.backend.jobs["lab"].spec
    api.backend.jobs.clear()
    await api.backend.submit_job(spec)
    given = (await api.ask("GET", "/jobs/lab"))["trainingInput"]["hyperparameters"]
    assert given == HYPERPARAMETERS
