"""Requests answered whole, over a transport that remembers: what goes where, in which order, however it is cut."""

import asyncio
import itertools
from unittest import mock

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from cloud.emulator.whole import MAX_BODY, Connection, WholeRequest

GET = b"GET /whole/a?b=%20c HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST /whole/p HTTP/1.1\r\nhost: h\r\nContent-Length: 3\r\nX-A: \xc3\xa9\r\n\r\nabc"
OTHER = b"PUT /streamed HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nxy"


class Client:
    """One end of a connection, and the server's parts behind the other."""

    def __init__(self) -> None:
        self.transport = mock.Mock(spec=asyncio.Transport)
        self.transport.is_closing.return_value = False
        self.other = mock.Mock(spec=asyncio.Protocol)
        self.asked: list[WholeRequest] = []
        self.hold: asyncio.Event | None = None
        self.open: set[Connection] = set()
        self.connection = Connection(
            lambda _, path: path.startswith("/whole/"), self._answer, lambda: self.other, self.open
        )
        self.connection.connection_made(self.transport)

    async def _answer(self, request: WholeRequest) -> web.StreamResponse:
        self.asked.append(request)
        if self.hold is not None:
            await self.hold.wait()
        return web.Response(body=f"{request.method} {request.rel_url} {request.content!r}".encode(), status=201)

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.connection.data_received(piece)
        await self.settle()

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    @property
    def heard(self) -> list[bytes]:
        return [call.args[0] for call in self.transport.write.call_args_list]

    @property
    def handed_over(self) -> bytes:
        return b"".join(call.args[0] for call in self.other.data_received.call_args_list)


async def test_a_request_and_its_answer():
    client = Client()
    await client.send(POST)
    (request,) = client.asked
    assert (request.method, request.path, request.host, await request.read()) == ("POST", "/whole/p", "h", b"abc")
    assert request.headers["x-a"] == "é"
    (answer,) = client.heard
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 201 Created\r\n")
    assert b"\r\nContent-Length: 20\r\n" in head
    assert body == b"POST /whole/p b'abc'"


async def test_the_query_is_read_as_it_was_sent():
    client = Client()
    await client.send(GET)
    assert (client.asked[0].rel_url.raw_query_string, client.asked[0].query["b"]) == ("b=%20c", " c")


@given(cuts=st.lists(st.integers(1, len(POST) - POST.index(b"abc") - 1), max_size=3))
def test_a_body_may_come_in_pieces(cuts):
    async def check() -> None:
        client, start, places = Client(), POST.index(b"abc"), sorted(cuts)
        bounds = [0, *(start + cut for cut in places), len(POST)]
        await client.send(*(POST[a:b] for a, b in itertools.pairwise(bounds)))
        assert [request.content for request in client.asked] == [b"abc"]

    asyncio.run(check())


async def test_requests_sent_ahead_are_answered_one_after_the_other():
    client = Client()
    client.hold = asyncio.Event()
    await client.send(GET + POST, GET)
    assert len(client.asked) == 1
    client.hold.set()
    await client.settle()
    assert [request.method for request in client.asked] == ["GET", "POST", "GET"]
    assert [answer.rpartition(b"\r\n\r\n")[2][:3] for answer in client.heard] == [b"GET", b"POS", b"GET"]


async def test_who_sends_too_far_ahead_is_read_no_more_until_it_is_answered():
    client = Client()
    client.hold = asyncio.Event()
    await client.send(GET, POST * 1000)
    client.transport.pause_reading.assert_called_once_with()
    client.transport.resume_reading.assert_not_called()
    client.hold.set()
    await client.settle()
    client.transport.resume_reading.assert_called_once_with()


async def test_who_does_not_read_its_answers_gets_no_more_of_them():
    client = Client()
    client.connection.pause_writing()
    await client.send(GET, GET)
    assert client.asked == []
    client.connection.resume_writing()
    await client.settle()
    assert len(client.asked) == 2


async def test_another_request_and_all_after_it_are_the_other_protocols_once_what_came_before_is_answered():
    client = Client()
    client.hold = asyncio.Event()
    await client.send(GET + OTHER[:-1])
    client.other.connection_made.assert_not_called()
    client.hold.set()
    await client.settle()
    assert len(client.heard) == 1
    client.other.connection_made.assert_called_once_with(client.transport)
    await client.send(OTHER[-1:] + GET)
    assert client.handed_over == OTHER + GET
    assert len(client.asked) == 1


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /whole/a HTTP/1.0\r\nHost: h\r\n\r\n",
        b"GET /whole/a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        b"HEAD /whole/a HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET http://h/whole/a HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /whole/a#b HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /whole/\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"POST /whole/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /whole/a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
        b"POST /whole/a HTTP/1.1\r\nHost: h\r\nX-HTTP-Method-Override: GET\r\nContent-Length: 1\r\n\r\n",
        b"POST /whole/a HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1),
        b"POST /whole/a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
        b"POST /whole/a HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\n",
        b"GET /whole/a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"GET /whole/a HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 10_000 + b"\r\n\r\n",
        b"GET /whole/a HTTP/1.1\r\nHost : h\r\n\r\n",
        b"GET /whole/a HTTP/1.1\r\nHo",
        b"\x16\x03\x01",
    ],
)
async def test_what_is_not_a_plain_small_request_is_for_the_other_protocol_to_judge(request_):
    client = Client()
    await client.send(request_)
    assert (client.asked, client.handed_over) == ([], request_)


async def test_the_other_protocol_gets_all_events():
    client = Client()
    await client.send(OTHER)
    client.connection.pause_writing()
    client.connection.resume_writing()
    client.connection.eof_received()
    client.connection.connection_lost(None)
    called = [name for name, *_ in client.other.method_calls]
    assert called[2:] == ["pause_writing", "resume_writing", "eof_received", "connection_lost"]


async def test_nothing_is_written_to_a_client_that_is_gone():
    client = Client()
    client.hold = asyncio.Event()
    await client.send(GET)
    client.connection.connection_lost(None)
    client.transport.is_closing.return_value = True
    client.hold.set()
    await client.settle()
    assert client.heard == []
