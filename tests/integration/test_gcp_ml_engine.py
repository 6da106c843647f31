"""``BackendContract`` on Google's cloud, reached as ML Engine through the gateway of a local one."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from cloud.backends.gcp import GcpBackend
from cloud.serve import LocalCloud
from cloud.settings import Settings
from cloud.testing.contract import BackendContract
from integration.google_clouds import reached


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ml_engine() -> AsyncIterator[GcpBackend]:
    async with (
        LocalCloud(Settings(project="ml-engine-project", cancel_grace_seconds=0.5)) as cloud,
        await reached(cloud, "ml-engine") as backend,
    ):
        yield backend


class TestMlEngine(BackendContract):
    @pytest.fixture
    def backend(self, ml_engine: GcpBackend) -> GcpBackend:
        return ml_engine
