"""``BackendContract`` on Vertex AI, emulated by a local cloud behind its gateway."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from cloud.backends.gcp import GcpBackend
from cloud.serve import LocalCloud
from cloud.settings import Settings
from cloud.testing.contract import BackendContract
from integration.google_clouds import make_account, open_backend

SETTINGS = Settings(project="vertex-ai-project", cancel_grace_seconds=0.5)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def vertex_ai() -> AsyncIterator[GcpBackend]:
    async with LocalCloud(SETTINGS) as cloud:
        account = await make_account(cloud)
        async with await open_backend(cloud, "vertex-ai", service_account=account) as backend:
            yield backend


class TestVertexAi(BackendContract):
    @pytest.fixture
    def backend(self, vertex_ai: GcpBackend) -> GcpBackend:
        return vertex_ai
