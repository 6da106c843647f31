"""Requests that go to a worker together: each has its answer, and what goes wrong with a trip is told to all of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from aiohttp import web

from cloud.engine.serving.client import WorkerClient
from cloud.engine.serving.trips import MAX_SIZE, PREDICT_EACH, Trips
from cloud.errors import CloudError

Answer = Callable[[list[Any]], web.Response]


class Worker:
    """Answers a trip with what ``answer`` makes of it; has seen how many requests each had."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.seen: list[int] = []

    async def handle(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.seen.append(len(asked))
        return self._answer(asked)


def doubled(asked: list[Any]) -> web.Response:
    return web.json_response([[200 if one["x"] % 7 else 400, {"double": 2 * one["x"]}] for one in asked])


@asynccontextmanager
async def trips_to(answer: Answer) -> AsyncIterator[tuple[Trips, Worker]]:
    worker = Worker(answer)
    application = web.Application(client_max_size=2**24)
    application.router.add_post(PREDICT_EACH, worker.handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        client = WorkerClient(runner.addresses[0][1], time_limit=30)
        yield Trips(client), worker
        client.close()
    finally:
        await runner.cleanup()


def body(number: int, filling: str = "") -> bytes:
    return orjson.dumps({"x": number, "filling": filling})


async def test_those_of_one_turn_share_a_trip_and_each_has_its_own_answer():
    async with trips_to(doubled) as (trips, worker):
        for _ in range(2):
            answers = await asyncio.gather(*(trips.post(body(number)) for number in range(50)))
            assert answers == [[200 if number % 7 else 400, {"double": 2 * number}] for number in range(50)]
        assert sorted(worker.seen) == [2, 2, 16, 16, 16, 16, 16, 16]


async def test_a_trip_has_an_end():
    async with trips_to(doubled) as (trips, worker):
        filling = "." * MAX_SIZE
        answers = await asyncio.gather(*(trips.post(body(number, filling)) for number in range(1, 41)))
        assert [answer["double"] for _, answer in answers] == [2 * number for number in range(1, 41)]
        assert sorted(worker.seen) == [1, *[3] * 13]


async def test_who_goes_away_takes_nobodys_answer():
    async with trips_to(doubled) as (trips, worker):
        first, second, third = (trips.post(body(number)) for number in (1, 2, 3))
        second.cancel()
        assert [await first, await third] == [[200, {"double": 2}], [200, {"double": 6}]]
        assert worker.seen == [3]


def refused(_: list[Any]) -> web.Response:
    return web.Response(status=413, text="too much")


def garbled(_: list[Any]) -> web.Response:
    return web.Response(text="[[200, ")


def too_few(asked: list[Any]) -> web.Response:
    return web.json_response([[200, {}]] * (len(asked) - 1))


@pytest.mark.parametrize("answer", [refused, garbled, too_few], ids=lambda answer: answer.__name__)
async def test_a_trip_that_fails_fails_for_all(answer: Answer):
    async with trips_to(answer) as (trips, _):
        outcomes = await asyncio.gather(*(trips.post(body(number)) for number in range(3)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [CloudError] * 3
        assert "the model's worker" in str(outcomes[0])


async def test_a_worker_that_is_gone():
    trips = Trips(WorkerClient(1, time_limit=30))
    outcomes = await asyncio.gather(*(trips.post(body(number)) for number in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ConnectionRefusedError] * 3
