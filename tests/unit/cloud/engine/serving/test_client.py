"""The engine's requests to a worker: each has its time, and none gets another's answer."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from cloud.engine.serving import client as under_test
from cloud.engine.serving.client import WorkerClient

Worker = Callable[[bytes], Awaitable[bytes]]


@asynccontextmanager
async def serving(worker: Worker) -> AsyncIterator[int]:
    """A worker that answers a body with what ``worker`` makes of it; yields its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.rpartition(b"Content-Length: ")[2])
                answer = await worker(await reader.readexactly(length))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has hung up
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[int, asyncio.Event]]:
    """A worker with which there is one connection, and which answers nothing before the event; yields its port."""
    monkeypatch.setattr(under_test, "CONNECTIONS", 1)
    release = asyncio.Event()

    async def hang(body: bytes) -> bytes:
        await release.wait()
        return body

    async with serving(hang) as port:
        yield port, release


async def test_answers_find_those_who_asked_over_kept_connections():
    async def echo(body: bytes) -> bytes:
        await asyncio.sleep(0)
        return body

    async with serving(echo) as port:
        client = WorkerClient(port, time_limit=30)
        for _ in range(3):
            bodies = [b"%d" % number for number in range(200)]
            answers = await asyncio.gather(*(client.post("/predict", body) for body in bodies))
            assert answers == [(200, body) for body in bodies]
        client.close()


async def test_each_request_has_its_own_time_and_a_late_answer_is_nobodys():
    release = asyncio.Event()

    async def hang_over_some(body: bytes) -> bytes:
        if body.startswith(b"hang"):
            await release.wait()
        return body

    async with serving(hang_over_some) as port:
        client = WorkerClient(port, time_limit=0.2)

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


async def test_waiting_for_a_turn_is_in_the_time(monkeypatch):
    async with one_at_a_time(monkeypatch) as (port, release):
        client = WorkerClient(port, time_limit=0.1)
        outcomes = await asyncio.gather(*(client.post("/predict", b"x") for _ in range(3)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [TimeoutError] * 3
        release.set()
        assert await client.post("/predict", b"x") == (200, b"x")
        client.close()


async def test_turns_come_in_order_and_no_more_at_once_than_there_are_connections(monkeypatch):
    monkeypatch.setattr(under_test, "CONNECTIONS", 2)
    begun: list[bytes] = []
    at_once, most = 0, 0

    async def note(body: bytes) -> bytes:
        nonlocal at_once, most
        begun.append(body)
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.005)
        at_once -= 1
        return body

    async with serving(note) as port:
        client = WorkerClient(port, time_limit=30)
        bodies = [b"%d" % number for number in range(8)]
        asked = [asyncio.create_task(client.post("/predict", body)) for body in bodies]
        await asyncio.sleep(0)
        for given_up in (asked.pop(6), asked.pop(3)):
            given_up.cancel()
        assert await asyncio.gather(*asked) == [(200, b"%d" % number) for number in (0, 1, 2, 4, 5, 7)]
        assert most == 2
        assert [body for body in bodies if body in begun] == sorted(begun)
        client.close()


async def test_a_turn_whose_taker_leaves_as_it_comes_is_the_next_ones(monkeypatch):
    async with one_at_a_time(monkeypatch) as (port, release):
        client = WorkerClient(port, time_limit=5)

        async def be_first() -> None:
            await client.post("/predict", b"1")
            second.cancel()  # whose turn it is by now, which it does not know yet

        first, second, third = map(
            asyncio.create_task, (be_first(), client.post("/predict", b"2"), client.post("/predict", b"3"))
        )
        await asyncio.sleep(0)
        release.set()
        assert await third == (200, b"3")
        assert (first.done(), second.cancelled()) == (True, True)
        client.close()


async def test_a_worker_that_goes_away_is_a_connection_error():
    async def die(_: bytes) -> bytes:
        raise ConnectionResetError

    async with serving(die) as port:
        client = WorkerClient(port, time_limit=30)
        with pytest.raises(ConnectionError):
            await client.post("/predict", b"x")
    with pytest.raises(ConnectionError):
        await client.post("/predict", b"x")
