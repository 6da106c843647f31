"""POST requests that stand for another method."""

from unittest import mock

import pytest
from aiohttp import StreamReader
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict
from yarl import URL

from cloud.emulator.method_override import meant, meant_whole
from cloud.emulator.whole import WholeRequest
from cloud.errors import InvalidArgument

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PATH = "/storage/v1/b/a%2Fb/o"


def streamed(headers, body=b"", target=PATH, method="POST"):
    payload = StreamReader(mock.Mock(_reading_paused=False), 2**16)
    payload.feed_data(body)
    payload.feed_eof()
    return make_mocked_request(method, target, headers, payload=payload)


def whole(headers, body=b"", target=PATH, method="POST"):
    return WholeRequest(method, URL(target, encoded=True), "", CIMultiDict(headers), mock.Mock(), body)


async def both(headers, body=b"", target=PATH, method="POST"):
    return [
        await meant(streamed(headers, body, target, method)),
        meant_whole(whole(headers, body, target, method)),
    ]


async def test_the_form_of_a_get_is_its_query():
    """As google-api-python-client sends a GET of a long address."""
    for request in await both(
        {"X-HTTP-Method-Override": "GET", **FORM}, b"prefix=a%2Fb+c&prefix=d", PATH + "?alt=json"
    ):
        assert (request.method, request.rel_url.raw_path) == ("GET", PATH)
        assert (request.query["alt"], request.query.getall("prefix")) == ("json", ["a/b c", "d"])
        assert await request.read() == b""


async def test_any_other_body_stays_one():
    for request in await both({"x-http-method-override": "patch", "Content-Type": "application/json"}, b"{}"):
        assert (request.method, str(request.rel_url)) == ("PATCH", PATH)
        assert await request.read() == b"{}"


@pytest.mark.parametrize(("method", "headers"), [("POST", FORM), ("PUT", {"X-HTTP-Method-Override": "DELETE"})])
async def test_who_says_nothing_means_what_was_sent(method, headers):
    for request in await both(headers, b"a=b", method=method):
        assert (request.method, str(request.rel_url), await request.read()) == (method, PATH, b"a=b")


async def test_a_form_that_is_none_is_refused():
    headers = {"X-HTTP-Method-Override": "GET", **FORM}
    with pytest.raises(InvalidArgument, match="ASCII"):
        await meant(streamed(headers, b"\xff"))
    with pytest.raises(InvalidArgument, match="ASCII"):
        meant_whole(whole(headers, b"\xff"))
