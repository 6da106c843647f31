"""Requests are sent together, suspects one at a time and alone, in any order of arrival."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.serving.quarantine import Quarantine


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12))
def test_a_suspect_runs_alone_and_every_request_runs(requests: list[tuple[bool, int, int]]) -> None:
    running: list[bool] = []

    async def request(quarantine: Quarantine, is_suspect: bool, delay: int, duration: int) -> None:
        for _ in range(delay):
            await asyncio.sleep(0)
        async with quarantine.alone() if is_suspect else quarantine.together():
            running.append(is_suspect)
            for _ in range(duration):
                assert running == [True] or not any(running)
                await asyncio.sleep(0)
            running.remove(is_suspect)

    async def run() -> None:
        quarantine = Quarantine()
        async with asyncio.timeout(10):
            await asyncio.gather(*(request(quarantine, *each) for each in requests))

    asyncio.run(run())


async def test_other_requests_run_concurrently() -> None:
    quarantine = Quarantine()
    async with quarantine.together(), quarantine.together():
        pass


async def test_a_cancelled_suspect_does_not_delay_others() -> None:
    quarantine = Quarantine()
    async with quarantine.together():
        suspect = asyncio.create_task(quarantine.alone().__aenter__())
        await asyncio.sleep(0)
        suspect.cancel()
        await asyncio.gather(suspect, return_exceptions=True)
        async with asyncio.timeout(10), quarantine.together():
            pass
