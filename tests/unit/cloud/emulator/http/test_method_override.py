"""``X-HTTP-Method-Override``: a POST that means another method."""

from unittest import mock

import pytest
from aiohttp import StreamReader, web
from aiohttp.test_utils import make_mocked_request

from cloud.emulator.app import MAX_BODY, Emulator
from cloud.emulator.oauth2.keys import KeyRing
from cloud.emulator.oauth2.tokens import TokenRegistry

QUERY = b"prefix=jobId%3D%C3%A9+b&alt=json"
FORM = "application/x-www-form-urlencoded"


class Recorder:
    """Stands for a dialect: tells what reached it."""

    def __init__(self) -> None:
        self.seen: list[tuple[object, ...]] = []

    async def handle(self, request: web.Request, _: object, /) -> web.Response:
        self.seen.append(
            (request.method, request.rel_url.raw_path, dict(request.query), await request.read()),
        )
        return web.Response()


def request(method: str, body: bytes, headers: dict[str, str]) -> web.Request:
    payload = StreamReader(mock.Mock(), 2**16)
    payload.feed_data(body)
    payload.feed_eof()
    headers = {"Host": "storage.googleapis.com"} | headers
    asked = make_mocked_request(method, "/storage/v1/b/a%2Fb?key=k", headers, payload=payload, client_max_size=MAX_BODY)
    asked.writer.output_size = 0
    return asked


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
    dialect = Recorder()
    emulator = Emulator("my-project", "us-central1", dialect, TokenRegistry(), KeyRing())
    asked = request(method, QUERY, {"X-HTTP-Method-Override": override, "Content-Type": kind})
    assert (await emulator.handle(asked)).status == 200
    verb, query, body = meant
    assert dialect.seen == [(verb, "/storage/v1/b/a%2Fb", query, body)]


async def test_a_query_that_is_too_long_for_a_body():
    dialect = Recorder()
    emulator = Emulator("my-project", "us-central1", dialect, TokenRegistry(), KeyRing())
    asked = request("POST", b"a" * (MAX_BODY + 1), {"X-HTTP-Method-Override": "GET", "Content-Type": FORM})
    assert (await emulator.handle(asked)).status == 400
    assert dialect.seen == []


async def test_a_query_of_other_letters():
    dialect = Recorder()
    emulator = Emulator("my-project", "us-central1", dialect, TokenRegistry(), KeyRing())
    asked = request("POST", b"\xff", {"X-HTTP-Method-Override": "GET", "Content-Type": FORM})
    assert (await emulator.handle(asked)).status == 400
    assert dialect.seen == []
