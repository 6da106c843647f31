"""The worker's HTTP, as conversations without a socket."""

import asyncio
from http import HTTPStatus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.engine.serving.protocol import Connection, Request, Response, Send


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Talk:
    """A connection whose requests are answered when the test says so."""

    def __init__(self, *, max_size: int = 1000, at_once: bool = True) -> None:
        self.asked: list[Request] = []
        self.sends: list[Send] = []
        self._at_once = at_once
        self.open: set[Connection] = set()
        self.wire = Wire()
        self.connection = Connection(self._respond, self.open, max_size)
        self.connection.connection_made(self.wire)

    def _respond(self, request: Request, send: Send) -> None:
        self.asked.append(request)
        if self._at_once:
            send(Response(HTTPStatus.OK, request.body))
        else:
            self.sends.append(send)


def post(body: bytes, *headers: bytes) -> bytes:
    lines = [b"POST /predict?x=1 HTTP/1.1", b"Host: here", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def reply(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=50), min_size=1, max_size=5), st.integers(1, 40))
def test_requests_are_the_same_however_they_are_cut(bodies: list[bytes], size: int) -> None:
    async def converse() -> Talk:
        talk = Talk()
        data = b"".join(map(post, bodies))
        for start in range(0, len(data), size):
            talk.connection.data_received(data[start : start + size])
        return talk

    talk = asyncio.run(converse())
    assert talk.asked == [Request("POST", "/predict", body) for body in bodies]
    assert talk.wire.written == b"".join(map(reply, bodies))
    assert not talk.wire.closed


async def test_requests_sent_ahead_are_answered_one_after_the_other() -> None:
    talk = Talk(at_once=False)
    talk.connection.data_received(post(b"1") + post(b"2") + post(b"3"))
    for number in (b"1", b"2", b"3"):
        assert [request.body for request in talk.asked][-1] == number
        talk.sends[-1](Response(HTTPStatus.OK, b"answer " + number))
        await asyncio.sleep(0)
    assert talk.wire.written == reply(b"answer 1") + reply(b"answer 2") + reply(b"answer 3")


async def test_a_chunked_body() -> None:
    talk = Talk()
    head = b"POST /predict HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
    talk.connection.data_received(head + b"2\r\n[1\r\n1\r\n]\r\n0\r\n\r\n")
    assert talk.asked == [Request("POST", "/predict", b"[1]")]


async def test_who_expects_to_be_asked_is_asked() -> None:
    talk = Talk()
    request = post(b"body", b"Expect: 100-continue")
    talk.connection.data_received(request[:-4])
    assert talk.wire.written == b"HTTP/1.1 100 Continue\r\n\r\n"
    talk.connection.data_received(request[-4:])
    assert talk.wire.written.endswith(reply(b"body"))


async def test_a_connection_is_closed_when_asked_to() -> None:
    talk = Talk()
    talk.connection.data_received(post(b"", b"Connection: close"))
    assert b"Connection: close\r\n" in talk.wire.written
    assert talk.wire.closed


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"what is this?\r\n\r\n", 400),
        (post(b"x" * 2000), 413),
        (b"GET /" + b"x" * 2000, 413),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 2000, 413),
        (b"GET / HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 501),
    ],
    ids=["nonsense", "body", "path", "header", "upgrade"],
)
async def test_what_is_refused(data: bytes, status: int) -> None:
    talk = Talk(at_once=False)
    talk.connection.data_received(data)
    assert talk.wire.written.startswith(f"HTTP/1.1 {status} ".encode())
    assert talk.wire.closed


async def test_finishing_waits_for_the_answer() -> None:
    talk = Talk(at_once=False)
    talk.connection.data_received(post(b"1"))
    talk.connection.finish()
    assert not talk.wire.closed
    talk.sends[0](Response(HTTPStatus.OK, b"late"))
    assert talk.wire.written == reply(b"late")
    assert talk.wire.closed
    talk.connection.connection_lost(None)
    assert talk.connection.closed.done()
    assert not talk.open


async def test_finishing_closes_an_idle_connection() -> None:
    talk = Talk()
    talk.connection.finish()
    assert talk.wire.closed


async def test_a_client_that_left_gets_nothing() -> None:
    talk = Talk(at_once=False)
    talk.connection.data_received(post(b"1") + post(b"2"))
    talk.wire.close()
    talk.connection.connection_lost(ConnectionResetError())
    talk.sends[0](Response(HTTPStatus.OK, b"for nobody"))
    await asyncio.sleep(0)
    assert talk.wire.written == b""
    assert len(talk.asked) == 1
