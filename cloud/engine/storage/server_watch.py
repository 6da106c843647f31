"""``ServerWatch``: notices that fake-gcs-server does not answer (it, or its guard, was stopped, or it hangs)."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

INTERVAL = 5.0
LIMIT = 15.0


class ServerWatch:
    """Probes while anybody waits for the server; an idle one costs nothing.

    Args:
        probe: returns when the server has answered.
        on_failure: called if it raises ``TimeoutError``, or takes longer than ``limit``.
        interval: seconds between probes.
        limit: seconds. Long, for a machine that is busy: a server that is replaced breaks off what it was doing.
    """

    def __init__(
        self,
        probe: Callable[[], Awaitable[None]],
        on_failure: Callable[[], Awaitable[None]],
        *,
        interval: float = INTERVAL,
        limit: float = LIMIT,
    ) -> None:
        self._probe, self._on_failure = probe, on_failure
        self._interval, self._limit = interval, limit
        self._waiting = 0
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Somebody waits for the server, or may."""
        self._waiting += 1
        if self._task is None:
            self._task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        try:
            await asyncio.sleep(self._interval)
            while self._waiting:
                try:
                    async with asyncio.timeout(self._limit):
                        await self._probe()
                except TimeoutError:
                    await self._on_failure()
                await asyncio.sleep(self._interval)
        finally:
            self._task = None
