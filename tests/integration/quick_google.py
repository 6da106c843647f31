"""An emulated Google Cloud on real connections, where jobs end and versions are ready at once.

Its gateway, APIs and storage are those of ``LocalCloud``; the only process behind them is the storage server.
"""

import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from google.oauth2.service_account import Credentials

from cloud.backends.gcp import GcpBackend
from cloud.backends.google.http_transport import HttpTransport
from cloud.backends.google.logs import Lateness
from cloud.backends.google.network import Identity, Network
from cloud.backends.memory import MemoryBackend
from cloud.emulator.aiplatform_v1.addresses import HOSTS as VERTEX_HOSTS
from cloud.emulator.aiplatform_v1.routes import AiplatformV1
from cloud.emulator.app import Emulator
from cloud.emulator.cloudresourcemanager import routes as resource_manager
from cloud.emulator.faults import Faults
from cloud.emulator.logging_v2.addresses import HOSTS as LOGGING_HOSTS
from cloud.emulator.logging_v2.routes import LoggingV2
from cloud.emulator.ml_v1.addresses import HOSTS as ML_HOSTS
from cloud.emulator.ml_v1.routes import MlV1
from cloud.emulator.mounts import Mount
from cloud.emulator.oauth2.keys import KeyRing
from cloud.emulator.oauth2.tokens import TokenRegistry
from cloud.emulator.storage_v1.routes import StorageV1
from cloud.engine.project.access import ProjectAccess
from cloud.engine.project.identities import ml_service_account, owner, project_number
from cloud.engine.storage.server import FakeGcsServer
from cloud.engine.storage.service import StorageService
from cloud.gateway.environ import client_environ
from cloud.gateway.tunnel import Gateway
from cloud.gcs.backoff import Pace, Retries
from cloud.gcs.client import StorageClient
from cloud.lifecycle import JobEvent, VersionEvent
from cloud.names import GsUri
from cloud.resources import Job, Json, Model, StoredObject, TrainingSpec, Version, VersionSpec
from cloud.settings import IamMode, ServiceAgents
from cloud.workflow.google.options import GoogleAccess, Options

PROJECT = "quick-google"
_SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]


class QuickBackend(MemoryBackend):
    """Jobs write a model that is never loaded; versions return constant predictions."""

    def __init__(self, storage: StorageClient) -> None:
        super().__init__(versions_settle=False)
        self.project, self._storage = PROJECT, storage
        self.run_jobs = True
        """Whether jobs end by themselves."""
        self.created: Counter[str] = Counter()
        self.load_models = True
        """Whether versions become READY, or FAILED, by themselves."""
        self.bad_model = ""
        """Why loading fails; empty if it does not."""

    async def list_objects(self, uri: GsUri) -> list[StoredObject]:
        return await self._storage.list_objects(uri)

    async def ml_service_account(self) -> str:
        return ml_service_account(PROJECT).email

    async def submit_job(self, spec: TrainingSpec) -> Job:
        job = await super().submit_job(spec)
        self.created["jobs"] += 1
        self.move(spec.job_id, JobEvent.SCHEDULED, JobEvent.STARTED)
        if self.run_jobs:
            folder = spec.job_dir or GsUri.parse(spec.args[spec.args.index("--job-dir") + 1])
            await self._storage.write_object(folder / "export" / "1" / "saved_model.pb", b"")
            self.move(spec.job_id, JobEvent.COMPLETED)
        return job

    async def cancel_job(self, job_id: str) -> None:
        await super().cancel_job(job_id)
        self.move(job_id, JobEvent.STOPPED)

    async def create_model(self, name: str, *, description: str = "") -> Model:
        self.created["models"] += 1
        return await super().create_model(name, description=description)

    async def create_version(self, spec: VersionSpec) -> Version:
        version = await super().create_version(spec)
        self.created["versions"] += 1
        if self.load_models:
            event = VersionEvent.FAILED if self.bad_model else VersionEvent.LOADED
            await self.settle(spec.model, spec.name, event, self.bad_model)
        return version

    async def predict(self, model: str, instances: Sequence[Json], **_: object) -> list[Json]:
        return [{"predictions": [10.0]} for _ in instances]


