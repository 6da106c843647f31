"""The worker's HTTP server, by bytes on a connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest

from cloud.engine.serving import http
from cloud.engine.serving.http import HttpServer, Request, Response


class Echo:
    """Answers with the request's method, path and body; ``/slow`` waits until it may."""

    def __init__(self) -> None:
        self.seen = asyncio.Event()
        self.may = asyncio.Event()

    async def __call__(self, request: Request) -> Response:
        if request.path == "/slow":
            self.seen.set()
            await self.may.wait()
        return Response(HTTPStatus.OK, f"{request.method} {request.path} ".encode() + request.body)


def refuse(status: HTTPStatus, text: str) -> Response:
    return Response(status, text.encode())


@asynccontextmanager
async def listening(handler: Echo) -> AsyncIterator[tuple[HttpServer, int]]:
    server = HttpServer(handler, refuse, max_body=1000)
    port = await server.listen("127.0.0.1", 0)
    yield server, port
    handler.may.set()
    await server.close()


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with listening(Echo()) as (_, port):
        yield port


async def send(port: int, *pieces: bytes, until: bytes = b"") -> bytes:
    """All that the server sends after ``pieces``, at least until it has sent ``until``."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    async with asyncio.timeout(10):
        answer = await (reader.readuntil(until) if until else reader.read())
    writer.close()
    return answer


def response(body: bytes, *, closes: bool = False) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
    return head + (b"Connection: close\r\n" if closes else b"") + b"\r\n" + body


POST = b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
ANSWERED = response(b"POST /a abc")
CLOSED = response(b"GET /last ", closes=True)


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([POST, POST, LAST], ANSWERED * 2 + CLOSED),
        ([POST + POST + LAST], ANSWERED * 2 + CLOSED),
        ([POST[:10], POST[10:40], POST[40:], LAST], ANSWERED + CLOSED),
        (
            [
                b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
                LAST,
            ],
            response(b"POST /c abcde") + CLOSED,
        ),
        ([b"GET /1%3A2%C3%A4 HTTP/1.1\r\nHost: x\r\n\r\n", LAST], response("GET /1:2ä ".encode()) + CLOSED),
        ([b"GET /old HTTP/1.0\r\n\r\n"], response(b"GET /old ", closes=True)),
        (
            [b"POST /e HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", b"z", LAST],
            b"HTTP/1.1 100 Continue\r\n\r\n" + response(b"POST /e z") + CLOSED,
        ),
        ([b"HEAD /h HTTP/1.1\r\nHost: x\r\n\r\n", LAST], response(b"HEAD /h ").removesuffix(b"HEAD /h ") + CLOSED),
    ],
    ids=["one by one", "at once", "in pieces", "chunked", "escaped path", "HTTP/1.0", "expect", "head"],
)
async def test_requests_on_one_connection(port: int, pieces: list[bytes], expected: bytes) -> None:
    assert await send(port, *pieces) == expected


@pytest.mark.parametrize(
    ("pieces", "status", "text"),
    [
        ([b"no http\r\n\r\n"], 400, b"Invalid method"),
        ([POST + b"garbage"], 400, b"Invalid method"),
        ([b"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"zz\r\n"], 400, b"chunk"),
        ([b"POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n", b"x" * 600, b"x" * 401], 413, b"more than 1000 bytes"),
        ([b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n"], 431, b"a head of more than 65536 bytes"),
        ([b"GET / HTTP/1.1\r\n", *[b"X-Y: %s\r\n" % (b"y" * 8000)] * 9], 431, b"a head of more than 65536 bytes"),
    ],
    ids=["no HTTP", "after a request", "chunks", "body", "path", "headers"],
)
async def test_what_is_not_a_request_is_refused_and_the_connection_closed(
    port: int, pieces: list[bytes], status: int, text: bytes
) -> None:
    answer = await send(port, *pieces)
    refusal = answer[answer.rindex(b"HTTP/1.1") :]
    assert refusal.startswith(b"HTTP/1.1 %d " % status)
    assert b"Connection: close" in refusal
    assert text in refusal


async def test_a_request_that_never_ends_is_refused(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_TIME_TO_SEND", 0.05)
    assert b"HTTP/1.1 408 " in await send(port, POST[:-1])
    assert (await send(port, POST, until=b"abc")) == ANSWERED
    assert b"HTTP/1.1 408 " in await send(port, POST, POST[:10])


async def test_requests_that_were_received_are_answered_before_the_server_closes() -> None:
    handler = Echo()
    async with listening(handler) as (server, port):
        idle, idle_writer = await asyncio.open_connection("127.0.0.1", port)
        slow = asyncio.create_task(send(port, b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"))
        await handler.seen.wait()
        closing = asyncio.create_task(server.close())
        assert await idle.read() == b""
        idle_writer.close()
        assert not closing.done()
        handler.may.set()
        assert await slow == response(b"GET /slow ", closes=True)
        await closing
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


async def test_many_requests_sent_ahead_are_answered_in_order(port: int) -> None:
    requests = [b"POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n%s" % (n, b"x" * 900) for n in range(200)]
    answer = await send(port, b"".join(requests), LAST)
    assert answer == b"".join(response(b"POST /%d %s" % (n, b"x" * 900)) for n in range(200)) + CLOSED
