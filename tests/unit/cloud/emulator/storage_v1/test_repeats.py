"""Requests that are sent again with their token."""

import asyncio

import pytest
from aiohttp import web

from cloud.emulator.storage_v1 import repeats
from cloud.emulator.storage_v1.repeats import LIFETIME, LONGEST, MOST_BYTES, TOKEN, Repeats
from cloud.engine.principal import ANONYMOUS, Principal
from cloud.errors import NotFound, Unavailable
from emulator_api.clients import received

ME, OTHER = Principal("me@example.com"), Principal("other@example.com")
PATH = "/upload/storage/v1/b/bkt/o?uploadType=media&name=o"


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Handler:
    """Counts its answers; each waits for ``go_on``."""

    def __init__(self, *failures, body=b"{}"):
        self.failures, self.body, self.calls = list(failures), body, 0
        self.go_on, self.called = asyncio.Event(), asyncio.Event()
        self.go_on.set()

    async def __call__(self):
        self.calls += 1
        number = self.calls
        self.called.set()
        await self.go_on.wait()
        if self.failures and (failure := self.failures.pop(0)):
            raise failure
        return web.Response(status=200, headers={"X-Number": str(number), "Content-Type": "text/x"}, body=self.body)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def kept(clock):
    return Repeats(clock)


async def send(kept, handler, name="t", method="POST", target=PATH, principal=ME):
    request = await received(method, target, {TOKEN: name} if name else {})
    return await kept.answer(request, principal, handler)


async def test_a_repeated_request_gets_the_first_answer(kept, clock):
    handler = Handler()
    first = await send(kept, handler)
    clock.now = LIFETIME - 1
    again = await send(kept, handler)
    assert handler.calls == 1
    assert (again.status, again.headers, again.body) == (first.status, first.headers, first.body)
    clock.now = LIFETIME
    assert (await send(kept, handler)).headers["X-Number"] == "2"


@pytest.mark.parametrize(
    "other",
    [
        {"name": "u"},
        {"name": ""},
        {"method": "PUT"},
        {"target": PATH + "2"},
        {"principal": OTHER},
        {"principal": ANONYMOUS},
    ],
    ids=str,
)
async def test_another_request_is_its_own(kept, other):
    handler = Handler()
    await send(kept, handler)
    await send(kept, handler, **other)
    assert handler.calls == 2


@pytest.mark.parametrize("how", [{"name": ""}, {"method": "GET"}, {"target": PATH + "&upload_id=x"}], ids=str)
async def test_reads_and_chunks_are_never_kept(kept, how):
    handler = Handler()
    for _ in range(2):
        await send(kept, handler, **how)
    assert handler.calls == 2


async def test_a_repeat_waits_for_a_first_that_is_still_served(kept):
    handler = Handler()
    handler.go_on.clear()
    both = asyncio.gather(send(kept, handler), send(kept, handler))
    await handler.called.wait()
    await asyncio.sleep(0.02)
    handler.go_on.set()
    first, second = await both
    assert (handler.calls, first.headers["X-Number"], second.headers["X-Number"]) == (1, "1", "1")


async def test_a_final_failure_is_shared_while_it_happens_and_not_kept(kept):
    handler = Handler(NotFound("none"))
    handler.go_on.clear()
    both = asyncio.gather(send(kept, handler), send(kept, handler), return_exceptions=True)
    await handler.called.wait()
    await asyncio.sleep(0.02)
    handler.go_on.set()
    assert [type(each) for each in await both] == [NotFound, NotFound]
    assert handler.calls == 1
    await send(kept, handler)
    assert handler.calls == 2


@pytest.mark.parametrize("failure", [Unavailable("later"), ConnectionResetError(), asyncio.CancelledError()], ids=repr)
async def test_where_the_first_fails_for_now_the_repeat_takes_its_place(kept, failure):
    handler = Handler(failure)
    handler.go_on.clear()
    tasks = [asyncio.create_task(send(kept, handler)) for _ in range(2)]
    await handler.called.wait()
    await asyncio.sleep(0.02)
    handler.go_on.set()
    first, second = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(first, type(failure))
    assert second.headers["X-Number"] == "2"


async def test_memory_is_bounded(kept):
    await send(kept, long := Handler(body=b"x" * (LONGEST + 1)))
    await send(kept, long)
    assert long.calls == 2
    handler = Handler(body=b"x" * LONGEST)
    fitting = MOST_BYTES // (LONGEST + repeats._OVERHEAD)
    for number in range(fitting + 1):
        await send(kept, handler, name=f"n{number}")
    calls = handler.calls
    await send(kept, handler, name=f"n{fitting}")
    await send(kept, handler, name="n1")
    assert handler.calls == calls
    await send(kept, handler, name="n0")
    assert handler.calls == calls + 1
