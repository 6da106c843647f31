"""Which failed requests are retried, and when. Pure.

Google's advice: https://cloud.google.com/storage/docs/retry-strategy and https://google.aip.dev/194.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_STATUSES = frozenset({408, 429, 500, 502, 503, 504})


def is_transient(status: int) -> bool:
    """Whether a retry of the same request may succeed."""
    return status in _STATUSES


def retry_after(value: str | None, now: datetime | None = None) -> float:
    """Seconds of a ``Retry-After`` header (RFC 9110: a number or a date); 0 if it is missing or malformed."""
    if not value:
        return 0.0
    if value.strip().isdecimal():
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and how long a client retries. Times are seconds."""

    attempts: int = 7
    """Attempts of one request, the first included."""
    first: float = 1.0
    """The first delay; each further one is twice as long."""
    longest: float = 32.0
    max_retry_after: float = 300.0
    """A longer ``Retry-After`` ends the retries."""

    def pause(self, failed: int, retry_after: float, jitter: float) -> float | None:
        """The delay before the next attempt; None for no further attempt.

        Args:
            failed: attempts so far.
            retry_after: seconds that the service asked for.
            jitter: random, from 0 to 1, so that many clients do not retry at once.
        """
        if failed >= self.attempts or retry_after > self.max_retry_after:
            return None
        backoff = min(self.longest, self.first * 2.0 ** (failed - 1))
        return max(retry_after, backoff * (0.5 + jitter / 2))


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a long-running operation is polled. Times are seconds."""

    first: float = 1.0
    longest: float = 10.0
    growth: float = 1.5
    limit: float = 3600.0
    """Timeout of an operation; deploying a model takes Google up to half of it."""

    def pause(self, polls: int) -> float:
        """The delay after so many polls."""
        return min(self.longest, self.first * self.growth ** min(polls - 1, 60))
