"""Maps failed HTTP requests to Cloud Storage to ``CloudError``."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import aiohttp

from cloud.errors import BY_HTTP_STATUS, CloudError, DeadlineExceeded, Unavailable
from cloud.gcs.backoff import is_transient, retry_after
from cloud.gcs.retry import RetryableError

T = TypeVar("T")


def parse_error(status: int, body: str) -> CloudError:
    """The error of a response with this status and body."""
    kind = BY_HTTP_STATUS.get(status, Unavailable if status >= 500 else CloudError)
    try:
        error = json.loads(body)["error"]
        return kind(error["message"], field=error["errors"][0].get("location"))
    except (ValueError, KeyError, TypeError, IndexError):
        return kind(f"Cloud Storage answered {status}: {body[:500]}")


def retryable_error(status: int, body: str, headers: Mapping[str, str]) -> RetryableError:
    """The failure of an attempt whose response has this status."""
    return RetryableError(
        parse_error(status, body),
        is_transient=is_transient(status),
        retry_after=retry_after(headers.get("Retry-After")),
        is_auth_error=status == 401,
    )


async def map_errors(attempt: Callable[[], Awaitable[T]]) -> T:
    """The result of ``attempt``, which uses aiohttp or gcloud-aio.

    Raises:
        RetryableError: instead of their exceptions.
    """
    try:
        return await attempt()
    except aiohttp.ClientResponseError as error:
        # gcloud-aio sets the message to "REASON: BODY".
        raise retryable_error(error.status, error.message.partition(": ")[2], error.headers or {}) from error
    except aiohttp.ClientError as error:
        raise RetryableError(Unavailable(f"Cloud Storage cannot be reached: {error}"), is_transient=True) from error
    except TimeoutError as error:
        raise RetryableError(DeadlineExceeded("Cloud Storage does not respond")) from error
