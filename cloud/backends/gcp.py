"""``GcpBackend``: a backend on Google Cloud, built from the parts in ``google/``."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cloud.backends.cloud_storage import CloudStorageBackend
from cloud.backends.google.logs import Lateness, Logs
from cloud.backends.google.ml_engine import MlEngine
from cloud.backends.google.service import GoogleService, RunResources, ServiceContext
from cloud.backends.google.transport import Transport
from cloud.backends.google.vertex_ai import VertexAi
from cloud.backends.selection import select_entries, select_jobs
from cloud.errors import DeadlineExceeded, InvalidArgument, PredictionFailed
from cloud.gcs.backoff import Pace, Retries
from cloud.gcs.client import StorageClient
from cloud.gcs.retry import Sleep
from cloud.lifecycle import JobState, VersionState
from cloud.names import check_project
from cloud.resources import Job, JobSpec, Json, Model, RawAnswer, Service, TrainingSpec, Version, VersionSpec
from cloud.resources.batch_prediction import BatchPredictionSpec
from cloud.resources.log_entries import WHOLE_LOG, LogEntry, LogRange
from cloud.resources.tuning import TuningSpec

if TYPE_CHECKING:
    from cloud.backends.google.network import Network

STORAGE = "https://storage.googleapis.com"
SERVICES = ("vertex-ai", "ml-engine")


class GcpBackend(CloudStorageBackend):
    """One project of Google Cloud. Created by ``open_gcp``.

    Args:
        transport: used by ``service``; closed with the backend, like ``storage``.
        pace: of polling.
    """

    name = "gcp"

    def __init__(
        self,
        project: str,
        region: str,
        *,
        transport: Transport,
        storage: StorageClient,
        service: GoogleService,
        logs: Logs,
        pace: Pace,
        session: Callable[[], Any],
        token: Callable[[], Awaitable[str]],
    ) -> None:
        self.project, self.region, self.abilities = project, region, service.abilities
        self._transport, self._storage, self._service, self._logs, self._pace = transport, storage, service, logs, pace
        self._session, self._token = session, token

    async def close(self) -> None:
        await self._service.close()
        await self._storage.close()
        await self._transport.close()

    async def token(self) -> str:
        """The current access token of this backend's credentials."""
        return await self._token()

    def session(self) -> Any:
        """An ``aiohttp.ClientSession`` with this backend's network settings."""
        return self._session()

    async def created_by(self, run: str) -> RunResources:
        """The resources with the label of this run of ``cloud.run``."""
        return await self._service.created_by(run)

    async def labels(self, bucket: str) -> dict[str, str]:
        """The labels of a bucket."""
        return await self._storage.labels(bucket)

    async def ml_service_account(self) -> str:
        return await self._service.ml_service_account()

    # ---------------------------------------------------------------- jobs

    async def submit_job(self, spec: JobSpec) -> Job:
        _check_no_gpus(spec)
        return await self._service.submit_job(spec)

    async def get_job(self, job_id: str) -> Job:
        return await self._service.get_job(job_id)

    async def list_jobs(
        self,
        *,
        states: Collection[JobState] | None = None,
        service: Service | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[Job]:
        jobs = await self._service.list_jobs()
        return select_jobs(jobs, states=states, service=service, after=after, limit=limit)

    async def cancel_job(self, job_id: str) -> None:
        await self._service.cancel_job(job_id)

    async def follow_logs(self, job_id: str) -> AsyncIterator[LogEntry]:
        async def is_final() -> bool:
            return (await self.get_job(job_id)).state.is_final

        async for entry in self._logs.follow(await self._service.log(job_id), is_final):
            yield entry

    async def read_logs(
        self, job_id: str, part: LogRange = WHOLE_LOG, *, newest_first: bool = False, limit: int | None = None
    ) -> Sequence[LogEntry]:
        log = await self._logs.read(await self._service.log(job_id))
        return select_entries(log, part, newest_first=newest_first, limit=limit)

    async def wait_for_job(self, job_id: str, *, timeout: float | None = None) -> Job:
        job, polls = await self.get_job(job_id), 1
        try:
            async with asyncio.timeout(timeout):
                while not job.state.is_final:
                    await asyncio.sleep(self._pace.pause(polls))
                    job, polls = await self.get_job(job_id), polls + 1
        except TimeoutError:
            raise DeadlineExceeded(f"job {job_id!r} is still {job.state.value} after {timeout:g} seconds") from None
        return job

    # ---------------------------------------------------------------- models and versions

    async def create_model(self, name: str, *, description: str = "") -> Model:
        return await self._service.create_model(name, description=description)

    async def get_model(self, name: str) -> Model:
        return await self._service.get_model(name)

    async def list_models(self) -> list[Model]:
        return await self._service.list_models()

    async def delete_model(self, name: str) -> None:
        await self._service.delete_model(name)

    async def create_version(self, spec: VersionSpec) -> Version:
        return await self._service.create_version(spec)

    async def get_version(self, model: str, name: str) -> Version:
        return await self._service.get_version(model, name)

    async def list_versions(self, model: str) -> list[Version]:
        return await self._service.list_versions(model)

    async def wait_for_version(self, model: str, name: str, *, timeout: float | None = None) -> Version:
        version, polls = await self.get_version(model, name), 1
        if timeout is None and not self._service.ends_deployments:
            timeout = self._pace.limit
        try:
            async with asyncio.timeout(timeout):
                while version.state is VersionState.CREATING:
                    await asyncio.sleep(self._pace.pause(polls))
                    version, polls = await self.get_version(model, name), polls + 1
        except TimeoutError:
            raise DeadlineExceeded(f"version {name!r} of {model!r} is still CREATING after {timeout:g} s") from None
        return version

    async def set_default_version(self, model: str, name: str) -> Version:
        return await self._service.set_default_version(model, name)

    async def delete_version(self, model: str, name: str) -> None:
        await self._service.delete_version(model, name)

    # ---------------------------------------------------------------- prediction

    async def predict(
        self,
        model: str,
        instances: Sequence[Json],
        *,
        version: str | None = None,
        signature_name: str | None = None,
    ) -> list[Json]:
        if not instances:
            raise InvalidArgument("at least one instance is needed", field="instances")
        _check_numbers(instances)
        return await self._service.predict(model, instances, version=version, signature_name=signature_name)

    async def raw_predict(self, model: str, body: bytes, *, version: str | None = None) -> RawAnswer:
        return await self._service.raw_predict(model, body, version=version)


def _check_numbers(value: Json) -> None:
    """Raises:
    PredictionFailed: a number that JSON cannot represent.
    """
    match value:
        case float() if not math.isfinite(value):
            raise PredictionFailed("NaN and Infinity are no JSON numbers")
        case dict():
            _check_numbers(list(value.values()))
        case list() | tuple():
            for item in value:
                _check_numbers(item)


def open_gcp(
    *,
    project: str,
    region: str,
    service: str,
    credentials: Any = None,
    network: "Network | None" = None,
    labels: Mapping[str, str] = {},
    image: str | None = None,
    training_image: str | None = None,
    service_account: str | None = None,
    pace: Pace = Pace(),  # noqa: B008
    lateness: Lateness = Lateness(),  # noqa: B008
    retries: Retries = Retries(),  # noqa: B008
    sleep: Sleep = asyncio.sleep,
) -> GcpBackend:
    """Create a backend; sends no request, and does not look for credentials yet.

    Args:
        service: one of ``SERVICES``.
        credentials: google-auth's; by default the application default credentials.
        labels: put on every resource that is created.
        image, training_image, service_account: see ``VertexAi``.
        retries: of every request, also to Cloud Storage; ``sleep`` waits before each retry.
    """
    # Imported here: a dry run needs none of Google's libraries.
    from cloud.backends.google.http_transport import HttpTransport
    from cloud.backends.google.network import Identity, Network

    network = network or Network()
    identity = Identity(network, credentials)
    transport = HttpTransport(region, identity=identity, network=network, retries=retries, sleep=sleep)

    def token() -> Awaitable[str]:
        return transport.in_thread(identity.token)

    storage = StorageClient(
        STORAGE,
        token,
        check_project(project),
        region=region,
        labels=labels,
        session=network.session,
        retries=retries,
        sleep=sleep,
        renew=lambda: transport.in_thread(identity.renew),
    )
    logs = Logs(transport, project, pace=pace, lateness=lateness)
    opened = open_service(
        service,
        ServiceContext(transport, project, region, pace, dict(labels)),
        logs,
        storage,
        image=image,
        training_image=training_image,
        service_account=service_account,
    )
    return GcpBackend(
        project,
        region,
        transport=transport,
        storage=storage,
        service=opened,
        logs=logs,
        pace=pace,
        session=network.session,
        token=token,
    )


def open_service(
    name: str,
    context: ServiceContext,
    logs: Logs,
    storage: StorageClient,
    *,
    image: str | None = None,
    training_image: str | None = None,
    service_account: str | None = None,
) -> GoogleService:
    """Raises:
    InvalidArgument: no such service, or it does not support an option.
    """
    match name:
        case "vertex-ai":
            return VertexAi(
                context,
                logs,
                storage.read_object,
                image=image,
                training_image=training_image,
                service_account=service_account,
            )
        case "ml-engine":
            check_options(name, image=image, training_image=training_image, service_account=service_account)
            return MlEngine(context)
    raise InvalidArgument(f"one of {', '.join(SERVICES)}, not {name!r}", field="service")


def _check_no_gpus(spec: JobSpec) -> None:
    """Raises:
    InvalidArgument: it names GPUs, and all machines but those of a scale tier are chosen here.
    """
    given = spec.training if isinstance(spec, TuningSpec) else spec
    if isinstance(given, TrainingSpec | BatchPredictionSpec) and given.gpus:
        raise InvalidArgument(
            f"{', '.join(given.gpus)} cannot be handed on to this backend: leave the GPUs out, or use BASIC_GPU",
            field="job.gpus",
        )


def check_options(service: str, **given: str | None) -> None:
    """Raises:
    InvalidArgument: ``service`` does not support an option that is given.
    """
    for name, value in given.items():
        if value and service == "ml-engine":
            option = f"--{name.replace('_', '-')}"
            raise InvalidArgument(f"{option} is for --service vertex-ai, not for ml-engine")
