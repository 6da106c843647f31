"""``Assembly``: the services of a local cloud, created and connected.

    fake-gcs-server <- storage API <- gateway <- replicas, workers, and this process's own storage clients

Every access to a bucket takes this path, ours too, so that grants are enforced and object names are checked.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cloud.backends.local import LocalBackend
from cloud.emulator.aiplatform_v1 import addresses as vertex_addresses
from cloud.emulator.cloudresourcemanager import routes as resource_manager
from cloud.emulator.compute_v1 import routes as compute_v1
from cloud.emulator.deferred import Deferred
from cloud.emulator.faults import Faults
from cloud.emulator.iam import routes as iam
from cloud.emulator.iamcredentials import routes as iam_credentials
from cloud.emulator.logging_v2 import addresses as logging_addresses
from cloud.emulator.ml_v1 import addresses as ml_addresses
from cloud.emulator.ml_v1 import tables as ml_tables
from cloud.emulator.mounts import LOOPBACK, Mount
from cloud.emulator.rest.api import Document
from cloud.emulator.serviceusage import routes as service_usage
from cloud.emulator.storage_v1 import lifecycle_runs
from cloud.emulator.storage_v1.routes import StorageV1
from cloud.engine.confinement.confiner import Confiner, Means
from cloud.engine.jobs.environ import tenant_project
from cloud.engine.jobs.kinds import JobKind, JobKinds
from cloud.engine.jobs.logs import JobLog
from cloud.engine.jobs.preemptions import Preemptions
from cloud.engine.jobs.service import JobService
from cloud.engine.jobs.slots import JobSlots, OwnSlots
from cloud.engine.launch.client import Launcher
from cloud.engine.principal import Principal
from cloud.engine.project.access import ProjectAccess
from cloud.engine.project.identities import ml_service_account, owner, project_number, version_account
from cloud.engine.serving.service import ServingService
from cloud.engine.state_folder import StateFolder
from cloud.engine.storage.guard import PolicyViolation, summarize
from cloud.engine.storage.server import FakeGcsServer
from cloud.engine.storage.service import StorageService
from cloud.errors import InvalidArgument
from cloud.gateway.listener import Refusal
from cloud.gcs.client import StorageClient
from cloud.names import GsUri
from cloud.resources import TrainingSpec, VersionSpec
from cloud.resources.batch_prediction import BatchPredictionSpec
from cloud.resources.tuning import TuningSpec
from cloud.server.confined import Confined
from cloud.server.front import Front
from cloud.server.image_apis import ImageApis
from cloud.server.job_access import JobAccess
from cloud.server.owner_access import OwnerAccess
from cloud.settings import GpuQuota, ServiceAgents, Settings

if TYPE_CHECKING:
    from cloud.emulator.aiplatform_v1.routes import AiplatformV1
    from cloud.emulator.logging_v2.routes import LoggingV2
    from cloud.emulator.ml_v1.routes import MlV1
    from cloud.engine.jobs.execution import Platform
    from cloud.engine.runtimes.requirements import Requirements
    from cloud.engine.runtimes.runtime import Runtime
    from cloud.engine.runtimes.runtimes import Runtimes
    from cloud.engine.runtimes.source_wheels import BuildWheel
    from cloud.engine.runtimes.uv import Log
    from cloud.resources.container_images import ContainerImage

_log = logging.getLogger(__name__)

_OF_JOBS = ("cloud.server.job_platform", "cloud.engine.jobs.training", "cloud.engine.runtimes.runtimes")
"""Modules that the first job, and the first version, need."""


class Assembly:
    """From ``start`` to ``close``. What only some programs need, the larger APIs and all that prepares jobs, is loaded
    when it is needed first: a cloud around a short command starts without.

    Args:
        project, owner_access: the caller closes them.
        server: fake-gcs-server for the state's folder "storage/media", whether started or not.
        runtimes, requirements: of jobs.
        base_environ: variables of every process of this cloud, besides those that lead to the gateway.
        confined: how its processes are confined.
        on_refusal: called for each request for a host that is not emulated.
    """

    backend: LocalBackend
    front: Front
    storage: StorageService
    vertex: "Deferred[AiplatformV1]"
    jobs: JobService
    serving: ServingService
    image_apis: ImageApis

    def __init__(
        self,
        settings: Settings,
        state: StateFolder,
        launcher: Launcher,
        server: FakeGcsServer,
        runtimes: "Callable[[], Runtimes]",
        requirements: "Callable[[BuildWheel], Requirements]",
        base_environ: Mapping[str, str],
        project: ProjectAccess,
        owner_access: OwnerAccess,
        confined: Confined,
        on_refusal: Callable[[Refusal], None] | None = None,
    ) -> None:
        self._settings, self._state, self._launcher, self._server = settings, state, launcher, server
        self._runtimes, self._requirements = runtimes, requirements
        self._base_environ = dict(base_environ)
        self.project, self._owner_access = project, owner_access
        self._confined = confined
        self._parts = AsyncExitStack()
        self._on_refusal = on_refusal
        self._clients: dict[Principal, StorageClient] = {}
        self.preemptions = Preemptions()

    def _forget_account(self, member: str, gone: str) -> None:
        """See ``ServiceAccounts``."""
        self._owner_access.keys.forget(member.removeprefix("serviceAccount:"))
        self.storage.forget_account(member, gone)

    async def close(self) -> None:
        """End all jobs, workers and servers. Also after a ``start`` that failed."""
        await self._parts.aclose()

    async def start(self) -> None:
        """Raises:
        FailedPrecondition: the state folder or fake-gcs-server cannot be used.
        """
        settings, parts, state, launcher = self._settings, self._parts, self._state, self._launcher
        number = project_number(settings.project)
        account, project, owner_access = ml_service_account(settings.project), self.project, self._owner_access
        storage = self.storage = StorageService(
            state.folder("storage"),
            project=settings.project,
            project_number=number,
            iam=settings.iam,
            access=project,
            public=dict(settings.public),
            on_violation=_log_violation,
            server=self._server,
        )
        await storage.start()
        parts.push_async_callback(storage.close)
        front = self.front = Front(
            settings,
            state,
            StorageV1(storage, owner_access.keys.signer),
            owner_access,
            self._on_refusal,
            project.account_exists,
        )
        parts.push_async_callback(front.close)
        await front.start()
        await lifecycle_runs.run_at_start(storage, owner(settings.project))
        parts.push_async_callback(self._close_clients)  # after the jobs that use them have ended

        access = JobAccess(
            front.gateway, front.emulator, storage, settings.project, state.folder("gateway"), project.account_exists
        )
        confined, processes = self._confined, settings.job_processes
        confiner = Confiner(Means(confined.layers, launcher, confined.reads, confined.secrets, processes))
        environ = self._base_environ | access.environ(front.gateway.address)
        platform = cache(lambda: self._platform(environ, confiner, access))
        serving = self.serving = ServingService(
            state_dir=state.folder("serving"),
            launcher=launcher,
            fetch=self._fetch_version,
            environ=environ,
            region=settings.region,
            prepare=self._prepare_server,
            confiner=confiner,
            idle_limit=settings.worker_idle_seconds,
        )
        await serving.start()
        parts.push_async_callback(serving.close)
        jobs = self.jobs = JobService(
            state_dir=state.folder("jobs"),
            work_dir=state.folder("work"),
            kinds=JobKinds(
                {
                    TrainingSpec: lambda: _training_jobs(platform()),
                    TuningSpec: lambda: self._tuning_jobs(platform()),
                    BatchPredictionSpec: lambda: self._batch_prediction_jobs(serving),
                }
            ),
            slots=_slots(settings),
        )
        await jobs.start()
        parts.push_async_callback(jobs.close)
        self.backend = LocalBackend(
            project=settings.project,
            region=settings.region,
            ml_service_account=account.email,
            storage=self._storage_client(owner(settings.project)),
            jobs=jobs,
            serving=serving,
            enforces_grants=project.agents is ServiceAgents.BARE,
            grants_gpus=settings.gpu_quota is GpuQuota.GRANTED,
            runtimes=self._runtimes,
        )
        self.image_apis = ImageApis(self.backend, state, project, parts)
        ml = Deferred(("cloud.emulator.ml_v1.routes", *_OF_JOBS), self._ml_v1)
        vertex = Deferred(("cloud.emulator.aiplatform_v1.routes", *_OF_JOBS), self._aiplatform_v1)
        logs = Deferred(("cloud.emulator.logging_v2.routes",), self._logging_v2)
        self.vertex = vertex
        for api, records in ((ml, "ml_v1"), (vertex, "aiplatform_v1")):
            if any(state.folder(records).iterdir()):
                api.load()  # it takes up what an earlier process left unfinished
        front.emulator.mount(
            *self.image_apis.mounts(),
            *(Mount(hosts, paths, Document(ml.load)) for hosts, paths in ml_addresses.DOCUMENT_PATHS.items()),
            Mount(ml_addresses.HOSTS, r".*", ml),
            *(Mount(hosts, paths, Document(vertex.load)) for hosts, paths in vertex_addresses.DOCUMENT_PATHS.items()),
            Mount(vertex_addresses.HOSTS, r".*", vertex, scopes=vertex_addresses.SCOPES),
            Mount(LOOPBACK, vertex_addresses.LOOPBACK_PATHS, vertex, scopes=vertex_addresses.SCOPES),
            Mount(LOOPBACK, lifecycle_runs.PATHS, lifecycle_runs.LifecycleRequests(self.storage)),
            Mount(logging_addresses.HOSTS, r".*", logs, scopes=logging_addresses.SCOPES),
            Mount(resource_manager.HOSTS, resource_manager.PATHS_V1, resource_manager.CloudResourceManagerV1(project)),
            Mount(iam.HOSTS, r".*", iam.IamV1(project, self._forget_account)),
            Mount(
                iam_credentials.HOSTS,
                r".*",
                iam_credentials.IamCredentialsV1(settings.project, number, owner_access.keys, front.tokens, project),
            ),
            Mount(resource_manager.HOSTS, r".*", resource_manager.CloudResourceManagerV3(project)),
            Mount(compute_v1.HOSTS, compute_v1.PATHS, compute_v1.ComputeRegions(project, ml_tables.REGIONS)),
            Mount(service_usage.HOSTS, r".*", service_usage.ServiceUsageV1(settings.project, number, project)),
        )

    def _find_image(self, uri: str) -> "ContainerImage | None":
        try:
            return self.image_apis.images.find(uri)
        except InvalidArgument:  # no name of an image, so that of none
            return None

    def _ml_v1(self) -> "MlV1":
        from cloud.emulator.ml_v1.routes import MlV1

        project = self._settings.project
        api = MlV1(
            self.backend,
            project_number=project_number(project),
            tenant_number=project_number(tenant_project(project)),
            state_dir=self._state.folder("ml_v1"),
            access=self.project,
            images=self._find_image,
        )
        self._parts.push_async_callback(api.close)
        api.start()
        return api

    def _aiplatform_v1(self) -> "AiplatformV1":
        from cloud.emulator.aiplatform_v1.routes import AiplatformV1

        number, folder = project_number(self._settings.project), self._state.folder("aiplatform_v1")
        api = AiplatformV1(
            self.backend, project_number=number, state_dir=folder, access=self.project, images=self._find_image
        )
        self._parts.push_async_callback(api.close)
        api.start()
        return api

    def _logging_v2(self) -> "LoggingV2":
        from cloud.emulator.logging_v2.routes import LoggingV2

        number, written = project_number(self._settings.project), self._state.folder("logging_v2") / "entries.jsonl"
        return LoggingV2(self.backend, project_number=number, access=self.project, written=JobLog(written))

    def _platform(self, environ: Mapping[str, str], confiner: Confiner, access: JobAccess) -> "Platform":
        from cloud.server.job_platform import job_platform

        return job_platform(
            self._settings,
            self._state,
            launcher=self._launcher,
            runtimes=self._runtimes(),
            images=lambda: self.image_apis.images,
            requirements=self._requirements,
            fetch=self._fetch,
            environ=environ,
            confiner=confiner,
            access=access.of,
            preemptions=self.preemptions,
        )

    async def _prepare_server(self, spec: VersionSpec, log: "Log") -> "Runtime":
        return await self._runtimes().prepare_server(spec, log)

    def _tuning_jobs(self, platform: "Platform") -> JobKind:
        from cloud.engine.tuning.kind import TuningJobs

        return TuningJobs(
            self._state.folder("jobs"), platform, lambda account: self._storage_client(Principal(account))
        )

    def _batch_prediction_jobs(self, serving: ServingService) -> JobKind:
        from cloud.engine.batch_prediction.kind import BatchPredictionJobs

        return BatchPredictionJobs(
            state_dir=self._state.folder("jobs"),
            project=self._settings.project,
            serving=serving,
            storage=self._storage_client,
        )

    async def _close_clients(self) -> None:
        for client in self._clients.values():
            await client.close()

    def _storage_client(self, principal: Principal) -> StorageClient:
        if principal not in self._clients:
            tokens, url = self.front.tokens, self.front.gateway.url
            client = StorageClient(url, lambda: tokens.current(principal).value, self._settings.project)
            self._clients[principal] = client
        return self._clients[principal]

    async def _fetch(self, account: str, uri: GsUri, file: Path) -> None:
        await self._storage_client(Principal(account)).download(uri, file)

    async def _fetch_version(self, spec: VersionSpec, folder: Path) -> None:
        reader = version_account(self._settings.project, spec)
        await self._storage_client(reader).download(spec.deployment_uri.as_folder(), folder)

    @property
    def faults(self) -> Faults:
        return self.front.emulator.faults

    @property
    def violations(self) -> list[str]:
        """What strict access control would have refused (``IamMode.SOFT``), one line for each kind of request."""
        return summarize(self.storage.guard.violations)


def _training_jobs(platform: "Platform") -> JobKind:
    from cloud.engine.jobs.training import TrainingJobs

    return TrainingJobs(platform)


def _slots(settings: Settings) -> JobSlots:
    if settings.job_slots is None:
        return OwnSlots(settings.concurrent_jobs)
    # Not by default: most clouds are alone.
    from cloud.engine.jobs.shared_slots import SharedSlots

    return SharedSlots(settings.job_slots)


def _log_violation(violation: PolicyViolation) -> None:
    _log.warning("%s", violation)
