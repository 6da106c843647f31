"""``LocalBackend``: implements ``Backend`` by the engine, on this machine. ``cloud.serve`` creates it."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from cloud.backends.cloud_storage import CloudStorageBackend
from cloud.engine.disk import disk_full
from cloud.engine.jobs.service import JobService
from cloud.engine.runtimes.names import request_for_version, request_of
from cloud.engine.serving.service import ServingService
from cloud.errors import InvalidArgument, Unavailable
from cloud.gcs.client import StorageClient
from cloud.gcs.input_files import check_inputs
from cloud.lifecycle import JobState
from cloud.resources import (
    Abilities,
    Framework,
    Job,
    JobSpec,
    Json,
    Model,
    RawAnswer,
    ScaleTier,
    Service,
    TrainingSpec,
    Version,
    VersionSpec,
)
from cloud.resources.batch_prediction import BatchPredictionSpec
from cloud.resources.log_entries import WHOLE_LOG, LogEntry, LogRange
from cloud.resources.tuning import TuningSpec

if TYPE_CHECKING:
    from cloud.engine.runtimes.runtimes import Runtimes


class LocalBackend(CloudStorageBackend):
    """The local cloud, used as the project's owner.

    Args:
        storage: a client of the local Cloud Storage, as the project's owner.
        ml_service_account: the account as which jobs and versions access buckets.
        enforces_grants: see ``Abilities``.
        runtimes: of jobs; None: every job runs.
    """

    name = "local"

    def __init__(
        self,
        *,
        project: str,
        region: str,
        ml_service_account: str,
        storage: StorageClient,
        jobs: JobService,
        serving: ServingService,
        enforces_grants: bool = True,
        grants_gpus: bool = True,
        runtimes: "Callable[[], Runtimes] | None" = None,
    ) -> None:
        self.project = project
        self.region = region
        self._enforces_grants = enforces_grants
        self._grants_gpus = grants_gpus
        self._runtimes = runtimes
        self._ml_service_account = ml_service_account
        self._storage = storage
        self._jobs = jobs
        self._serving = serving

    @cached_property
    def abilities(self) -> Abilities:  # type: ignore[override]
        available = self._runtimes().available() if self._runtimes else None
        gpus = self._grants_gpus
        return Abilities(gpus=gpus, own_machines=gpus, enforces_grants=self._enforces_grants, runtimes=available)

    async def ml_service_account(self) -> str:
        return self._ml_service_account

    # ---------------------------------------------------------------- jobs

    async def submit_job(self, spec: JobSpec) -> Job:
        training = spec.training if isinstance(spec, TuningSpec) else spec
        if isinstance(training, TrainingSpec):
            self._check_training(training)
        if isinstance(spec, TuningSpec) and spec.resume_previous_job_id:
            spec.check_resumes(self._jobs.get(spec.resume_previous_job_id))
        if isinstance(spec, BatchPredictionSpec):
            await check_inputs(spec, self._storage.list_objects)
        with _disk_errors():
            return self._jobs.submit(spec)

    async def get_job(self, job_id: str) -> Job:
        return self._jobs.get(job_id)

    async def list_jobs(
        self,
        *,
        states: Collection[JobState] | None = None,
        service: Service | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[Job]:
        return self._jobs.list(states=states, service=service, after=after, limit=limit)

    async def cancel_job(self, job_id: str) -> None:
        with _disk_errors():
            self._jobs.cancel(job_id)

    def follow_logs(self, job_id: str) -> AsyncIterator[LogEntry]:
        return self._jobs.follow_logs(job_id)

    async def read_logs(
        self, job_id: str, part: LogRange = WHOLE_LOG, *, newest_first: bool = False, limit: int | None = None
    ) -> Sequence[LogEntry]:
        return await self._jobs.read_logs(job_id, part, newest_first=newest_first, limit=limit)

    async def wait_for_job(self, job_id: str, *, timeout: float | None = None) -> Job:
        return await self._jobs.wait(job_id, timeout)

    # ---------------------------------------------------------------- models and versions

    async def create_model(self, name: str, *, description: str = "") -> Model:
        with _disk_errors():
            return await self._serving.create_model(name, description=description)

    async def get_model(self, name: str) -> Model:
        return await self._serving.get_model(name)

    async def list_models(self) -> list[Model]:
        return await self._serving.list_models()

    async def delete_model(self, name: str) -> None:
        with _disk_errors():
            await self._serving.delete_model(name)

    async def create_version(self, spec: VersionSpec) -> Version:
        self._check_runtime(spec)
        with _disk_errors():
            return await self._serving.create_version(spec)

    async def get_version(self, model: str, name: str) -> Version:
        return await self._serving.get_version(model, name)

    async def list_versions(self, model: str) -> list[Version]:
        return await self._serving.list_versions(model)

    async def wait_for_version(
        self,
        model: str,
        name: str,
        *,
        timeout: float | None = None,
    ) -> Version:
        return await self._serving.wait_for_version(model, name, timeout=timeout)

    async def set_default_version(self, model: str, name: str) -> Version:
        with _disk_errors():
            return await self._serving.set_default_version(model, name)

    async def delete_version(self, model: str, name: str) -> None:
        with _disk_errors():
            await self._serving.delete_version(model, name)

    def _check_training(self, spec: TrainingSpec) -> None:
        """Raises:
        InvalidArgument: it cannot be run on this machine.
        """
        if spec.scale_tier is ScaleTier.BASIC_TPU:
            raise InvalidArgument(
                "BASIC_TPU has TPUs, and programs for TPUs run on nothing else: use BASIC",
                field="training_input.scale_tier",
            )
        if not self._grants_gpus and (spec.gpus or spec.scale_tier is ScaleTier.BASIC_GPU):
            raise InvalidArgument(
                "GPUs are not granted here (CLOUD_GPU_QUOTA): leave them out",
                field="training_input.master_config" if spec.gpus else "training_input.scale_tier",
            )
        self._check_runtime(spec)

    def _check_runtime(self, spec: TrainingSpec | VersionSpec) -> None:
        """Raises:
        InvalidArgument: its runtime can neither be had nor replaced.
        """
        if self._runtimes is None:
            return
        runtimes = self._runtimes()
        if not isinstance(spec, VersionSpec):
            field = "executor_image_uri" if spec.image else "training_input.runtime_version"
            runtimes.check(request_of(spec), field)
        elif spec.framework is Framework.TENSORFLOW:
            request = request_for_version(spec.runtime_version, spec.python_version)
            runtimes.check(request, "version.runtime_version")
        else:
            runtimes.check_server(spec, "version.framework")

    # ---------------------------------------------------------------- prediction

    async def predict(
        self,
        model: str,
        instances: Sequence[Json],
        *,
        version: str | None = None,
        signature_name: str | None = None,
    ) -> list[Json]:
        return await self._serving.predict(model, instances, version=version, signature_name=signature_name)

    async def raw_predict(self, model: str, body: bytes, *, version: str | None = None) -> RawAnswer:
        return await self._serving.raw_predict(model, body, version=version)


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Turn errors of the disk into those of ``Backend``.

    Raises:
        ResourceExhausted: the disk is full.
        Unavailable: another error.
    """
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        raise disk_full(error) or Unavailable(f"the state folder cannot be used: {error}") from error
