from dataclasses import replace

import pytest

from cloud.engine.jobs.gpus import notices
from cloud.names import GsUri
from cloud.resources import ScaleTier, Service, TrainingSpec
from cloud.resources.batch_prediction import BatchPredictionSpec

TRAINING = TrainingSpec("j", (GsUri("bucket", "x.whl"),), "trainer.task")
BATCH = BatchPredictionSpec(
    "7", (GsUri("bucket", "in"),), GsUri("bucket", "out"), model="m", version="v", service=Service.VERTEX_AI
)


@pytest.mark.parametrize("spec", [TRAINING, BATCH, replace(TRAINING, scale_tier=ScaleTier.STANDARD_1)])
def test_a_job_without_gpus_is_told_nothing(spec):
    assert notices(spec) == []


@pytest.mark.parametrize(
    "spec", [replace(TRAINING, gpus=("NVIDIA_TESLA_T4",)), replace(BATCH, gpus=("NVIDIA_TESLA_T4",))]
)
def test_a_job_with_gpus_is_told_what_runs(spec):
    [said] = notices(spec)
    assert "GPUs (NVIDIA_TESLA_T4)" in said
    assert "Programs find no GPU here" in said


def test_a_job_with_reduction_servers_is_told_that_they_do_not_run():
    spec = TrainingSpec("7", (), "trainer.task", service=Service.VERTEX_AI, gpus=("GPU",), reduction_servers=4)
    [_, said] = notices(spec)
    assert "its 4 replicas are not started" in said


def test_that_google_ended_a_kind_is_told():
    [_, said] = notices(replace(TRAINING, scale_tier=ScaleTier.BASIC_GPU))
    assert "Google has no NVIDIA_TESLA_K80 any more" in said
