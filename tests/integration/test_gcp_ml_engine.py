"""``BackendContract`` on ML Engine, emulated by a local cloud behind its gateway."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from cloud.backends.gcp import GcpBackend
from cloud.serve import LocalCloud
from cloud.settings import ServiceAgents, Settings
from cloud.testing.contract import BackendContract
from integration.google_clouds import open_backend

SETTINGS = Settings(project="ml-engine-project", cancel_grace_seconds=0.5, service_agents=ServiceAgents.BARE)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ml_engine() -> AsyncIterator[GcpBackend]:
    async with (
        LocalCloud(SETTINGS) as cloud,
        await open_backend(cloud, "ml-engine") as backend,
    ):
        yield backend


class TestMlEngine(BackendContract):
    @pytest.fixture
    def backend(self, ml_engine: GcpBackend) -> GcpBackend:
        return ml_engine
