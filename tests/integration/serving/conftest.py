"""One warm launcher, and SavedModels that one of its processes makes: this process never imports TensorFlow."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from cloud.engine.launch.client import Command, Interpreter
from cloud.engine.launch.deadlines import Deadlines
from cloud.engine.serving.service import ServingService
from cloud.settings import LauncherKind
from integration.serving.clouds import ENVIRON, Cloud, RecordingLauncher, deploy

TESTS = Path(__file__).parents[2]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def launcher() -> AsyncIterator[RecordingLauncher]:
    kind = LauncherKind.WARM if sys.platform == "linux" else LauncherKind.COLD
    warm = RecordingLauncher(kind, deadlines=Deadlines(end=3))
    warm.started = []
    yield warm
    await warm.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def models(launcher: RecordingLauncher, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SavedModels of models.py."""
    return await make_models("models", launcher, tmp_path_factory.mktemp("models"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def kinds(launcher: RecordingLauncher, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SavedModels of kinds.py."""
    return await make_models("kinds", launcher, tmp_path_factory.mktemp("kinds"))


async def make_models(module: str, launcher: RecordingLauncher, folder: Path) -> Path:
    lines: list[str] = []
    interpreter = Interpreter(preload=("tensorflow",))
    module, path = f"integration.serving.{module}", (TESTS, TESTS.parent)
    command = Command(module, (str(folder),), ENVIRON, folder, path, interpreter)
    process = await launcher.launch(command, lambda line: lines.append(line.text))
    assert (await process.wait()).ok, "\n".join(lines)
    return folder


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def served(
    launcher: RecordingLauncher, models: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ServingService]:
    """A service with the models ``zoo``, ``double``, ``old`` (TensorFlow 1) and ``single`` (only the signature
    ``predict``), for tests that do not change it."""
    async with Cloud(tmp_path_factory.mktemp("state"), launcher, models).service() as service:
        sources = {"zoo": "zoo", "double": "double", "old": "version_1", "single": "only_predict"}
        versions = await asyncio.gather(*(deploy(service, model, "v1", source) for model, source in sources.items()))
        assert [version.error_message for version in versions] == [""] * len(sources)
        yield service


@pytest.fixture
def cloud(tmp_path: Path, launcher: RecordingLauncher, models: Path) -> Cloud:
    return Cloud(tmp_path, launcher, models)
