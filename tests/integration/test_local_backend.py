"""``BackendContract`` on the local backend, with jobs forked from a process that has TensorFlow loaded; its parts on
jobs again with a fresh interpreter for each; and the part on runtimes in the mode ``match``."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from cloud.backends.local import LocalBackend
from cloud.serve import LocalCloud
from cloud.settings import LauncherKind, RuntimeMode, ServiceAgents, Settings
from cloud.testing.contract import BackendContract, BatchContract
from cloud.testing.contract.jobs import JobContract
from cloud.testing.contract.programs import ProgramContract
from cloud.testing.contract.runtimes import RuntimeContract


async def _backend(launcher: LauncherKind, runtime: RuntimeMode = RuntimeMode.ANY) -> AsyncIterator[LocalBackend]:
    settings = Settings(launcher=launcher, runtime=runtime, cancel_grace_seconds=0.5, service_agents=ServiceAgents.BARE)
    async with LocalCloud(settings) as cloud:
        yield cloud.backend


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def warm() -> AsyncIterator[LocalBackend]:
    async for backend in _backend(LauncherKind.WARM):
        yield backend


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cold() -> AsyncIterator[LocalBackend]:
    async for backend in _backend(LauncherKind.COLD):
        yield backend


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def matching() -> AsyncIterator[LocalBackend]:
    async for backend in _backend(LauncherKind.COLD, RuntimeMode.MATCH):
        yield backend


class TestWarm(BackendContract, BatchContract):
    @pytest.fixture
    def backend(self, warm: LocalBackend) -> LocalBackend:
        return warm


class TestCold(JobContract, ProgramContract):
    @pytest.fixture
    def backend(self, cold: LocalBackend) -> LocalBackend:
        return cold


class TestMatching(RuntimeContract):
    @pytest.fixture
    def backend(self, matching: LocalBackend) -> LocalBackend:
        return matching
