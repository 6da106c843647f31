"""Requests together, suspects one at a time with nothing beside them, whatever comes in whichever order."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.serving.quarantine import Quarantine


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12))
def test_a_suspect_has_nothing_beside_it_and_all_have_their_turn(requests: list[tuple[bool, int, int]]) -> None:
    under_way: list[bool] = []

    async def request(quarantine: Quarantine, is_suspect: bool, comes_after: int, takes: int) -> None:
        for _ in range(comes_after):
            await asyncio.sleep(0)
        async with quarantine.alone() if is_suspect else quarantine.together():
            under_way.append(is_suspect)
            for _ in range(takes):
                assert under_way == [True] or not any(under_way)
                await asyncio.sleep(0)
            under_way.remove(is_suspect)

    async def run() -> None:
        quarantine = Quarantine()
        async with asyncio.timeout(10):
            await asyncio.gather(*(request(quarantine, *each) for each in requests))

    asyncio.run(run())


async def test_others_share_their_time() -> None:
    quarantine = Quarantine()
    async with quarantine.together(), quarantine.together():
        pass


async def test_a_suspect_that_gives_up_holds_up_nobody() -> None:
    quarantine = Quarantine()
    async with quarantine.together():
        suspect = asyncio.create_task(quarantine.alone().__aenter__())
        await asyncio.sleep(0)
        suspect.cancel()
        await asyncio.gather(suspect, return_exceptions=True)
        async with asyncio.timeout(10), quarantine.together():
            pass
