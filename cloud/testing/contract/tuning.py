"""The contract's part on hyperparameter tuning: trials that run, what they are given, and what they are judged by."""

from pathlib import Path

import pytest

from cloud.backends.base import Backend
from cloud.errors import AlreadyExists, InvalidArgument, NotFound
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import Job, TrainingSpec
from cloud.resources.trials import Goal, Metric, Parameter, ParameterType
from cloud.resources.tuning import TuningSpec
from cloud.testing.contract.base import TIMEOUT, Contract, unique_name
from cloud.testing.contract.probes import wheel

REPORTS = """
import argparse, json, os, pathlib, sys, time

parser = argparse.ArgumentParser()
parser.add_argument("--x", type=int)
parser.add_argument("--kind")
parser.add_argument("--job-dir")
parser.add_argument("--fail", type=int, nargs="*", default=[])
parser.add_argument("--silent", type=int, nargs="*", default=[])
parser.add_argument("--wait", action="store_true")
given = parser.parse_args()
trial = os.environ["CLOUD_ML_TRIAL_ID"]
print("given", trial, given.x, given.kind, given.job_dir)
print("variables", trial, os.environ["CLOUD_ML_HP_METRIC_TAG"])
if given.wait:
    print("waiting")
    time.sleep(3600)
if given.x in given.fail:
    sys.exit("out of luck")
file = pathlib.Path(os.environ["CLOUD_ML_HP_METRIC_FILE"])
file.parent.mkdir(parents=True, exist_ok=True)
if given.x not in given.silent:
    lines = [{"timestamp": time.time(), "trial": trial, "loss": str(given.x / step), "global_step": str(step)}
             for step in (1, 2)]
    file.write_text("".join(json.dumps(line) + chr(10) for line in lines))
"""
"""Reports the loss x / step for the steps 1 and 2, in the form of cloudml-hypertune."""
X = Parameter("x", ParameterType.INTEGER, 2, 5)
KIND = Parameter("kind", ParameterType.CATEGORICAL, categories=("deep", "64 32"))


class TuningJobContract(Contract):
    """Needs a backend that declares ``abilities.tunes``, and no running program."""

    async def tune(
        self,
        backend: Backend,
        bucket: str,
        folder: Path,
        *args: str,
        parameters: tuple[Parameter, ...] = (X,),
        trials: int = 3,
        **options: object,
    ) -> Job:
        """Submit a tuning job of ``REPORTS`` that minimises its loss."""
        job_id = unique_name("tune")
        archive = folder / "probe-1-py3-none-any.whl"
        archive.write_bytes(wheel("probe.task", REPORTS))
        package = GsUri(bucket, f"staging/{job_id}/{archive.name}")
        await backend.upload(archive, package)
        training = TrainingSpec(
            job_id, (package,), "probe.task", args, GsUri(bucket, f"jobs/{job_id}"), region=backend.region
        )
        return await backend.submit_job(
            TuningSpec(
                job_id,
                training,
                (Metric("loss", Goal.MINIMIZE),),
                parameters,
                max_trials=trials,
                region=backend.region,
                **options,  # type: ignore[arg-type]
            )
        )

    async def test_a_tuning_job_is_a_job(self, backend: Backend, bucket: str, tmp_path: Path) -> None:
        submitted = await self.tune(backend, bucket, tmp_path, "--wait", trials=5, parallel_trials=2)
        assert submitted.state is JobState.QUEUED
        assert isinstance(submitted.spec, TuningSpec)
        assert (submitted.spec.parameters, submitted.spec.max_trials) == ((X,), 5)
        assert (await backend.get_job(submitted.job_id)).spec == submitted.spec
        assert submitted.job_id in [job.job_id for job in await backend.list_jobs()]
        with pytest.raises(AlreadyExists, match="A job with this id already exists"):
            await backend.submit_job(submitted.spec)
        job = await backend.get_job(submitted.job_id)
        if not job.state.is_final:
            await backend.cancel_job(submitted.job_id)

    async def test_a_tuning_job_whose_package_does_not_exist_fails(self, backend: Backend, bucket: str) -> None:
        job_id = unique_name("tune")
        training = TrainingSpec(
            job_id, (GsUri(bucket, "staging/nothing-0.0.0.tar.gz"),), "nothing.task", region=backend.region
        )
        metrics = (Metric("loss", Goal.MINIMIZE),)
        await backend.submit_job(TuningSpec(job_id, training, metrics, (X,), region=backend.region))
        job = await backend.wait_for_job(job_id, timeout=TIMEOUT)
        assert job.state is JobState.FAILED
        assert "nothing-0.0.0.tar.gz" in job.error_message

    async def test_a_job_that_goes_on_with_an_unknown_one_is_refused(
        self, backend: Backend, bucket: str, tmp_path: Path
    ) -> None:
        expected = (NotFound, "never_was") if backend.abilities.resumes_studies else (InvalidArgument, "earlier one")
        with pytest.raises(expected[0], match=expected[1]):
            await self.tune(backend, bucket, tmp_path, resume_previous_job_id="never_was")

    async def test_a_study_goes_on_only_with_a_tuning_job(self, backend: Backend, bucket: str, tmp_path: Path) -> None:
        job_id = unique_name("job")
        package = GsUri(bucket, "staging/nothing-0.0.0.tar.gz")
        await backend.submit_job(TrainingSpec(job_id, (package,), "nothing.task", region=backend.region))
        await backend.wait_for_job(job_id, timeout=TIMEOUT)
        expected = "is not a tuning job" if backend.abilities.resumes_studies else "do not go on with an earlier one"
        with pytest.raises(InvalidArgument, match=expected):
            await self.tune(backend, bucket, tmp_path, resume_previous_job_id=job_id)


