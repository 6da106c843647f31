"""Retries of failed requests, also of those that must not take effect twice."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from cloud.errors import AlreadyExists, CloudError, NotFound
from cloud.gcs.backoff import Retries

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]


class RetryableError(Exception):
    """The failure of one attempt.

    Args:
        is_transient: a retry may succeed.
        retry_after: seconds that the service asks to wait.
        is_auth_error: the token was refused; a new one may be accepted.
    """

    def __init__(
        self, error: CloudError, *, is_transient: bool = False, retry_after: float = 0.0, is_auth_error: bool = False
    ) -> None:
        super().__init__(error.message)
        self.error, self.is_transient = error, is_transient
        self.retry_after, self.is_auth_error = retry_after, is_auth_error


async def call_with_retries(
    attempt: Callable[[], Awaitable[T]],
    retries: Retries,
    *,
    sleep: Sleep = asyncio.sleep,
    find_existing: Callable[[], Awaitable[T | None]] | None = None,
    renew: Callable[[], Awaitable[object]] | None = None,
) -> T:
    """Call ``attempt`` until it succeeds; returns its result.

    Args:
        attempt: raises ``RetryableError``; other exceptions are passed on.
        find_existing: for requests that must not take effect twice: returns what a failed attempt has achieved
            nevertheless, or None. Called after each transient failure.
        renew: makes the next attempt use a new token; called once at most.

    Raises:
        CloudError: of the last attempt.
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
            # An earlier attempt may have created what exists now, or deleted what is missing.
            if failed and find_existing is not None and isinstance(error, AlreadyExists | NotFound):
                found = await find_existing()
                if found is not None:
                    return found
            raise error from last
        failed += 1
        pause = retries.pause(failed, last.retry_after, random.random())  # noqa: S311 - no secret
        if pause is not None:
            await sleep(pause)
        if find_existing is not None and (found := await find_existing()) is not None:
            return found
        if pause is None:
            raise error from last


async def finish_before_cancel(work: Awaitable[T]) -> T:
    """The result of ``work``. If the caller is cancelled, waits for ``work`` to end first, so that the
    caller's clean-up finds what it created. A second cancellation ends the wait."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio does not log it
        raise
