"""``Tally``: how often was asked for what is not emulated."""

from collections import Counter
from dataclasses import dataclass

MOST_KINDS = 1000
"""Of requests that are counted apart: clients choose their hosts."""


@dataclass(frozen=True, slots=True)
class NotEmulated:
    """What was asked for in vain."""

    host: str
    method: str
    """Google's id of it; empty if the whole host is not emulated."""
    count: int
    """Such requests so far, the last one included."""


class Tally:
    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, host: str, method: str) -> NotEmulated:
        """Count a request; what is new beyond ``MOST_KINDS`` is counted together."""
        kind = host, method
        if kind not in self._counts and len(self._counts) >= MOST_KINDS:
            kind = "*.googleapis.com", "further hosts and methods"
        self._counts[kind] += 1
        return NotEmulated(*kind, self._counts[kind])

    @property
    def all(self) -> list[NotEmulated]:
        """Each kind of request, in the order of the first ones."""
        return [NotEmulated(host, method, count) for (host, method), count in self._counts.items()]
