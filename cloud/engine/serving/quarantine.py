"""Decides which requests are sent to a worker at the same time. Independent of HTTP and processes.

When a worker dies, all its current requests fail, and any of them may be the cause. Retried together they would share a
call of the model again, and all fail again.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Quarantine:
    """Requests are sent together. *Suspects*, which a worker's death made fail, are retried one at a time, alone."""

    def __init__(self) -> None:
        self._together = self._suspects = 0
        self._no_others = asyncio.Event()
        self._no_others.set()
        self._no_suspects = asyncio.Event()
        self._no_suspects.set()
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def together(self) -> AsyncIterator[None]:
        """For a new request. Waits while there are suspects."""
        while self._suspects:
            await self._no_suspects.wait()
        self._together += 1
        self._no_others.clear()
        try:
            yield
        finally:
            self._together -= 1
            if not self._together:
                self._no_others.set()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """For a suspect. Waits until other requests are done and earlier suspects have left."""
        self._suspects += 1
        self._no_suspects.clear()
        try:
            async with self._turn:
                await self._no_others.wait()
                yield
        finally:
            self._suspects -= 1
            if not self._suspects:
                self._no_suspects.set()
