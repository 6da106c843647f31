"""Which trial of a tuning job a run deploys."""

from datetime import UTC, datetime

import pytest

from cloud.errors import FailedPrecondition
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import Job, TrainingSpec
from cloud.resources.trials import Goal, Measurement, Metric, Parameter, ParameterType, Trial
from cloud.workflow.tuning import Search, describe, names

TRAINING = TrainingSpec("tune_1", (GsUri("bucket", "a.whl"),), "trainer.task")


def search(goal: Goal = Goal.MINIMIZE, trials: int = 6) -> Search:
    parameters = (Parameter("rate", ParameterType.DOUBLE, 0.1, 0.9),)
    return Search(Metric("rmse", goal), parameters, trials=trials, parallel_trials=2)


def job(*values: float | None) -> Job:
    trials = tuple(
        Trial(
            str(number),
            JobState.SUCCEEDED if value is not None else JobState.FAILED,
            {"rate": number / 10},
            final=None if value is None else Measurement(10, 1.0, {"rmse": value}),
            infeasible_reason="" if value is not None else "it exited with 1",
        )
        for number, value in enumerate(values, 1)
    )
    return Job(search().of(TRAINING), JobState.SUCCEEDED, datetime.now(UTC), trials=trials)


@pytest.mark.parametrize(("goal", "best"), [(Goal.MINIMIZE, "3"), (Goal.MAXIMIZE, "2")])
def test_the_best_trial_is_the_one_whose_metric_is_best_for_the_goal(goal: Goal, best: str) -> None:
    assert search(goal).best(job(4.7, 5.1, 4.6, None)).trial_id == best


def test_a_job_none_of_whose_trials_reported_the_metric_says_why() -> None:
    with pytest.raises(FailedPrecondition, match="no trial of job tune_1 reported the metric 'rmse': it exited with 1"):
        search().best(job(None, None))


def test_no_more_trials_run_at_a_time_than_there_are() -> None:
    assert search(trials=1).of(TRAINING).parallel_trials == 1
    assert search().of(TRAINING).max_trials == 6


def test_a_trial_is_described_by_its_parameters() -> None:
    trial = Trial("1", JobState.SUCCEEDED, {"hidden_units": "64 32", "rate": 0.0123456})
    assert describe(trial) == "hidden_units 64 32, rate 0.01235"
    assert names([trial, Trial("2", JobState.FAILED, {"features": "raw"})]) == ["hidden_units", "rate", "features"]
