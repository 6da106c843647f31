"""A serving service with a folder of SavedModels as its bucket, and a record of the processes it started."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from cloud.engine.launch.client import Command, Launcher, Process
from cloud.engine.launch.output import OnOutput
from cloud.engine.serving.service import ServingService
from cloud.errors import NotFound
from cloud.lifecycle import VersionState
from cloud.names import GsUri
from cloud.resources import ServingStack, Version, VersionSpec
from cloud.settings import inherited_environ

ENVIRON = {**inherited_environ(), "TF_CPP_MIN_LOG_LEVEL": "2"}
TIMEOUT = 60.0


class RecordingLauncher(Launcher):
    """Records the processes it started, so that a test can kill them."""

    started: list[Process]

    async def launch(self, command: Command, on_output: OnOutput) -> Process:
        process = await super().launch(command, on_output)
        self.started.append(process)
        return process


class Cloud:
    """Services with one state folder; their bucket is the folder ``models``."""

    def __init__(self, state_dir: Path, launcher: Launcher, models: Path) -> None:
        self.models = models
        self.launcher = launcher
        self.state_dir = state_dir

    @asynccontextmanager
    async def service(self, **options: Any) -> AsyncIterator[ServingService]:
        service = ServingService(
            state_dir=self.state_dir,
            launcher=self.launcher,
            fetch=self.fetch,
            region="us-east1",
            **{"environ": ENVIRON} | options,
        )
        await service.start()
        try:
            yield service
        finally:
            await service.close()

    async def fetch(self, spec: VersionSpec, destination: Path) -> None:
        folder = self.models / spec.deployment_uri.path
        if not folder.is_dir():
            raise NotFound(f"no objects in {spec.deployment_uri}")
        await asyncio.to_thread(shutil.copytree, folder, destination, dirs_exist_ok=True)


async def deploy(
    service: ServingService,
    model: str,
    version: str,
    source: str,
    stack: ServingStack = ServingStack.PREDICTION_LIBRARY,
) -> Version:
    """Create a version of the SavedModel in the folder ``source``, and the model if it does not exist."""
    if model not in [known.name for known in await service.list_models()]:
        await service.create_model(model)
    spec = VersionSpec(model, version, GsUri("bucket", source), serving_stack=stack)
    created = await service.create_version(spec)
    assert created.state is VersionState.CREATING
    return await service.wait_for_version(model, version, timeout=TIMEOUT)
