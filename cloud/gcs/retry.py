"""Requests over a network that loses them: sent again while that may help, and not left alone half done."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from cloud.errors import AlreadyExists, CloudError, NotFound
from cloud.gcs.backoff import Retries

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]


class RetryableError(Exception):
    """One attempt's failure.

    Args:
        is_transient: the same request may succeed later.
        asked: seconds that the service asks to wait before (``Retry-After``).
        is_auth_error: who asks was not recognized: a new token may be.
    """

    def __init__(
        self, error: CloudError, *, is_transient: bool = False, asked: float = 0.0, is_auth_error: bool = False
    ) -> None:
        super().__init__(error.message)
        self.error, self.is_transient, self.asked, self.is_auth_error = error, is_transient, asked, is_auth_error


async def persist(
    attempt: Callable[[], Awaitable[T]],
    patience: Retries,
    *,
    sleep: Sleep = asyncio.sleep,
    find_existing: Callable[[], Awaitable[T | None]] | None = None,
    renew: Callable[[], Awaitable[object]] | None = None,
) -> T:
    """What ``attempt`` gives, in the end.

    Args:
        attempt: raises ``RetryableError``; anything else goes through.
        find_existing: what a failed attempt has brought about all the same; None for nothing. For what must not be
            done twice: called before it is tried again, and after the last time.
        renew: has the next attempt made with a new token; tried once.

    Raises:
        CloudError: the last failure's.
    """
    failed, renewed = 0, False
    while True:
        try:
            return await attempt()
        except RetryableError as failure:
            error, last = failure.error, failure
        if last.is_auth_error and renew is not None and not renewed:
            renewed = True
            await renew()
            continue
        if not last.is_transient:
            # What an attempt before made is in the way of this one, or what it deleted is missing.
            if failed and find_existing is not None and isinstance(error, AlreadyExists | NotFound):
                found = await find_existing()
                if found is not None:
                    return found
            raise error from last
        failed += 1
        pause = patience.pause(failed, last.asked, random.random())  # noqa: S311 - no secret
        if pause is not None:
            await sleep(pause)
        if find_existing is not None and (found := await find_existing()) is not None:
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
