"""``RefusedRequests``: a job's refused requests as lines of its log, however often it repeats them."""

from collections import Counter
from collections.abc import Callable

MOST_KINDS = 50
"""Of lines; what else is refused is counted together."""
_OTHERS = "further requests of other kinds were refused"


class RefusedRequests:
    """Each kind of request is written the 1st, 2nd, 4th, 8th, … time, since programs repeat what is refused.

    Args:
        write: called with each line.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._counts: Counter[str] = Counter()

    def add(self, text: str) -> None:
        """
        Args:
            text: the kind of request, and why it is refused.
        """
        kind = text if text in self._counts or len(self._counts) < MOST_KINDS else _OTHERS
        self._counts[kind] += 1
        count = self._counts[kind]
        if count & (count - 1) == 0:
            self._write(f"{kind}, {count} times" if count > 1 else kind)
