"""Tuning jobs on the local cloud: what the contract does not promise."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from cloud.backends.base import Backend
from cloud.errors import FailedPrecondition, InvalidArgument
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import Job, TrainingSpec
from cloud.resources.trials import Goal, Metric, Parameter, ParameterType
from cloud.resources.tuning import EarlyStopping, TuningSpec
from cloud.serve import LocalCloud
from cloud.settings import LauncherKind, Settings
from cloud.testing.contract.base import TIMEOUT, Contract, unique_name
from cloud.testing.contract.probes import wheel
from cloud.testing.contract.tuning import X

SUMMARIES = """
import argparse, json, os
import tensorflow as tf

parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float)
parser.add_argument("--job-dir")
given = parser.parse_args()
print("trial", json.loads(os.environ["TF_CONFIG"])["task"]["trial"])
with tf.summary.create_file_writer(f"{given.job_dir}/eval").as_default():
    for step in (10, 20):
        tf.summary.scalar("rmse", given.rate * step, step)
"""
CURVES = """
import argparse, json, os, pathlib, time

parser = argparse.ArgumentParser()
parser.add_argument("--x", type=int)
parser.add_argument("--job-dir")
given = parser.parse_args()
file = pathlib.Path(os.environ["CLOUD_ML_HP_METRIC_FILE"])
file.parent.mkdir(parents=True)
with file.open("w") as metrics:
    for step in (1, 2):
        line = {"timestamp": time.time(), "loss": str(given.x), "global_step": str(step), "trial": "0"}
        metrics.write(json.dumps(line) + chr(10))
if given.x >= 100:
    print("going on and on", flush=True)
    time.sleep(3600)
"""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cloud() -> AsyncIterator[LocalCloud]:
    async with LocalCloud(Settings(cancel_grace_seconds=0.5)) as cloud:
        yield cloud


async def submit(backend: Backend, folder: Path, source: str, **options: object) -> Job:
    job_id = unique_name("tune")
    bucket = await Contract().open_bucket(backend)
    archive = folder / "probe-1-py3-none-any.whl"
    archive.write_bytes(wheel("probe.task", source))
    package = GsUri(bucket, archive.name)
    await backend.upload(archive, package)
    training = TrainingSpec(job_id, (package,), "probe.task", job_dir=GsUri(bucket, "out"), region=backend.region)
    given: dict[str, object] = {"metrics": (Metric("loss", Goal.MINIMIZE),), "parameters": (X,)} | options
    return await backend.submit_job(TuningSpec(job_id, training, region=backend.region, **given))  # type: ignore[arg-type]


@pytest.mark.asyncio(loop_scope="session")
async def test_the_metric_is_read_from_summaries_below_the_trials_job_dir(cloud: LocalCloud, tmp_path: Path) -> None:
    rate = Parameter("rate", ParameterType.DOUBLE, 0.5, 0.5)
    job = await submit(cloud.backend, tmp_path, SUMMARIES, metrics=(Metric("rmse", Goal.MINIMIZE),), parameters=(rate,))
    job = await cloud.backend.wait_for_job(job.job_id, timeout=TIMEOUT)
    (trial,) = job.trials
    assert trial.final is not None, job.error_message
    assert (trial.final.step, trial.final.metrics) == (20, {"rmse": 10.0})
    assert [each.step for each in trial.measurements] == [10, 20]
    log = [entry async for entry in cloud.backend.follow_logs(job.job_id)]
    assert next(entry for entry in log if entry.message == "trial 1").trial == "1"


@pytest.mark.asyncio(loop_scope="session")
async def test_a_trial_worse_than_the_median_is_stopped_and_keeps_its_metric(cloud: LocalCloud, tmp_path: Path) -> None:
    x = Parameter("x", ParameterType.DISCRETE, values=(1.0, 2.0, 3.0, 100.0))
    job = await submit(
        cloud.backend,
        tmp_path,
        CURVES,
        parameters=(x,),
        max_trials=4,
        algorithm="GRID_SEARCH",
        early_stopping=EarlyStopping.MEDIAN_BY_STEP,
    )
    job = await cloud.backend.wait_for_job(job.job_id, timeout=TIMEOUT)
    assert job.state is JobState.SUCCEEDED, job.error_message
    assert [trial.stopped_early for trial in job.trials] == [False, False, False, True]
    assert job.trials[3].state is JobState.SUCCEEDED
    assert job.trials[3].final is not None
    assert job.trials[3].final.metrics == {"loss": 100.0}


@pytest.mark.asyncio(loop_scope="session")
async def test_a_study_goes_on_in_another_job(cloud: LocalCloud, tmp_path: Path) -> None:
    backend = cloud.backend
    first = await submit(backend, tmp_path, CURVES, max_trials=2)
    with pytest.raises(FailedPrecondition, match="is not finished"):
        await submit(backend, tmp_path, CURVES, resume_previous_job_id=first.job_id)
    await backend.wait_for_job(first.job_id, timeout=TIMEOUT)
    other = (replace(X, max_value=6),)
    with pytest.raises(InvalidArgument, match="tunes other parameters"):
        await submit(backend, tmp_path, CURVES, parameters=other, resume_previous_job_id=first.job_id)
    second = await submit(backend, tmp_path, CURVES, max_trials=2, resume_previous_job_id=first.job_id)
    job = await backend.wait_for_job(second.job_id, timeout=TIMEOUT)
    assert [trial.trial_id for trial in job.trials] == ["3", "4"]


@pytest.mark.asyncio(loop_scope="session")
async def test_a_trial_that_runs_too_long_is_cancelled_and_the_others_are_not(
    cloud: LocalCloud, tmp_path: Path
) -> None:
    x = Parameter("x", ParameterType.INTEGER, 99, 100)
    job = await submit(cloud.backend, tmp_path, CURVES, parameters=(x,), max_trials=2, algorithm="GRID_SEARCH")
    await cloud.backend.cancel_job(job.job_id)
    spec = replace(job.spec, job_id=unique_name("tune"), max_failed_trials=2)  # type: ignore[type-var]
    assert isinstance(spec, TuningSpec)
    spec = replace(spec, training=replace(spec.training, job_id=spec.job_id, max_running_time=5.0))
    job = await cloud.backend.wait_for_job((await cloud.backend.submit_job(spec)).job_id, timeout=TIMEOUT)
    assert job.state is JobState.SUCCEEDED, job.error_message
    assert [trial.state for trial in job.trials] == [JobState.SUCCEEDED, JobState.CANCELLED]
    assert "max running time of 5 seconds" in job.trials[1].infeasible_reason


async def test_finished_trials_survive_a_kill_and_the_study_goes_on(tmp_path: Path) -> None:
    state = tmp_path / "state"
    code = f"""
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from integration.test_tuning import *

