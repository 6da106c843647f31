"""``OfflineProject``: a project in which a run goes well, in this process: the emulated APIs over ``MemoryBackend``.

No program runs: a job leaves an empty SavedModel where its trainer would export one, and every prediction is zero.
"""

import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from cloud.backends.memory import MemoryBackend, succeed
from cloud.emulator.aiplatform_v1 import routes as aiplatform_v1
from cloud.emulator.app import Emulator, Mount
from cloud.emulator.in_process import InProcessConnector
from cloud.emulator.logging_v2 import routes as logging_v2
from cloud.emulator.ml_v1 import routes as ml_v1
from cloud.emulator.oauth2.keys import KeyRing
from cloud.emulator.oauth2.tokens import TokenRegistry, owner, project_number
from cloud.resources import Job, Json, Version
from cloud.workflow.google.storage_api import StorageApi

NUMBER = "0" * 12
"""Stands for the project's number, which only Google knows, in the e-mail addresses of service accounts."""


async def export(backend: MemoryBackend, job: Job) -> None:
    """A job that exports an empty SavedModel and succeeds."""
    folder = job.training.job_dir or job.training.base_output_directory
    if folder is not None:
        await backend.write_object(folder / "export" / "saved_model.pb", b"")
    await succeed(backend, job)


def zeros(_: Version, instances: Sequence[Json], __: str | None) -> list[Json]:
    """What the lab's model would answer, if every fare were zero."""
    return [{"predictions": 0.0} for _ in instances]


class OfflineProject:
    """Use as an async context manager."""

    def __init__(self, project: str, region: str) -> None:
        self._project, self._region = project, region
        self._parts = AsyncExitStack()

    async def __aenter__(self) -> Self:
        project, number, parts = self._project, project_number(self._project), self._parts
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="dry-run-")))
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
        for name in ("ml_v1", "aiplatform_v1"):
            (folder / name).mkdir()
        ml = ml_v1.MlV1(backend, project_number=number, tenant_number=number, state_dir=folder / "ml_v1")
        parts.push_async_callback(ml.close)
        vertex = aiplatform_v1.AiplatformV1(backend, project_number=number, state_dir=folder / "aiplatform_v1")
        parts.push_async_callback(vertex.close)
        parts.push_async_callback(self._emulator.close)
        self._emulator.mount(
            Mount(ml_v1.HOSTS, r".*", ml),
            Mount(aiplatform_v1.HOSTS, r".*", vertex),
            Mount(logging_v2.HOSTS, r".*", logging_v2.LoggingV2(backend, project_number=number)),
        )
        ml.start()
        vertex.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._parts.aclose()

    def session(self, **options: Any) -> aiohttp.ClientSession:
        """A session all of whose requests come here."""
        return aiohttp.ClientSession(connector=InProcessConnector(self._emulator), **options)