class TuningContract(TuningJobContract):
    """Needs a backend that declares ``abilities.runs_programs`` and ``abilities.tunes``."""

    async def test_trials_get_their_parameters_and_are_judged_by_the_last_value(
        self, backend: Backend, bucket: str, tmp_path: Path
    ) -> None:
        submitted = await self.tune(backend, bucket, tmp_path, "--silent", parameters=(X, KIND), parallel_trials=2)
        assert submitted.state is JobState.QUEUED
        job = await backend.wait_for_job(submitted.job_id, timeout=TIMEOUT)
        assert job.state is JobState.SUCCEEDED, job.error_message
        assert sorted(trial.trial_id for trial in job.trials) == ["1", "2", "3"]
        output = await self.output(backend, job)
        for trial in job.trials:
            assert trial.state is JobState.SUCCEEDED
            x, kind = trial.parameters["x"], trial.parameters["kind"]
            assert isinstance(x, int)
            assert trial.final is not None
            assert (trial.final.step, trial.final.metrics) == (2, {"loss": x / 2})
            assert trial.start_time is not None
            assert trial.end_time is not None
            assert trial.start_time <= trial.end_time
            assert f"variables {trial.trial_id} loss" in output
            folder = f"gs://{bucket}/jobs/{job.job_id}"
            if backend.abilities.trial_job_dirs:
                folder += f"/{trial.trial_id}"
            assert f"given {trial.trial_id} {x} {kind} {folder}" in output
        assert await backend.get_job(job.job_id) == job
        assert job in await backend.list_jobs()

    async def test_a_failed_trial_after_the_first_does_not_fail_the_job(
        self, backend: Backend, bucket: str, tmp_path: Path
    ) -> None:
        # The first trial is the middle of the range.
        job = await self.tune(backend, bucket, tmp_path, "--fail", "2", "5", trials=2, max_failed_trials=2)
        job = await backend.wait_for_job(job.job_id, timeout=TIMEOUT)
        assert job.state is JobState.SUCCEEDED, job.error_message
        states = {trial.parameters["x"]: trial.state for trial in job.trials}
        expected = {x: JobState.FAILED if x in (2, 5) else JobState.SUCCEEDED for x in states}
        assert states == expected

    async def test_a_job_whose_first_trial_fails_ends_at_once(
        self, backend: Backend, bucket: str, tmp_path: Path
    ) -> None:
        job = await self.tune(backend, bucket, tmp_path, "--fail", "2", "3", "4", "5", trials=20)
        job = await backend.wait_for_job(job.job_id, timeout=TIMEOUT)
        assert job.state is JobState.FAILED
        assert len(job.trials) == 1
        assert job.error_message

    async def test_a_trial_without_a_metric_has_no_final_measurement(
        self, backend: Backend, bucket: str, tmp_path: Path
    ) -> None:
        job = await self.tune(backend, bucket, tmp_path, "--silent", "2", "3", "4", "5", trials=1)
        job = await backend.wait_for_job(job.job_id, timeout=TIMEOUT)
        assert [trial.final for trial in job.trials] == [None]

    async def test_a_cancelled_tuning_job_ends_its_trials(self, backend: Backend, bucket: str, tmp_path: Path) -> None:
        job = await self.tune(backend, bucket, tmp_path, "--wait", trials=5, parallel_trials=2)
        async for entry in backend.follow_logs(job.job_id):
            if entry.message == "waiting":
                break
        await backend.cancel_job(job.job_id)
        job = await backend.wait_for_job(job.job_id, timeout=TIMEOUT)
        assert job.state is JobState.CANCELLED
        assert len(job.trials) <= 2
