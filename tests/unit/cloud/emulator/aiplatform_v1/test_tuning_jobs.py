"""``hyperparameterTuningJobs`` over the backend in memory."""

import re

import pytest

from cloud.lifecycle import JobEvent, JobState
from cloud.names import GsUri
from cloud.resources.trials import Measurement, Trial
from cloud.resources.tuning import MeasurementSelection
from emulator_api.vertex_api import PARENT, pool

PATH = "/hyperparameterTuningJobs"
RATE = {
    "parameterId": "rate",
    "doubleValueSpec": {"minValue": 0.001, "maxValue": 1.0},
    "scaleType": "UNIT_LOG_SCALE",
    "conditionalParameterSpecs": [],
}
KIND = {
    "parameterId": "kind",
    "categoricalValueSpec": {"values": ["deep", "wide"]},
    "conditionalParameterSpecs": [
        {
            "parentCategoricalValues": {"values": ["deep"]},
            "parameterSpec": {"parameterId": "layers", "integerValueSpec": {"minValue": "1", "maxValue": "3"}},
        }
    ],
}


def tuning_job(*parameters, study=None, **given):
    return {
        "displayName": "tune",
        "studySpec": {
            "metrics": [{"metricId": "loss", "goal": "MINIMIZE"}],
            "parameters": list(parameters or [KIND]),
            **(study or {}),
        },
        "maxTrialCount": 4,
        "parallelTrialCount": 2,
        "trialJobSpec": {
            "workerPoolSpecs": [pool(args=["--epochs=1"])],
            "baseOutputDirectory": {"outputUriPrefix": "gs://bucket/out"},
        },
        **given,
    }


def number(job) -> str:
    return job["name"].rpartition("/")[2]


async def test_a_job_is_answered_as_it_was_asked_for(api):
    body = tuning_job(study={"measurementSelectionType": "BEST_MEASUREMENT"}, labels={"a": "b"}, maxFailedTrialCount=1)
    job = await api.ask("POST", PATH, body)
    assert re.fullmatch(PARENT + r"/hyperparameterTuningJobs/\d{19}", job["name"])
    shown = {name: job[name] for name in body}
    assert shown == body
    assert job["state"] == "JOB_STATE_QUEUED"
    assert "trials" not in job
    assert await api.ask("GET", f"{PATH}/{number(job)}") == job
    spec = api.backend.jobs[number(job)].spec
    assert (spec.max_trials, spec.parallel_trials, spec.max_failed_trials) == (4, 2, 1)
    assert spec.selection is MeasurementSelection.BEST
    assert spec.training.base_output_directory == GsUri("bucket", "out")
    assert spec.training.args == ("--epochs=1",)


async def test_trials_are_shown_in_the_order_in_which_they_were_made(api):
    job = await api.ask("POST", PATH, tuning_job())
    api.backend.move(number(job), JobEvent.SCHEDULED, JobEvent.STARTED)
    api.backend.set_trials(
        number(job),
        [
            Trial("1", JobState.SUCCEEDED, {"kind": "deep", "layers": 2}, final=Measurement(1, 2.5, {"loss": 3.0})),
            Trial("2", JobState.SUCCEEDED, {"kind": "wide"}, final=Measurement(1, 2.5, {"loss": 1.0})),
            Trial("3", JobState.FAILED, {"kind": "wide"}, infeasible_reason="out of luck"),
            Trial("4", JobState.RUNNING, {"kind": "wide"}),
        ],
    )
    trials = (await api.ask("GET", f"{PATH}/{number(job)}"))["trials"]
    assert [(each["id"], each["state"]) for each in trials] == [
        ("1", "SUCCEEDED"),
        ("2", "SUCCEEDED"),
        ("3", "INFEASIBLE"),
        ("4", "ACTIVE"),
    ]
    assert trials[0]["parameters"] == [
        {"parameterId": "kind", "value": "deep"},
        {"parameterId": "layers", "value": 2.0},
    ]
    assert trials[0]["finalMeasurement"]["metrics"] == [{"metricId": "loss", "value": 3.0}]
    assert trials[2]["infeasibleReason"] == "out of luck"


