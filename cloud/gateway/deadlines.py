"""How long the gateway waits for a client, and the connections whose clients do not read.

An idle connection and a body that does not come are the HTTP server's (``cloud.emulator.http.connection``).
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Deadlines:
    """All in seconds."""

    head: float = 10.0
    """For a whole request head: the first since the connection was made, later ones since their first byte."""
    handshake: float = 10.0
    """For the TLS handshake."""
    unread: float = 600.0
    """In which a client must read something, if there is something to read. The kernel's buffers make it look as if a
    client that reads steadily read a megabyte at a time: a client may read 2 kB/s, or pause in a debugger."""
    linger: float = 2.0
    """For a refused client to go on sending: closing at once could reset the connection under the response."""
    tls_close: float = 30.0
    """For the end of a TLS connection, in which what was written is still sent."""


class Writer(Protocol):
    """A connection, as seen from its output."""

    def unsent(self) -> tuple[int, int]:
        """Bytes that wait to be sent, and a number that grows with each time that they became few."""

    def abort(self) -> None:
        """Close it at once; what waits to be sent is lost."""


class UnreadWatch:
    """Aborts connections whose clients read nothing for a whole interval. It costs nothing while nothing waits.

    A connection that is closed by its server stays open until what was written is sent: this is what ends it.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last: dict[Writer, tuple[int, int]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self, connections: Iterable[Writer]) -> None:
        """Watch ``connections``, which may change, until ``close``."""
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._check, connections)

    def close(self) -> None:
        """May be called twice."""
        if self._timer is not None:
            self._timer.cancel()
        self._last = {}

    def _check(self, connections: Iterable[Writer]) -> None:
        now = {each: unsent for each in connections if (unsent := each.unsent())[0]}
        for connection, unsent in now.items():
            if self._last.get(connection) == unsent:
                connection.abort()
        self._last = now
        self.start(connections)
