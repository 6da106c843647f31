from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from cloud.backends.memory import MemoryBackend
from emulator_api.vertex_api import VertexApi


@pytest_asyncio.fixture
async def api(tmp_path: Path) -> AsyncIterator[VertexApi]:
    api = VertexApi(MemoryBackend(), tmp_path)
    yield api
    await api.dialect.close()
