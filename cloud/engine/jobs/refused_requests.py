"""``RefusedRequests``: a job's refused requests as lines of its log, however often it repeats them."""

import time
from collections import Counter
from collections.abc import Callable

MOST_KINDS = 50
"""Of lines; what else is refused is counted together."""
SECONDS_A_HOST = 60.0
"""Between two lines about one host."""
_OTHERS = "further requests of other kinds were refused"


class RefusedRequests:
    """Programs repeat what is refused. So a host, once asked for in vain, is in at most one line a minute; each other
    kind of request is written the 1st, 2nd, 4th, 8th, … time.

    Args:
        write: called with each line.
        clock: monotonic, in seconds.
    """

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write, self._clock = write, clock
        self._counts: Counter[str] = Counter()
        self._written: dict[str, float] = {}
        """When there was a line about a host."""

    def add(self, text: str, host: str = "") -> None:
        """
        Args:
            text: the request, and why it is refused.
            host: the one asked for in vain; empty if the request was refused for another reason.
        """
        kind = host or text
        if kind not in self._counts and len(self._counts) >= MOST_KINDS:
            kind = text = _OTHERS
        self._counts[kind] += 1
        count, now = self._counts[kind], self._clock()
        if host and kind == host:
            is_due = now - self._written.get(host, -SECONDS_A_HOST) >= SECONDS_A_HOST
            self._written |= {host: now} if is_due else {}
        else:
            is_due = count & (count - 1) == 0
        if is_due:
            self._write(f"{text}, {count} times" if count > 1 else text)
