"""How a replica that does not train learns that the chief has ended: nothing answers at its address any more."""

import socket
import time
from collections.abc import Callable

GONE_SECS = 120.0
"""Without an answer until the chief counts as gone: a service may restart it at the same address meanwhile."""
POLL_SECS = 2.0


class ChiefWatch:
    """Watches the address HOST:PORT of the chief, which listens on it from its start to its end."""

    def __init__(
        self,
        address: str,
        clock: Callable[[], float] = time.monotonic,
        answers: Callable[[str], bool] | None = None,
    ) -> None:
        self._address = address
        self._clock = clock
        self._answers = answers or _answers
        self._seen: float | None = None

    def is_gone(self) -> bool:
        """Whether the chief answered earlier, and has not for GONE_SECS."""
        if self._answers(self._address):
            self._seen = self._clock()
        return self._seen is not None and self._clock() - self._seen >= GONE_SECS


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except OSError:
        return False
    return True
