"""Failures of HTTP calls to Cloud Storage as ``CloudError``: the edge where foreign errors end."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import aiohttp

from cloud.errors import BY_HTTP_STATUS, CloudError, DeadlineExceeded, Unavailable
from cloud.gcs.backoff import is_transient, retry_after
from cloud.gcs.retry import RetryableError

T = TypeVar("T")


def error_of(status: int, body: str) -> CloudError:
    """The error that a reply of this status and body stands for."""
    kind = BY_HTTP_STATUS.get(status, Unavailable if status >= 500 else CloudError)
    try:
        error = json.loads(body)["error"]
        return kind(error["message"], field=error["errors"][0].get("location"))
    except (ValueError, KeyError, TypeError, IndexError):
        return kind(f"Cloud Storage answered {status}: {body[:500]}")


def refusal(status: int, body: str, headers: Mapping[str, str]) -> RetryableError:
    """What a reply of this status means for the attempt."""
    asked = retry_after(headers.get("Retry-After"))
    return RetryableError(
        error_of(status, body), is_transient=is_transient(status), asked=asked, is_auth_error=status == 401
    )


async def attempted(attempt: Callable[[], Awaitable[T]]) -> T:
    """The result of ``attempt``, which uses aiohttp, or gcloud-aio.

    Raises:
        RetryableError: how, and whether to try again.
    """
    try:
        return await attempt()
    except aiohttp.ClientResponseError as error:
        # gcloud-aio puts "REASON: BODY" there.
        raise refusal(error.status, error.message.partition(": ")[2], error.headers or {}) from error
    except aiohttp.ClientError as error:
        raise RetryableError(Unavailable(f"Cloud Storage cannot be reached: {error}"), is_transient=True) from error
    except TimeoutError as error:
        raise RetryableError(DeadlineExceeded("Cloud Storage does not answer")) from error
