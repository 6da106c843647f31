"""The emulated Cloud Storage over the real fake-gcs-server, without the gateway."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from yarl import URL

from cloud.emulator.app import Emulator
from cloud.emulator.http.connection import BODY_LIMIT
from cloud.emulator.oauth2.keys import KeyRing
from cloud.emulator.oauth2.tokens import TokenRegistry
from cloud.emulator.storage_v1.routes import StorageV1
from cloud.engine.principal import Principal
from cloud.engine.storage.service import StorageService
from cloud.gcs.client import StorageClient

OWNER = Principal("owner@example.com", is_project_owner=True)
JOB = Principal("service-7@cloud-ml.google.com.iam.gserviceaccount.com")
PRINCIPALS = {"owner": OWNER, "job": JOB}


@dataclass
class StorageEndpoint:
    service: StorageService
    url: str
    session: aiohttp.ClientSession
    tokens: dict[str, str]
    keys: KeyRing
    """Those that signatures are verified by."""

    async def call(self, verb: str, path: str, *, caller: str = "owner", **options: Any) -> tuple[int, Any]:
        """Status and JSON (or bytes) of the response; ``path`` is sent unchanged."""
        headers = {
            **({"Authorization": f"Bearer {self.tokens[caller]}"} if caller else {}),
            **options.pop("headers", {}),
        }
        url = URL(self.url + path, encoded=True)
        async with self.session.request(verb, url, headers=headers, allow_redirects=False, **options) as reply:
            body = await reply.read()
            return reply.status, (await reply.json() if body and "json" in reply.content_type else body)

    async def reply(self, verb: str, path: str, *, caller: str = "owner", **options: Any) -> aiohttp.ClientResponse:
        """The response, completely read."""
        headers = {
            **({"Authorization": f"Bearer {self.tokens[caller]}"} if caller else {}),
            **options.pop("headers", {}),
        }
        url = URL(path if path.startswith("http") else self.url + path, encoded=True)
        reply = await self.session.request(verb, url, headers=headers, allow_redirects=False, **options)
        await reply.read()
        return reply

    async def send(
        self, verb: str, path: str, *, caller: str = "owner", **options: Any
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body of the response; ``path`` is sent unchanged."""
        headers = {
            **({"Authorization": f"Bearer {self.tokens[caller]}"} if caller else {}),
            **options.pop("headers", {}),
        }
        url = URL(self.url + path, encoded=True)
        async with self.session.request(verb, url, headers=headers, allow_redirects=False, **options) as reply:
            return reply.status, reply.headers, await reply.read()

    def client(self, caller: str = "owner") -> StorageClient:
        return StorageClient(self.url, lambda: self.tokens[caller], "my-project")


@asynccontextmanager
async def open_endpoint(
    state_dir: Path, override: str | None = None, *, body_limit: float = BODY_LIMIT, **settings: Any
) -> AsyncIterator[StorageEndpoint]:
    service = StorageService(state_dir, override, project="my-project", project_number=7, **settings)
    await service.start()
    tokens = TokenRegistry()
    keys = KeyRing()
    storage = StorageV1(service, keys.signer)
    emulator = Emulator("my-project", "us-central1", storage, tokens, keys, body_limit=body_limit)
    server = await asyncio.get_running_loop().create_server(emulator, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            yield StorageEndpoint(
                service, url, session, {caller: tokens.issue(PRINCIPALS[caller]).value for caller in PRINCIPALS}, keys
            )
    finally:
        server.close()
        await emulator.close()
        await service.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def endpoint(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StorageEndpoint]:
    async with open_endpoint(tmp_path_factory.mktemp("state")) as endpoint:
        yield endpoint


@pytest.fixture
def new_endpoint():
    """Opens a separate endpoint: ``async with new_endpoint(state_dir) as endpoint``."""
    return open_endpoint


@pytest_asyncio.fixture(loop_scope="module")
async def bucket(endpoint: StorageEndpoint, request: pytest.FixtureRequest) -> str:
    """A bucket for this test only."""
    name = f"bkt-{abs(hash(request.node.nodeid)):x}"
    assert (await endpoint.call("POST", "/storage/v1/b", json={"name": name}))[0] == 200
    return name
