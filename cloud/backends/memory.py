"""A ``Backend`` of jobs, models and versions in memory, for tests of what is written against ``Backend``.

Nothing happens by itself: a test moves a job on with ``move`` and ends the making of a version with ``settle``.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from cloud.backends.base import Backend, OnProgress
from cloud.backends.selection import select_entries, select_jobs
from cloud.errors import (
    AlreadyExists,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PredictionFailed,
)
from cloud.lifecycle import JobEvent, JobState, VersionEvent, VersionState, next_job_state, next_version_state
from cloud.names import GsUri, check_id
from cloud.resources import (
    WHOLE_LOG,
    Abilities,
    Access,
    Bucket,
    Job,
    JobSpec,
    Json,
    LogEntry,
    LogRange,
    Model,
    Service,
    StoredObject,
    Version,
    VersionSpec,
    as_training,
)


def _not_here() -> NoReturn:
    raise AssertionError("this backend has no storage")


class MemoryBackend(Backend):
    name = "memory"
    project = "my-project"
    region = "us-central1"
    abilities = Abilities(accelerators=False, enforces_grants=False)

    def __init__(self, *, versions_settle: bool = True) -> None:
        """
        Args:
            versions_settle: a version is READY as soon as somebody waits for it.
        """
        self.jobs: dict[str, Job] = {}
        self.models: dict[str, Model] = {}
        self.versions: dict[tuple[str, str], Version] = {}
        self.logs: dict[str, list[LogEntry]] = {}
        self.signatures: list[str | None] = []
        self.asked: list[tuple[str, str, list[Json]]] = []
        """Model, version and instances of each prediction."""
        self.objects = {"gs://bucket/export/saved_model.pb", "gs://bucket/out/model/saved_model.pb"}
        """All there is in storage, to be listed."""
        self._moved = asyncio.Event()
        self._versions_settle = versions_settle
        self._settled = asyncio.Condition()

    def move(self, job_id: str, *events: JobEvent, message: str = "") -> None:
        for event in events:
            job = self.jobs[job_id]
            state, now = next_job_state(job.state, event), datetime.now(UTC)
            job = replace(job, state=state, error_message=message)
            if state is JobState.RUNNING:
                job = replace(job, start_time=now)
            self.jobs[job_id] = replace(job, end_time=now) if state.is_final else job
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def settle(self, model: str, name: str, event: VersionEvent, message: str = "") -> None:
        version = self.versions[model, name]
        state = next_version_state(version.state, event)
        self.versions[model, name] = replace(version, state=state, error_message=message)
        async with self._settled:
            self._settled.notify_all()

    # ---------------------------------------------------------------- storage: nothing but a list

    async def create_bucket(self, name: str, *, location: str | None = None) -> Bucket:
        _not_here()

    async def get_bucket(self, name: str) -> Bucket:
        _not_here()

    async def list_buckets(self) -> list[Bucket]:
        _not_here()

    async def delete_bucket(self, name: str) -> None:
        _not_here()

    async def upload(
        self, source: Path, destination: GsUri, *, on_progress: OnProgress | None = None
    ) -> list[StoredObject]:
        _not_here()

    async def download(self, source: GsUri, destination: Path, *, on_progress: OnProgress | None = None) -> list[Path]:
        _not_here()

    async def read_object(self, uri: GsUri) -> bytes:
        _not_here()

    async def write_object(
        self, uri: GsUri, data: bytes, *, content_type: str = "application/octet-stream"
    ) -> StoredObject:
        _not_here()

    async def list_objects(self, uri: GsUri) -> list[StoredObject]:
        there = [GsUri.parse(text) for text in sorted(self.objects)]
        if uri.bucket not in {found.bucket for found in there}:
            raise NotFound(f"The specified bucket does not exist: {uri.bucket}")
        now = datetime.now(UTC)
        return [
            StoredObject(found, 1, 1, "text/plain", now)
            for found in there
            if found.bucket == uri.bucket and uri.matches(found.path)
        ]

    async def delete_objects(self, uri: GsUri) -> int:
        _not_here()

    async def grant(self, bucket: str, account: str, access: Access) -> None:
        _not_here()

    async def ml_service_account(self) -> str:
        return "service-35462102002@cloud-ml.google.com.iam.gserviceaccount.com"

    # ---------------------------------------------------------------- jobs

    async def submit_job(self, spec: JobSpec) -> Job:
        as_training(spec)
        if spec.job_id in self.jobs:
            raise AlreadyExists("this id is taken", field="job.job_id")
        self.jobs[spec.job_id] = Job(spec, JobState.QUEUED, datetime.now(UTC))
        return self.jobs[spec.job_id]

    async def get_job(self, job_id: str) -> Job:
        if job_id not in self.jobs:
            raise NotFound(f"no job {job_id!r}", field="job.job_id")
        return self.jobs[job_id]

    async def list_jobs(
        self,
        *,
        states: Collection[JobState] | None = None,
        service: Service | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[Job]:
        jobs = list(reversed(self.jobs.values()))
        return select_jobs(jobs, states=states, service=service, after=after, limit=limit)

    async def cancel_job(self, job_id: str) -> None:
        if (await self.get_job(job_id)).state.is_final:
            raise FailedPrecondition("finished", field="job.job_id")
        self.move(job_id, JobEvent.CANCEL_REQUESTED, message="The job was cancelled by the user.")

    def follow_logs(self, job_id: str) -> AsyncIterator[LogEntry]:
        _not_here()

    async def read_logs(
        self, job_id: str, part: LogRange = WHOLE_LOG, *, newest_first: bool = False, limit: int | None = None
    ) -> Sequence[LogEntry]:
        await self.get_job(job_id)
        return select_entries(self.logs.get(job_id, ()), part, newest_first=newest_first, limit=limit)

    async def wait_for_job(self, job_id: str, *, timeout: float | None = None) -> Job:
        while not (await self.get_job(job_id)).state.is_final:
            await self._moved.wait()
        return self.jobs[job_id]

    # ---------------------------------------------------------------- models and versions

    async def create_model(self, name: str, *, description: str = "") -> Model:
        check_id(name, "model.name")
        if name in self.models:
            raise AlreadyExists("taken", field="model.name")
        self.models[name] = Model(name, self.region, datetime.now(UTC), description)
        return self.models[name]

    async def get_model(self, name: str) -> Model:
        if name not in self.models:
            raise NotFound(f"no model {name!r}", field="name")
        return self.models[name]

    async def list_models(self) -> list[Model]:
        return [self.models[name] for name in sorted(self.models)]

    async def delete_model(self, name: str) -> None:
        await self.get_model(name)
        if await self.list_versions(name):
            raise FailedPrecondition("it has versions")
        del self.models[name]

    async def create_version(self, spec: VersionSpec) -> Version:
        model = await self.get_model(spec.model)
        if (spec.model, spec.name) in self.versions:
            raise AlreadyExists("taken", field="version.name")
        if "empty" in str(spec.deployment_uri):
            raise FailedPrecondition("no model in there", field="version.deployment_uri")
        self.versions[spec.model, spec.name] = Version(spec, VersionState.CREATING, datetime.now(UTC))
        if model.default_version is None:
            self.models[spec.model] = replace(model, default_version=spec.name)
        return await self.get_version(spec.model, spec.name)

    async def get_version(self, model: str, name: str) -> Version:
        found = await self.get_model(model)
        if (model, name) not in self.versions:
            raise NotFound(f"no version {name!r}", field="name")
        return replace(self.versions[model, name], is_default=found.default_version == name)

    async def list_versions(self, model: str) -> list[Version]:
        await self.get_model(model)
        return [await self.get_version(*key) for key in sorted(self.versions) if key[0] == model]

    async def wait_for_version(self, model: str, name: str, *, timeout: float | None = None) -> Version:
        version = await self.get_version(model, name)
        if version.state is VersionState.CREATING and self._versions_settle:
            await self.settle(model, name, VersionEvent.LOADED)
        try:
            async with asyncio.timeout(timeout), self._settled:
                await self._settled.wait_for(
                    lambda: (
                        (found := self.versions.get((model, name))) is None or found.state is not VersionState.CREATING
                    )
                )
        except TimeoutError:
            raise DeadlineExceeded("still CREATING") from None
        return await self.get_version(model, name)

    async def set_default_version(self, model: str, name: str) -> Version:
        if (await self.get_version(model, name)).state is not VersionState.READY:
            raise FailedPrecondition("only a READY version can be the default")
        self.models[model] = replace(self.models[model], default_version=name)
        return await self.get_version(model, name)

    async def delete_version(self, model: str, name: str) -> None:
        version = await self.get_version(model, name)
        if version.is_default and len(await self.list_versions(model)) > 1:
            raise FailedPrecondition("it is the default while there are others")
        next_version_state(version.state, VersionEvent.DELETE_REQUESTED)
        del self.versions[model, name]
        if version.is_default:
            self.models[model] = replace(self.models[model], default_version=None)

    # ---------------------------------------------------------------- prediction

    async def predict(
        self,
        model: str,
        instances: Sequence[Json],
        *,
        version: str | None = None,
        signature_name: str | None = None,
    ) -> list[Json]:
        """Doubles numbers: everything else fails."""
        name = version or (await self.get_model(model)).default_version
        if name is None:
            raise FailedPrecondition("no default version", field="name")
        if (await self.get_version(model, name)).state is not VersionState.READY:
            raise FailedPrecondition("not READY", field="name")
        if not instances:
            raise InvalidArgument("at least one instance", field="instances")
        self.signatures.append(signature_name)
        self.asked.append((model, name, list(instances)))
        if not all(isinstance(instance, int | float) for instance in instances):
            raise PredictionFailed("Error processing input: not a number")
        return [{"double": 2.0 * instance} for instance in instances]
