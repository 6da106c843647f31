"""``OfflineProject``: a project in which a run goes well, in this process: the emulated APIs over ``MemoryBackend``.

No program runs: a job leaves an empty SavedModel where its trainer would export one, and every prediction is zero.
"""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from cloud.backends.memory import MemoryBackend, succeed
from cloud.emulator.app import Emulator
from cloud.emulator.logging_v2.addresses import HOSTS as LOGGING_HOSTS
from cloud.emulator.logging_v2.routes import LoggingV2
from cloud.emulator.mounts import Mount
from cloud.emulator.oauth2.keys import KeyRing
from cloud.emulator.oauth2.tokens import TokenRegistry
from cloud.engine.project.identities import owner, project_number
from cloud.folders.temporary import Kind, temporary_folder
from cloud.resources import Job, Json, Version
from cloud.resources.batch_prediction import BatchPredictionSpec
from cloud.resources.tuning import TuningSpec, training_of
from cloud.wire.in_process import InProcessConnector
from cloud.workflow.google.storage_api import StorageApi

NUMBER = "0" * 12
"""Stands for the project's number, which only Google knows, in the e-mail addresses of service accounts."""


async def export(backend: MemoryBackend, job: Job) -> None:
    """A job that exports an empty SavedModel and succeeds; in a tuning job each trial does."""
    spec = job.spec
    folder = None
    if not isinstance(spec, BatchPredictionSpec):
        training = training_of(spec)
        folder = training.job_dir or training.base_output_directory
    if folder is not None:
        trials = range(1, spec.max_trials + 1) if isinstance(spec, TuningSpec) else ()
        for below in [folder / str(trial) for trial in trials] or [folder]:
            await backend.write_object(below / "export" / "saved_model.pb", b"")
    await succeed(backend, job)


def zeros(_: Version, instances: Sequence[Json], __: str | None) -> list[Json]:
    """What the lab's model would answer, if every fare were zero."""
    return [{"predictions": 0.0} for _ in instances]


class OfflineProject:
    """Use as an async context manager.

    Args:
        service: which of ``SERVICES`` is there.
    """

    def __init__(self, project: str, region: str, service: str) -> None:
        self._project, self._region, self._service = project, region, service
        self._parts = AsyncExitStack()

    async def __aenter__(self) -> Self:
        project, number, parts = self._project, project_number(self._project), self._parts
        folder = parts.enter_context(temporary_folder(Kind.PROJECT))
        backend = MemoryBackend(
            project,
            self._region,
            run=export,
            predict=zeros,
            service_account=f"service-{NUMBER}@cloud-ml.google.com",
        )
        parts.push_async_callback(backend.close)
        tokens = TokenRegistry()
        self.token = tokens.issue(owner(project)).value
        """The owner's."""
        storage = StorageApi(backend, f"service-{NUMBER}@gs")
        self._emulator = Emulator(project, self._region, storage, tokens, KeyRing())
        parts.push_async_callback(self._emulator.close)
        logs = LoggingV2(backend, project_number=number)
        jobs = self._ml_engine if self._service == "ml-engine" else self._vertex_ai
        self._emulator.mount(Mount(LOGGING_HOSTS, r".*", logs), jobs(backend, number, folder))
        return self

    # Either API takes a while to load: only the one that is used is.

    def _ml_engine(self, backend: MemoryBackend, number: int, folder: Path) -> Mount:
        from cloud.emulator.ml_v1.addresses import HOSTS
        from cloud.emulator.ml_v1.routes import MlV1

        api = MlV1(backend, project_number=number, tenant_number=number, state_dir=folder)
        self._parts.push_async_callback(api.close)
        api.start()
        return Mount(HOSTS, r".*", api)

    def _vertex_ai(self, backend: MemoryBackend, number: int, folder: Path) -> Mount:
        from cloud.emulator.aiplatform_v1.addresses import HOSTS
        from cloud.emulator.aiplatform_v1.routes import AiplatformV1

        api = AiplatformV1(backend, project_number=number, state_dir=folder)
        self._parts.push_async_callback(api.close)
        api.start()
        return Mount(HOSTS, r".*", api)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._parts.aclose()

    def session(self, **options: Any) -> aiohttp.ClientSession:
        """A session all of whose requests come here."""
        return aiohttp.ClientSession(connector=InProcessConnector(self._emulator), **options)
