"""Which failed requests are sent again, and when. Pure.

Google's advice: https://cloud.google.com/storage/docs/retry-strategy and https://google.aip.dev/194.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_STATUSES = frozenset({408, 429, 500, 502, 503, 504})


def is_transient(status: int) -> bool:
    """Whether the same request, sent again, may succeed."""
    return status in _STATUSES


def retry_after(value: str | None, now: datetime | None = None) -> float:
    """Seconds that a ``Retry-After`` header asks for (RFC 9110, a number or a date); 0 without one that makes sense."""
    if not value:
        return 0.0
    if value.strip().isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


@dataclass(frozen=True, slots=True)
class Retries:
    """How patient a client is. Times are seconds."""

    attempts: int = 7
    """Of one request, the first included."""
    first: float = 1.0
    longest: float = 32.0
    patience: float = 300.0
    """The longest ``Retry-After`` that is waited for."""

    def pause(self, failed: int, asked: float, chance: float) -> float | None:
        """The wait before the next attempt; None if there is none.

        Args:
            failed: attempts so far.
            asked: what ``Retry-After`` asked for.
            chance: from 0 to 1, so that many clients do not come back at one moment.
        """
        if failed >= self.attempts or asked > self.patience:
            return None
        backoff = min(self.longest, self.first * 2.0 ** (failed - 1))
        return max(asked, backoff * (0.5 + chance / 2))


@dataclass(frozen=True, slots=True)
class Pace:
    """How often is looked whether something that takes its time is done. Times are seconds."""

    first: float = 1.0
    longest: float = 10.0
    growth: float = 1.5
    limit: float = 3600.0
    """After so long an operation that does not end is given up; deploying a model takes Google up to half of it."""

    def pause(self, looks: int) -> float:
        """The wait after so many looks, the first included."""
        return min(self.longest, self.first * self.growth ** min(looks - 1, 60))
