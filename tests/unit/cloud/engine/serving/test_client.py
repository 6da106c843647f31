"""The engine's requests to a worker: each has its own timeout, and none gets another's response."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cloud.engine.serving import client as under_test
from cloud.engine.serving import worker_folder
from cloud.engine.serving.client import WorkerClient

Worker = Callable[[bytes], Awaitable[bytes]]


@asynccontextmanager
async def serving(worker: Worker) -> AsyncIterator[Path]:
    """A worker that responds to a body with ``worker(body)``; yields its socket."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.rpartition(b"Content-Length: ")[2])
                response = await worker(await reader.readexactly(length))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(response), response))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client closed the connection
        finally:
            writer.close()

    folder = worker_folder.create()
    socket = worker_folder.socket_in(folder)
    server = await asyncio.start_unix_server(serve, socket, backlog=1024)
    async with server:
        yield socket
    worker_folder.remove(folder)


@asynccontextmanager
async def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Path, asyncio.Event]]:
    """A worker with one connection at most, which responds only after the event; yields its socket and the event."""
    monkeypatch.setattr(under_test, "MAX_CONNECTIONS", 1)
    release = asyncio.Event()

    async def hang(body: bytes) -> bytes:
        await release.wait()
        return body

    async with serving(hang) as socket:
        yield socket, release


async def test_each_request_gets_its_response_over_reused_connections():
    async def echo(body: bytes) -> bytes:
        await asyncio.sleep(0)
        return body

    async with serving(echo) as socket:
        client = WorkerClient(socket, time_limit=30)
        for _ in range(3):
            bodies = [b"%d" % number for number in range(200)]
            responses = await asyncio.gather(*(client.post("/predict", body) for body in bodies))
            assert responses == [(200, body) for body in bodies]
        client.close()


async def test_each_request_has_its_own_timeout_and_a_late_response_is_discarded():
    release = asyncio.Event()

    async def hang_over_some(body: bytes) -> bytes:
        if body.startswith(b"hang"):
            await release.wait()
        return body

    async with serving(hang_over_some) as socket:
        client = WorkerClient(socket, time_limit=0.2)

        async def seconds_until_late(body: bytes) -> float:
            start = time.monotonic()
            with pytest.raises(TimeoutError):
                await client.post("/predict", body)
            return time.monotonic() - start

        first = asyncio.create_task(seconds_until_late(b"hang 1"))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(seconds_until_late(b"hang 2"))
        assert await client.post("/predict", b"quick") == (200, b"quick")
        assert min(await first, await second) > 0.19
        release.set()
        assert await client.post("/predict", b"after") == (200, b"after")
        client.close()


async def test_a_request_with_a_longer_limit_delays_no_other_timeout():
    release = asyncio.Event()

    async def hang(body: bytes) -> bytes:
        await release.wait()
        return body

    async with serving(hang) as socket:
        client = WorkerClient(socket, time_limit=0.1)
        patient = asyncio.create_task(client.post("/predict", b"patient", 60))
        await asyncio.sleep(0.01)
        start = time.monotonic()
        with pytest.raises(TimeoutError):
            await client.post("/predict", b"x")
        assert time.monotonic() - start < 5
        release.set()
        assert await patient == (200, b"patient")
        client.close()


async def test_the_timeout_includes_the_wait_for_a_connection(monkeypatch):
    async with one_at_a_time(monkeypatch) as (socket, release):
        client = WorkerClient(socket, time_limit=0.1)
        outcomes = await asyncio.gather(*(client.post("/predict", b"x") for _ in range(3)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [TimeoutError] * 3
        release.set()
        assert await client.post("/predict", b"x") == (200, b"x")
        client.close()


async def test_requests_get_connections_in_order_and_never_more_than_the_maximum(monkeypatch):
    monkeypatch.setattr(under_test, "MAX_CONNECTIONS", 2)
    received: list[bytes] = []
    concurrent, most = 0, 0

    async def record(body: bytes) -> bytes:
        nonlocal concurrent, most
        received.append(body)
        concurrent += 1
        most = max(most, concurrent)
        await asyncio.sleep(0.005)
        concurrent -= 1
        return body

    async with serving(record) as socket:
        client = WorkerClient(socket, time_limit=30)
        bodies = [b"%d" % number for number in range(8)]
        requests = [asyncio.create_task(client.post("/predict", body)) for body in bodies]
        await asyncio.sleep(0)
        for cancelled in (requests.pop(6), requests.pop(3)):
            cancelled.cancel()
        assert await asyncio.gather(*requests) == [(200, b"%d" % number) for number in (0, 1, 2, 4, 5, 7)]
        assert most == 2
        assert [body for body in bodies if body in received] == sorted(received)
        client.close()


async def test_a_connection_for_a_request_that_is_just_cancelled_goes_to_the_next(monkeypatch):
    async with one_at_a_time(monkeypatch) as (socket, release):
        client = WorkerClient(socket, time_limit=5)

        async def be_first() -> None:
            await client.post("/predict", b"1")
            second.cancel()  # it has been granted the connection, but has not resumed yet

        first, second, third = map(
            asyncio.create_task, (be_first(), client.post("/predict", b"2"), client.post("/predict", b"3"))
        )
        await asyncio.sleep(0)
        release.set()
        assert await third == (200, b"3")
        assert (first.done(), second.cancelled()) == (True, True)
        client.close()


async def test_a_worker_that_dies_is_a_connection_error():
    async def die(_: bytes) -> bytes:
        raise ConnectionResetError

    async with serving(die) as socket:
        client = WorkerClient(socket, time_limit=30)
        with pytest.raises(ConnectionError):
            await client.post("/predict", b"x")
    with pytest.raises(ConnectionError):  # its socket is gone
        await client.post("/predict", b"x")
