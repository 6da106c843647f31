"""Which requests a worker is sent at a time. Knows no HTTP and no processes.

A worker that dies takes all of its requests with it, and which of them was the cause cannot be known. Sent again
together they would share a call of the model again, and fail together again.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Quarantine:
    """Requests are sent together, but those over which a worker died one at a time, with no other beside them."""

    def __init__(self) -> None:
        self._together = self._suspects = 0
        self._no_others = asyncio.Event()
        self._no_others.set()
        self._no_suspects = asyncio.Event()
        self._no_suspects.set()
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def together(self) -> AsyncIterator[None]:
        """Entered as soon as there are no suspects."""
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
        """Entered by one suspect after the other, once the others are done."""
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
