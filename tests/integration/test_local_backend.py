"""``BackendContract`` on the local backend, with jobs forked from a process that has TensorFlow loaded; and its part
on jobs once more with a fresh interpreter for each."""

from collections.abc import AsyncIterator

import pytest_asyncio

from cloud.backends.local import LocalBackend
from cloud.serve import LocalCloud
from cloud.settings import LauncherKind, Settings
from contracts.backend import BackendContract
from contracts.jobs import JobContract


class TestWarm(BackendContract):
    @pytest_asyncio.fixture(scope="session", loop_scope="session")
    async def backend(self) -> AsyncIterator[LocalBackend]:
        async with LocalCloud(Settings(launcher=LauncherKind.WARM, cancel_grace_seconds=0.5)) as cloud:
            yield cloud.backend


class TestCold(JobContract):
    @pytest_asyncio.fixture(scope="session", loop_scope="session")
    async def backend(self) -> AsyncIterator[LocalBackend]:
        async with LocalCloud(Settings(launcher=LauncherKind.COLD, cancel_grace_seconds=0.5)) as cloud:
            yield cloud.backend
