"""Failures of HTTP calls to Cloud Storage as ``CloudError``: the edge where foreign errors end."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TypeVar

import aiohttp

from cloud.errors import BY_HTTP_STATUS, CloudError, DeadlineExceeded, Unavailable

T = TypeVar("T")

_ATTEMPTS = 4
_FIRST_PAUSE = 0.2


def error_of(status: int, body: str) -> CloudError:
    """The error that a reply of this status and body stands for."""
    kind = BY_HTTP_STATUS.get(status, Unavailable if status >= 500 else CloudError)
    try:
        error = json.loads(body)["error"]
        return kind(error["message"], field=error["errors"][0].get("location"))
    except (ValueError, KeyError, TypeError, IndexError):
        return kind(f"Cloud Storage answered {status}: {body[:500]}")


async def once(attempt: Callable[[], Awaitable[T]]) -> T:
    """The result of ``attempt``, with the exceptions of aiohttp, and gcloud-aio's use of them, as ``CloudError``."""
    try:
        return await attempt()
    except aiohttp.ClientResponseError as error:
        # gcloud-aio puts "REASON: BODY" there.
        raise error_of(error.status, error.message.partition(": ")[2]) from error
    except aiohttp.ClientError as error:
        raise Unavailable(f"Cloud Storage cannot be reached: {error}") from error
    except TimeoutError as error:
        raise DeadlineExceeded("Cloud Storage does not answer") from error


async def persist(attempt: Callable[[], Awaitable[T]]) -> T:
    """The result of ``attempt``, which may be done more than once, tried again while Cloud Storage is unavailable."""
    pause = _FIRST_PAUSE
    for _ in range(_ATTEMPTS - 1):
        try:
            return await once(attempt)
        except Unavailable:
            await asyncio.sleep(pause)
            pause *= 2
    return await once(attempt)