async def main():
    settings = Settings(state_dir=Path({str(state)!r}), launcher=LauncherKind.COLD)
    async with LocalCloud(settings) as cloud:
        x = Parameter("x", ParameterType.DISCRETE, values=(1.0, 2.0, 100.0))
        job = await submit(cloud.backend, Path({str(tmp_path)!r}), CURVES, parameters=(x,), max_trials=3,
                           algorithm="GRID_SEARCH")
        print("job", job.job_id, flush=True)
        async for entry in cloud.backend.follow_logs(job.job_id):
            if entry.message.startswith("going on"):
                print("third", flush=True)

asyncio.run(main())
"""
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert server.stdout is not None
    async with asyncio.timeout(TIMEOUT):
        job_id = (await server.stdout.readline()).decode().split()[1]
        assert await server.stdout.readline() == b"third\n"
    server.send_signal(signal.SIGKILL)
    await server.wait()
    settings = Settings(state_dir=state, launcher=LauncherKind.COLD, cancel_grace_seconds=0.5)
    async with LocalCloud(settings) as cloud:
        job = await cloud.backend.get_job(job_id)
        assert job.state is JobState.RUNNING
        before = job.trials
        assert [trial.state for trial in before[:2]] == [JobState.SUCCEEDED] * 2
        async with asyncio.timeout(TIMEOUT):
            starts = 0
            async for entry in cloud.backend.follow_logs(job_id):
                starts += entry.message.startswith("going on")
                if starts == 2:
                    break
        await cloud.backend.cancel_job(job_id)
        job = await cloud.backend.wait_for_job(job_id, timeout=TIMEOUT)
        assert job.state is JobState.CANCELLED
        assert job.trials[:2] == before[:2]
        assert job.trials[2].parameters == before[2].parameters
        assert len(job.trials) == 3
