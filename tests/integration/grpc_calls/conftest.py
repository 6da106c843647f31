"""A cloud, and gRPC's own client of it."""

from collections.abc import AsyncIterator

import pytest_asyncio

from cloud.server.local import LocalCloud
from cloud.settings import LauncherKind, Settings
from integration.grpc_client import GrpcClient

PROJECT = "grpc-project"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cloud() -> AsyncIterator[LocalCloud]:
    async with LocalCloud(Settings(project=PROJECT, launcher=LauncherKind.COLD)) as cloud:
        yield cloud


@pytest_asyncio.fixture(loop_scope="module")
async def client(cloud: LocalCloud) -> AsyncIterator[GrpcClient]:
    client = GrpcClient(cloud)
    yield client
    await client.close()
