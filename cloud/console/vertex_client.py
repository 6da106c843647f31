"""Vertex AI's API of this cloud, asked as a client asks it, but in this process: what it knows is nowhere else."""

import asyncio
from collections.abc import Callable

import aiohttp

from cloud.errors import FailedPrecondition, NotFound
from cloud.resources import Json
from cloud.wire.in_process import InProcessConnector

_PAGE_SIZE = 100
AGENT = "console"
"""The User-Agent of its requests."""


class VertexClient:
    """Args:
    server: makes the protocol of one connection, whose requests are the owner's.
    """

    def __init__(self, server: Callable[[], asyncio.BaseProtocol], project: str) -> None:
        self._server, self._project = server, project
        self._opened: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._opened is not None:
            session, self._opened = self._opened, None
            await session.close()

    async def get(self, region: str, path: str) -> dict[str, Json]:
        """A resource: ``endpoints/1``.

        Raises:
            NotFound: there is none.
            FailedPrecondition: another error.
        """
        return await self._request("GET", region, path)

    async def list(self, region: str, collection: str) -> list[dict[str, Json]]:
        """All of ``models`` or ``endpoints``."""
        found: list[dict[str, Json]] = []
        token = ""
        while True:
            answer = await self._request("GET", region, f"{collection}?pageSize={_PAGE_SIZE}&pageToken={token}")
            found += answer.get(collection, [])
            token = answer.get("nextPageToken", "")
            if not token:
                return found

    async def post(self, region: str, path: str, body: Json) -> dict[str, Json]:
        return await self._request("POST", region, path, body)

    async def _request(self, method: str, region: str, path: str, body: Json = None) -> dict[str, Json]:
        if self._opened is None:
            self._opened = aiohttp.ClientSession(
                connector=InProcessConnector(self._server), headers={"User-Agent": AGENT}, trust_env=False
            )
        address = f"http://{region}-aiplatform.googleapis.com/v1/projects/{self._project}/locations/{region}/{path}"
        async with self._opened.request(method, address, json=body) as answer:
            content: dict[str, Json] = await answer.json()
        if answer.status < 400:
            return content
        message = str(content.get("error", {}).get("message", content))
        raise (NotFound if answer.status == 404 else FailedPrecondition)(message)
