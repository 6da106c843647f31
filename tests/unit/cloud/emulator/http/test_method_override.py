"""``X-HTTP-Method-Override``: a POST that means another method."""

import pytest
from aiohttp import web

from cloud.emulator.app import MAX_BODY, Emulator
from cloud.emulator.oauth2.keys import KeyRing
from cloud.emulator.oauth2.tokens import TokenRegistry
from cloud.testing.client import Client

QUERY = b"prefix=jobId%3D%C3%A9+b&alt=json"
FORM = "application/x-www-form-urlencoded"


class Recorder:
    """Stands for an API: tells what reached it."""

    def __init__(self) -> None:
        self.seen: list[tuple[object, ...]] = []

    async def handle(self, request: web.Request, _: object, /) -> web.Response:
        self.seen.append(
            (request.method, request.rel_url.raw_path, dict(request.query), await request.read()),
        )
        return web.Response()


async def send(api: Recorder, method: str, body: bytes, headers: dict[str, str]) -> int:
    emulator = Emulator("my-project", "us-central1", api, TokenRegistry(), KeyRing())
    async with Client(emulator, host="storage.googleapis.com") as client:
        return (await client.request(method, "/storage/v1/b/a%2Fb?key=k", body=body, headers=headers)).status


@pytest.mark.parametrize(
    ("method", "override", "kind", "meant"),
    [
        # As google-api-python-client sends a GET of more than 2,048 characters.
        ("POST", "GET", FORM, ("GET", {"key": "k", "prefix": "jobId=é b", "alt": "json"}, b"")),
        ("POST", "patch", "application/json", ("PATCH", {"key": "k"}, QUERY)),
        ("PUT", "GET", FORM, ("PUT", {"key": "k"}, QUERY)),
        ("POST", "", FORM, ("POST", {"key": "k"}, QUERY)),
    ],
)
async def test_the_method_that_is_meant(method, override, kind, meant):
    api = Recorder()
    status = await send(api, method, QUERY, {"X-HTTP-Method-Override": override, "Content-Type": kind})
    assert status == 200
    verb, query, body = meant
    assert api.seen == [(verb, "/storage/v1/b/a%2Fb", query, body)]


async def test_a_query_that_is_too_long_for_a_body():
    api = Recorder()
    status = await send(api, "POST", b"a" * (MAX_BODY + 1), {"X-HTTP-Method-Override": "GET", "Content-Type": FORM})
    assert status == 400
    assert api.seen == []


async def test_a_query_of_other_letters():
    api = Recorder()
    status = await send(api, "POST", b"\xff", {"X-HTTP-Method-Override": "GET", "Content-Type": FORM})
    assert status == 400
    assert api.seen == []
