"""Requests over a network that loses them: sent again while that may help, and not left alone half done."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from cloud.errors import AlreadyExists, CloudError, NotFound
from cloud.retries import Retries

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]


class Failed(Exception):
    """One attempt's failure.

    Args:
        may_pass: the same request may succeed later.
        asked: seconds that the service asks to wait before (``Retry-After``).
        is_stale: who asks was not recognized: a new token may be.
    """

    def __init__(
        self, error: CloudError, *, may_pass: bool = False, asked: float = 0.0, is_stale: bool = False
    ) -> None:
        super().__init__(error.message)
        self.error, self.may_pass, self.asked, self.is_stale = error, may_pass, asked, is_stale


async def persist(
    attempt: Callable[[], Awaitable[T]],
    patience: Retries,
    *,
    sleep: Sleep = asyncio.sleep,
    settled: Callable[[], Awaitable[T | None]] | None = None,
    renew: Callable[[], Awaitable[object]] | None = None,
) -> T:
    """What ``attempt`` gives, in the end.

    Args:
        attempt: raises ``Failed``; anything else goes through.
        settled: what an attempt that failed has brought about all the same; None for nothing. For what is not to be
            done twice: asked before it is tried again, and after the last time.
        renew: has the next attempt made with a new token; tried once.

    Raises:
        CloudError: the last failure's.
    """
    failed, renewed = 0, False
    while True:
        try:
            return await attempt()
        except Failed as failure:
            error, last = failure.error, failure
        if last.is_stale and renew is not None and not renewed:
            renewed = True
            await renew()
            continue
        if not last.may_pass:
            # What an attempt before made is in the way of this one, or what it deleted is missing.
            if failed and settled is not None and isinstance(error, AlreadyExists | NotFound):
                found = await settled()
                if found is not None:
                    return found
            raise error from last
        failed += 1
        pause = patience.pause(failed, last.asked, random.random())  # noqa: S311 - no secret
        if pause is not None:
            await sleep(pause)
        if settled is not None and (found := await settled()) is not None:
            return found
        if pause is None:
            raise error from last


async def completed(work: Awaitable[T]) -> T:
    """What ``work`` gives. Whoever is interrupted meanwhile waits for its end first: what was sent is sent, and who
    cleans up then is to find what it made. A second interruption ends the wait."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # retrieved: the interruption is what is told
        raise
