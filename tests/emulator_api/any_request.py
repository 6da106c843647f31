"""Random requests from a discovery document through a whole API: what the document allows never gives 5xx and
always a well-formed answer; what it forbids gives 400. ``REQUESTS=5000 pytest ...`` sends that many of each."""

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from emulator_api.api_client import ApiClient
from emulator_api.discovery_requests import Request, Requests

IN_ONE_CLOUD = 10

OpenApi = Callable[[Path], Awaitable[ApiClient]]
"""A new cloud, with what the requests may meet, whose records are in this folder."""


def many(requests: int) -> settings:
    """So many requests, unless the environment says how many."""
    return settings(
        max_examples=int(os.environ.get("REQUESTS", requests)) // IN_ONE_CLOUD,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def allowed(requests: Requests) -> st.SearchStrategy[list[Request]]:
    return st.lists(requests.valid(), min_size=IN_ONE_CLOUD, max_size=IN_ONE_CLOUD)


def forbidden(requests: Requests) -> st.SearchStrategy[list[Request]]:
    return st.lists(requests.invalid(), min_size=IN_ONE_CLOUD, max_size=IN_ONE_CLOUD)


def statuses(open_api: OpenApi, requests: list[Request]) -> list[int]:
    """Of the answers to requests that are sent to one cloud; that each is well formed is checked on the way."""

    async def send_all(folder: Path) -> list[int]:
        api = await open_api(folder)
        try:
            return [await _send(api, request) for request in requests]
        finally:
            await api.close()

    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(send_all(Path(folder)))


async def _send(api: ApiClient, request: Request) -> int:
    answer = await api.send(request.verb, request.path, request.body)
    # Raw predictions are answered in the model server's words.
    if answer.status != 200 and not request.method.id.endswith("rawPredict"):
        error = answer.json["error"]
        assert error["code"] == answer.status
        assert error["status"]
        assert error["message"]
    return answer.status
