"""``LocalBackend``: the specification kept by the engine, on this machine. See ``cloud.serve`` for what starts it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from cloud.backends.base import Backend, OnProgress
from cloud.engine.jobs.service import JobService
from cloud.engine.runtime import check_runtime
from cloud.engine.serving.service import ServingService
from cloud.engine.storage.client import StorageClient
from cloud.errors import InvalidArgument
from cloud.names import GsUri
from cloud.resources import (
    Abilities,
    Access,
    Bucket,
    Job,
    JobSpec,
    Json,
    LogEntry,
    Model,
    ScaleTier,
    StoredObject,
    Version,
    VersionSpec,
)

_ACCELERATED = frozenset({ScaleTier.BASIC_GPU, ScaleTier.BASIC_TPU})


class LocalBackend(Backend):
    """The local cloud as its owner sees it.

    Args:
        storage: a client of the storage front door, as the project's owner.
        ml_service_account: as whom jobs and versions reach the bucket.
        runtimes: see ``Abilities``.
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
        runtimes: Mapping[str, frozenset[str]] | None = None,
    ) -> None:
        self.project = project
        self.region = region
        self.abilities = Abilities(accelerators=False, enforces_grants=True, runtimes=runtimes)
        self._ml_service_account = ml_service_account
        self._storage = storage
        self._jobs = jobs
        self._serving = serving

    # ---------------------------------------------------------------- buckets

    async def create_bucket(self, name: str, *, location: str | None = None) -> Bucket:
        return await self._storage.create_bucket(name, location=location or self.region)

    async def get_bucket(self, name: str) -> Bucket:
        return await self._storage.get_bucket(name)

    async def list_buckets(self) -> list[Bucket]:
        return await self._storage.list_buckets()

    async def delete_bucket(self, name: str) -> None:
        await self._storage.delete_bucket(name)

    # ---------------------------------------------------------------- objects

    async def upload(
        self, source: Path, destination: GsUri, *, on_progress: OnProgress | None = None
    ) -> list[StoredObject]:
        return await self._storage.upload(source, destination, on_progress=on_progress)

    async def download(self, source: GsUri, destination: Path, *, on_progress: OnProgress | None = None) -> list[Path]:
        return await self._storage.download(source, destination, on_progress=on_progress)

    async def read_object(self, uri: GsUri) -> bytes:
        return await self._storage.read_object(uri)

    async def write_object(
        self, uri: GsUri, data: bytes, *, content_type: str = "application/octet-stream"
    ) -> StoredObject:
        return await self._storage.write_object(uri, data, content_type=content_type)

    async def list_objects(self, uri: GsUri) -> list[StoredObject]:
        return await self._storage.list_objects(uri)

    async def delete_objects(self, uri: GsUri) -> int:
        return await self._storage.delete_objects(uri)

    # ---------------------------------------------------------------- grants

    async def ml_service_account(self) -> str:
        return self._ml_service_account

    async def grant(self, bucket: str, account: str, access: Access) -> None:
        await self._storage.grant(bucket, account, access)

    # ---------------------------------------------------------------- jobs

    async def submit_job(self, spec: JobSpec) -> Job:
        if spec.scale_tier in _ACCELERATED:
            raise InvalidArgument(
                f"{spec.scale_tier.value} has accelerators, this machine offers none: use BASIC",
                field="training_input.scale_tier",
            )
        self._check_runtime(spec, "training_input.runtime_version")
        return self._jobs.submit(spec)

    async def get_job(self, job_id: str) -> Job:
        return self._jobs.get(job_id)

    async def list_jobs(self) -> list[Job]:
        return self._jobs.list()

    async def cancel_job(self, job_id: str) -> None:
        self._jobs.cancel(job_id)

    def follow_logs(self, job_id: str) -> AsyncIterator[LogEntry]:
        return self._jobs.follow_logs(job_id)

    async def read_logs(self, job_id: str) -> Sequence[LogEntry]:
        return await self._jobs.read_logs(job_id)

    async def wait_for_job(self, job_id: str, *, timeout: float | None = None) -> Job:
        return await self._jobs.wait(job_id, timeout)

    # ---------------------------------------------------------------- models and versions

    async def create_model(self, name: str, *, description: str = "") -> Model:
        return await self._serving.create_model(name, description=description)

    async def get_model(self, name: str) -> Model:
        return await self._serving.get_model(name)

    async def list_models(self) -> list[Model]:
        return await self._serving.list_models()

    async def delete_model(self, name: str) -> None:
        await self._serving.delete_model(name)

    async def create_version(self, spec: VersionSpec) -> Version:
        self._check_runtime(spec, "version.runtime_version")
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
        return await self._serving.set_default_version(model, name)

    async def delete_version(self, model: str, name: str) -> None:
        await self._serving.delete_version(model, name)

    def _check_runtime(self, spec: JobSpec | VersionSpec, field: str) -> None:
        check_runtime(spec.runtime_version, spec.python_version, self.abilities.runtimes, field)

    # ---------------------------------------------------------------- prediction

    async def predict(
        self, model: str, instances: Sequence[Json], *, version: str | None = None, signature_name: str | None = None
    ) -> list[Json]:
        return await self._serving.predict(model, instances, version=version, signature_name=signature_name)
