"""A launcher of each kind, and programs for it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from cloud.engine.launch.client import Launcher
from cloud.engine.launch.network import Network
from cloud.settings import LauncherKind
from integration.launch.confined import PORT
from integration.launch.programs import KINDS, PRELOADED, Programs


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    folder = tmp_path / "programs"
    folder.mkdir()
    return Programs(folder)


@pytest.fixture(params=KINDS)
async def launcher(request: pytest.FixtureRequest) -> AsyncIterator[Launcher]:
    launcher = Launcher(request.param)
    await launcher.start(PRELOADED)
    yield launcher
    await launcher.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def warm_launcher() -> AsyncIterator[Launcher]:
    """For a whole module."""
    launcher = Launcher(LauncherKind.WARM)
    yield launcher
    await launcher.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network(warm_launcher: Launcher) -> AsyncIterator[Network]:
    """Of processes of ``warm_launcher``, with a socket bound to ``PORT``."""
    network = await warm_launcher.create_network(PORT)
    yield network
    network.close()
