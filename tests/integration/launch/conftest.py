"""A launcher of each kind, and programs for it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cloud.engine.launch.client import Launcher
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
