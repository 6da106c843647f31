"""Batch prediction jobs as a kind of job: each is one ``BatchExecution``."""

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from pathlib import Path

from cloud.engine.batch_prediction.execution import BatchExecution
from cloud.engine.batch_prediction.records import CountRecords
from cloud.engine.jobs.kinds import Part, RunContext
from cloud.engine.principal import Principal
from cloud.engine.project.identities import prediction_account
from cloud.engine.serving.service import ServingService
from cloud.errors import InvalidArgument
from cloud.gcs.client import StorageClient
from cloud.lifecycle import JobEvent, JobState
from cloud.resources import Framework, Job, JobSpec, PredictionCounts, Service
from cloud.resources.batch_prediction import BatchPredictionSpec


class BatchRun:
    """See ``Run``."""

    def __init__(self, execution: BatchExecution) -> None:
        self.message = ""
        self._has_started = False
        self.execution = execution

    def waiting(self) -> int:
        return 0 if self._has_started else 1

    def start(self) -> Part:
        self._has_started = True
        return self.execution

    def on_event(self, _: Part, __: JobEvent, message: str, /) -> None:
        self.message = message

    def states(self) -> Collection[JobState]:
        return [self.execution.state]

    def cancel(self) -> None:
        """Its only part is cancelled by the service."""


class BatchPredictionJobs:
    """See ``JobKind``.

    Args:
        state_dir: of the records.
        storage: Cloud Storage as an account.
    """

    resumes = True
    """A job that lost its server begins again: nothing of it is in the bucket."""

    def __init__(
        self,
        *,
        state_dir: Path,
        project: str,
        serving: ServingService,
        storage: Callable[[Principal], StorageClient],
    ) -> None:
        self._records = CountRecords(state_dir / "predictions.sqlite")
        self._project, self._serving, self._storage = project, serving, storage
        self._running: dict[str, BatchExecution] = {}

    def check(self, spec: JobSpec) -> None:
        """Raises:
        NotFound: there is no such model or version.
        FailedPrecondition: it has no default version, or is not READY.
        InvalidArgument: it is not a TensorFlow model, on ML Engine.
        """
        spec = _as_batch_prediction(spec)
        if not spec.model:
            return
        version, _ = self._serving.served(spec.model, spec.version)
        if spec.service is Service.ML_ENGINE and version.spec.framework is not Framework.TENSORFLOW:
            raise InvalidArgument(
                f"Batch prediction is for TensorFlow models, and version {version.name} of model {version.model} is of "
                f"{version.spec.framework}: call projects.predict.",
                field="job.prediction_input.version_name",
            )

    def run(self, spec: JobSpec, context: RunContext) -> BatchRun:
        spec = _as_batch_prediction(spec)
        storage = self._storage(prediction_account(self._project, spec.service))
        execution = BatchExecution(spec, context, storage, self._serving, partial(self._save, spec.job_id))
        self._running[spec.job_id] = execution
        return BatchRun(execution)

    def complete(self, job: Job) -> Job:
        execution = self._running.get(job.job_id)
        return replace(job, predictions=execution.counts if execution else self._records.get(job.job_id))

    def _save(self, job_id: str, counts: PredictionCounts) -> None:
        del self._running[job_id]
        self._records.put(job_id, counts)

    def close(self) -> None:
        self._records.close()


def _as_batch_prediction(spec: JobSpec) -> BatchPredictionSpec:
    """Raises:
    InvalidArgument: it is for another kind of job.
    """
    if not isinstance(spec, BatchPredictionSpec):
        raise InvalidArgument(f"{spec.job_id!r} is no batch prediction job", field="job")
    return spec
