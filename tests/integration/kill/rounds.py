"""A cloud that is killed while clients change its one bucket, ``kept``, and is started again: several rounds."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import aiohttp

from integration.kill.victims import Server

Client = TypeVar("Client")
WORKERS = 3


async def kill_rounds(
    server: Server,
    rng: random.Random,
    kills: int,
    connect: Callable[[aiohttp.ClientSession, str], Client],
    prepare: Callable[[Client], Awaitable[object]],
    work: Callable[[Client, int, int], Awaitable[None]],
    check: Callable[[Client], Awaitable[None]],
) -> None:
    """
    Args:
        connect: a client that sends requests to the port where those without a token are the owner's.
        prepare: before the first round.
        work: goes on until the cloud is killed; gets the number of the round and of the worker.
        check: after each start.
    """
    for kill in range(kills + 1):
        url = server.start().environ["STORAGE_EMULATOR_HOST"]
        async with aiohttp.ClientSession() as session:
            client = connect(session, url)
            if kill == 0:
                await prepare(client)
            await check(client)
            if kill == kills:
                return
            tasks = [asyncio.ensure_future(work(client, kill, worker)) for worker in range(WORKERS)]
            await asyncio.sleep(rng.uniform(0.3, 1))
            await asyncio.to_thread(server.kill)
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                assert isinstance(ended, aiohttp.ClientError | ConnectionError), ended


async def check_stored(server: Server, expected: int) -> None:
    """No other bytes than these are left. Garbage is deleted in the background, by another process."""
    folder = server.state / "storage" / "media" / "kept"
    async with asyncio.timeout(30):
        while (found := _bytes_in(folder)) != expected:
            assert found > expected, "bytes are missing"
            await asyncio.sleep(0.1)


def _bytes_in(folder: Path) -> int:
    found = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # deleted since it was listed
            found += path.stat().st_size if path.is_file() else 0
    return found