async def test_enums_may_be_numbers(api):
    body = tuning_job({"parameterId": "a", "doubleValueSpec": {"minValue": 1, "maxValue": 2}, "scaleType": 2})
    body["studySpec"]["metrics"][0]["goal"] = 2
    body["studySpec"]["algorithm"] = 3
    job = await api.ask("POST", PATH, body)
    assert job["studySpec"]["algorithm"] == "RANDOM_SEARCH"
    assert job["studySpec"]["parameters"][0]["scaleType"] == "UNIT_LOG_SCALE"
    assert job["studySpec"]["metrics"][0]["goal"] == "MINIMIZE"


async def test_jobs_are_listed_filtered_cancelled_and_deleted_when_finished(api):
    job = await api.ask("POST", PATH, tuning_job())
    other = await api.ask("POST", PATH, tuning_job() | {"displayName": "other"})
    listed = await api.ask("GET", f"{PATH}?filter=display_name%3D%22other%22")
    assert [each["name"] for each in listed["hyperparameterTuningJobs"]] == [other["name"]]
    error = await api.refusal("DELETE", f"{PATH}/{number(job)}")
    assert (error["code"], "The HyperparameterTuningJob is JOB_STATE_QUEUED" in error["message"]) == (400, True)
    await api.ask("POST", f"{PATH}/{number(job)}:cancel", {})
    api.backend.move(number(job), JobEvent.STOPPED, message="The job was cancelled by the user.")
    cancelled = await api.ask("GET", f"{PATH}/{number(job)}")
    assert (cancelled["state"], cancelled["error"]["code"]) == ("JOB_STATE_CANCELLED", 1)
    assert (await api.ask("DELETE", f"{PATH}/{number(job)}"))["done"]
    assert (await api.refusal("GET", f"{PATH}/{number(job)}"))["code"] == 404
    assert (await api.ask("GET", "/customJobs")) == {}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (tuning_job(RATE, RATE), "study_spec.parameters[1].parameter_id"),
        (tuning_job(RATE | {"parameterId": "a b"}), "study_spec.parameters[0].parameter_id"),
        (
            tuning_job(KIND, RATE | {"doubleValueSpec": {"minValue": 0, "maxValue": 1}}),
            "study_spec.parameters[1].double_value_spec.min_value",
        ),
        (
            tuning_job(RATE | {"doubleValueSpec": {"minValue": 2, "maxValue": 1}}),
            "study_spec.parameters[0].double_value_spec.max_value",
        ),
        (tuning_job(RATE, study={"algorithm": "GRID_SEARCH"}), "study_spec.algorithm"),
        (
            tuning_job(RATE, {"parameterId": "a", "categoricalValueSpec": {"values": ["\0"]}}),
            "study_spec.parameters[1].categorical_value_spec.values",
        ),
        (
            tuning_job(trialJobSpec={"workerPoolSpecs": [pool()], "scheduling": {"timeout": "-5s"}}),
            "trial_job_spec.scheduling.timeout",
        ),
        (tuning_job(study={"metrics": []}), "study_spec.metrics"),
        (tuning_job(study={"studyStoppingConfig": {"maxNumTrials": 3}}), "study_spec.study_stopping_config"),
        (tuning_job(parallelTrialCount=5), "parallel_trial_count"),
        (tuning_job(maxTrialCount=0), "max_trial_count"),
        (tuning_job(maxFailedTrialCount=5), "max_failed_trial_count"),
        (tuning_job() | {"displayName": ""}, "hyperparameter_tuning_job.display_name"),
    ],
)
async def test_each_rule_is_a_400_that_names_the_field(api, body, field):
    error = await api.refusal("POST", PATH, body)
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    assert error["details"][0]["fieldViolations"][0]["field"] == field
    assert api.backend.jobs == {}
    assert await api.ask("GET", PATH) == {}


async def test_faults_of_the_trials_job_are_named_as_its_fields(api):
    body = tuning_job()
    body["trialJobSpec"]["workerPoolSpecs"][0]["machineSpec"] = {"machineType": "big"}
    message = (await api.refusal("POST", PATH, body))["message"]
    assert "Field: trial_job_spec.worker_pool_specs[0].machine_spec.machine_type;" in message


async def test_architecture_search_is_refused_in_words(api):
    error = await api.refusal("POST", "/nasJobs", {"displayName": "nas"})
    assert (error["code"], "Search by a hyperparameter tuning job" in error["message"]) == (403, True)
