from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from contracts.memory_backend import MemoryBackend
from contracts.ml_api import Api


@pytest_asyncio.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    api = Api(MemoryBackend(), tmp_path)
    yield api
    await api.dialect.close()
