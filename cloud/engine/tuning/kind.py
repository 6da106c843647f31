"""Tuning jobs as a kind of job: each is a study of trials, which goes on after a restart."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cloud.engine.jobs.execution import Platform
from cloud.engine.jobs.kinds import RunContext
from cloud.engine.jobs.replicas import check_count
from cloud.engine.tuning.records import TrialRecords
from cloud.engine.tuning.run import TuningPlatform, TuningRun
from cloud.errors import InvalidArgument
from cloud.gcs.client import StorageClient
from cloud.lifecycle import JobState
from cloud.resources import Job, JobSpec
from cloud.resources.trials import Trial
from cloud.resources.tuning import TuningSpec


class TuningJobs:
    """See ``JobKind``.

    Args:
        state_dir: holds the records of trials.
        storage: gives a client of Cloud Storage that acts as the account of that e-mail address.
    """

    resumes = True

    def __init__(self, state_dir: Path, platform: Platform, storage: Callable[[str], StorageClient]) -> None:
        self._records = TrialRecords(state_dir / "trials.sqlite")
        self._tuning = TuningPlatform(platform, self._records, storage)

    def check(self, spec: JobSpec) -> None:
        """Raises:
        ResourceExhausted: a trial has too many replicas.
        """
        check_count(_tuning(spec).training)

    def run(self, spec: JobSpec, context: RunContext) -> TuningRun:
        return TuningRun(_tuning(spec), self._tuning, context)

    def complete(self, job: Job) -> Job:
        trials = self._records.of(job.job_id)
        if job.state.is_final:  # a trial that was cancelled after a restart, before it ran again, has no last event
            trials = tuple(each if each.state.is_final else _cancelled(each, job) for each in trials)
        return replace(job, trials=trials)

    def close(self) -> None:
        self._records.close()


def _cancelled(trial: Trial, job: Job) -> Trial:
    return replace(trial, state=JobState.CANCELLED, end_time=job.end_time, infeasible_reason="The trial was cancelled.")


def _tuning(spec: JobSpec) -> TuningSpec:
    if not isinstance(spec, TuningSpec):
        raise InvalidArgument(f"{spec.job_id!r} is no tuning job", field="job")
    return spec
