from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from emulator_api.backends import memory_backend
from emulator_api.ml_api import Api


@pytest_asyncio.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    api = Api(memory_backend(), tmp_path)
    yield api
    await api.close()
