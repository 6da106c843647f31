"""A trial is the job's training job with its values as arguments, and folders of its own."""

from dataclasses import replace

import pytest

from cloud.engine.tuning.trial_spec import trial_spec
from cloud.names import GsUri
from cloud.resources import Service, TrainingSpec
from cloud.resources.pool_programs import PoolProgram
from cloud.resources.trials import Goal, Metric, Parameter, ParameterType, Value, as_text
from cloud.resources.tuning import TuningSpec

WHEEL = (GsUri("bucket", "a.whl"),)
OUT = GsUri("bucket", "out/")
VALUES: dict[str, Value] = {"rate": 0.5, "units": 64.0, "kind": "64 32"}
PARAMETERS = (Parameter("rate", ParameterType.DOUBLE, 0.0, 1.0),)


def tuning(training: TrainingSpec) -> TuningSpec:
    return TuningSpec(training.job_id, training, (Metric("loss", Goal.MINIMIZE),), PARAMETERS, service=training.service)


def test_on_ml_engine_values_are_two_arguments_each_and_the_job_dir_is_the_trials() -> None:
    job = tuning(TrainingSpec("tune", WHEEL, "trainer.task", ("--steps", "5"), OUT))
    trial = trial_spec(job, "7", VALUES)
    assert trial.args == ("--steps", "5", "--rate", "0.5", "--units", "64", "--kind", "64 32")
    assert trial.job_dir == GsUri("bucket", "out/7")
    assert replace(trial, args=job.training.args, job_dir=OUT) == job.training


def test_on_vertex_ai_values_are_one_argument_each_in_every_pool_and_the_aip_folders_are_the_trials() -> None:
    training = TrainingSpec(
        "1",
        WHEEL,
        "trainer.task",
        ("--steps=5",),
        service=Service.VERTEX_AI,
        base_output_directory=OUT,
        programs=(PoolProgram(1, WHEEL, "trainer.worker", ("--quiet",)),),
    )
    trial = trial_spec(tuning(training), "7", VALUES)
    assert trial.args == ("--steps=5", "--rate=0.5", "--units=64", "--kind=64 32")
    assert trial.programs[0].args == ("--quiet", "--rate=0.5", "--units=64", "--kind=64 32")
    assert trial.base_output_directory == GsUri("bucket", "out/7")


def test_values_that_do_not_reach_the_program_are_left_out() -> None:
    job = replace(tuning(TrainingSpec("tune", WHEEL, "trainer.task")), reaches_program=False)
    assert trial_spec(job, "1", VALUES).args == ()


@pytest.mark.parametrize(
    ("value", "text"), [(0.1, "0.1"), (64.0, "64"), (16, "16"), (1e-07, "1e-07"), (1e300, "1e+300"), ("a b", "a b")]
)
def test_arguments_have_full_precision_and_no_point_where_they_are_whole(value: Value, text: str) -> None:
    assert as_text(value) == text
    assert type(value)(as_text(value)) == value
