"""``kill -9`` of any process of a cloud at random moments of a workload: nothing that was accepted is lost, what was
running ends, and the next start of any cloud of the user leaves no process, folder or temporary file of the dead one.

``KILLS=200 KILL_SEED=7 pytest tests/integration/kill`` sets the number of kills and the seed.
"""

import asyncio
import logging
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import aiohttp
import pytest

from integration.kill.victims import Server, Victim
from integration.kill.workload import Client, Workload, check, check_ends, prepare
from integration.launch.programs import linux_only
from integration.ledger import Ledger

KILLS = int(os.environ.get("KILLS", "20"))
SEED = int(os.environ.get("KILL_SEED", "1"))


def victims(rng: random.Random) -> Iterator[Victim]:
    """Each kind equally often, in a random order."""
    while True:
        yield from rng.sample(list(Victim), len(Victim))


async def kill_one(server: Server, victim: Victim, rng: random.Random, workload: "asyncio.Task[None]") -> None:
    """Kill a process of this kind, as soon as there is one after a random time."""
    await asyncio.sleep(rng.uniform(0, 1))
    deadline = time.monotonic() + 60
    while not (found := await asyncio.to_thread(server.find, victim)):
        if workload.done():
            await workload
        assert time.monotonic() < deadline, f"there is no {victim}: {server.tree()}"
        await asyncio.sleep(0.01)
    with suppress(ProcessLookupError):  # it has just ended
        os.kill(rng.choice(found), signal.SIGKILL)


async def run(server: Server, ledger: Ledger, rng: random.Random) -> None:
    kinds, killed = victims(rng), Counter[Victim]()
    start = 0
    while killed.total() < KILLS:
        running = server.start()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            client = Client(session, running)
            await (check(ledger, client) if start else prepare(client))
            clients = Workload(ledger, client, start, rng)
            workload = asyncio.create_task(clients.run_until_killed())
            while True:
                victim = next(kinds) if killed.total() < KILLS - 1 else Victim.SERVER
                if victim is Victim.WORKER and rng.random() < 0.5:
                    # Otherwise most are killed while they load their model.
                    waiting = asyncio.create_task(clients.predicted.wait())
                    await asyncio.wait([waiting, workload], timeout=60, return_when=asyncio.FIRST_COMPLETED)
                    clients.predicted.clear()
                await kill_one(server, victim, rng, workload)
                killed[victim] += 1
                if victim is Victim.SERVER:
                    break
            await asyncio.to_thread(server.kill)
            await workload
        if rng.random() < 0.3:
            server.spawn()
            await asyncio.sleep(rng.uniform(0, 1))
            await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.check_that_another_start_leaves_nothing)
        start += 1
    logging.getLogger(__name__).info("killed: %s", dict(killed))
    running = server.start()
    async with aiohttp.ClientSession() as session:
        client = Client(session, running)
        await check(ledger, client)
        await check_ends(ledger, client)
        await check(ledger, client)
    assert os.listdir(server.state / "work") == []
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.check_that_another_start_leaves_nothing)


@linux_only
@pytest.mark.timeout(120 + 15 * KILLS)
async def test_nothing_accepted_is_lost_and_nothing_is_left(tmp_path: Path) -> None:
    ledger, rng = Ledger(), random.Random(SEED)  # noqa: S311
    with closing(Server(tmp_path)) as server:
        await run(server, ledger, rng)
    assert ledger.accepted > KILLS