class QuickGoogle:
    """Use as an async context manager.

    Attributes:
        slept: the pauses before retries, none of which was waited for.
    """

    faults: Faults
    backend: QuickBackend

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._transport: HttpTransport | None = None
        self._parts = AsyncExitStack()

    async def __aenter__(self) -> Self:
        parts, number = self._parts, project_number(PROJECT)
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="quick-google-")))
        for name in ("media", "gateway", "ml_v1", "aiplatform_v1", "storage", "project"):
            (folder / name).mkdir()
        server = FakeGcsServer(folder / "media")
        server.begin()
        parts.push_async_callback(server.close)
        storage = StorageService(
            folder / "storage",
            project=PROJECT,
            project_number=number,
            iam=IamMode.STRICT,
            on_violation=print,
            server=server,
        )
        await storage.start()
        parts.push_async_callback(storage.close)
        access = ProjectAccess(PROJECT, folder / "project", ServiceAgents.BARE)
        parts.callback(access.close)
        keys, tokens = KeyRing(), TokenRegistry()
        emulator = Emulator(PROJECT, "us-central1", StorageV1(storage, keys.signer), tokens, keys)
        parts.push_async_callback(emulator.close)
        gateway = Gateway(emulator, folder / "gateway")
        await gateway.start()
        parts.push_async_callback(gateway.close)
        me = owner(PROJECT)
        as_owner = StorageClient(gateway.url, lambda: tokens.current(me).value, PROJECT)
        parts.push_async_callback(as_owner.close)
        self.storage = as_owner
        self.backend = QuickBackend(as_owner)
        ml = MlV1(self.backend, project_number=number, tenant_number=number + 1, state_dir=folder / "ml_v1")
        vertex = AiplatformV1(self.backend, project_number=number, state_dir=folder / "aiplatform_v1")
        for api in (ml, vertex):
            parts.push_async_callback(api.close)
            api.start()
        emulator.mount(
            Mount(ML_HOSTS, r".*", ml),
            Mount(VERTEX_HOSTS, r".*", vertex),
            Mount(LOGGING_HOSTS, r".*", LoggingV2(self.backend, project_number=number)),
            Mount(resource_manager.HOSTS, r".*", resource_manager.CloudResourceManagerV3(access)),
        )
        self.faults = emulator.faults
        key = keys.service_account_file(me, PROJECT)
        # Reading a key takes a tenth of a second.
        self.credentials = Credentials.from_service_account_info(key, scopes=_SCOPES)
        self._network = Network(proxy=gateway.url, ca_file=gateway.ca_file)
        self.environ = client_environ(
            proxy_url=gateway.url, ca_file=gateway.ca_file, metadata_host=gateway.address, project=PROJECT
        ) | {"GOOGLE_APPLICATION_CREDENTIALS": str(folder / "key.json")}
        (folder / "key.json").write_text(json.dumps(key))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._parts.aclose()

    async def resources(self) -> list[str]:
        """All resources but final jobs and objects, as list methods return them."""
        if self._transport is None:
            self._transport = HttpTransport(
                "us-central1", identity=Identity(self._network, self.credentials), network=self._network
            )
            self._parts.push_async_callback(self._transport.close)
        found = [f"bucket {bucket.name}" for bucket in await self.storage.list_buckets()]
        parent, prefix = {"parent": f"projects/{PROJECT}/locations/us-central1"}, "aiplatform.projects.locations"
        for kind in ("batchPredictionJobs", "customJobs", "hyperparameterTuningJobs", "endpoints", "models"):
            for item in await self._transport.pages(f"{prefix}.{kind}.list", parent, kind):
                ended = kind.endswith("Jobs") and item["state"].rpartition("_")[2] in (
                    "SUCCEEDED",
                    "FAILED",
                    "CANCELLED",
                )
                found += [] if ended else [f"{kind} {item['displayName']}"]
        # Models of Vertex AI are also the backend's.
        found += [f"model {name}" for name in self.backend.models]
        found += [f"job {job.job_id}" for job in self.backend.jobs.values() if not job.state.is_final]
        return found

    def access(self, *, limit: float = 30.0) -> GoogleAccess:
        """Credentials, network, polling and retries for this cloud.

        Args:
            limit: seconds after which waiting for an operation times out.
        """
        return GoogleAccess(
            credentials=self.credentials,
            network=self._network,
            pace=Pace(first=0.005, longest=0.05, limit=limit),
            lateness=Lateness(overlap=1.0, quiet=0.02),
            retries=Retries(first=1.0, longest=4.0),
            sleep=self._sleep,
        )

    def options(self, service: str) -> Options:
        return Options(PROJECT, "us-central1", service, access=self.access())

    def open(self, service: str, run: str | None = None) -> GcpBackend:
        return self.options(service).open(run)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)
