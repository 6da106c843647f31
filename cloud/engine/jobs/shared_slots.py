"""``SharedSlots``: slots that one process grants to all clouds of a machine, over a Unix socket.

One connection for each cloud, whose end gives all its slots back. Both sides write JSON objects, one a line:

    cloud      {"want": 7}      ticket 7 waits for a slot. Tickets are numbers that are not used again.
               {"leave": 7}     it does not wait any more, or gives its slot back.
    grantor    {"granted": [5, 6], "places": {"7": 4}, "waiting": 12, "seen": 7}
               the whole truth about this cloud's tickets up to 7, after each change.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from itertools import count
from pathlib import Path

from cloud.engine.jobs.slots import Places
from cloud.errors import FailedPrecondition

_log = logging.getLogger(__name__)
_MOST = 100
_ALONE = 1
"""Granted when the grantor is gone: all clouds of the machine may be in the same position."""


class SharedSlots:
    """See ``JobSlots``."""

    most = _MOST

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._tickets = count(1)
        self._waiting: list[int] = []
        """In the order in which they were asked for."""
        self._granted: set[int] = set()
        self._left: set[int] = set()
        """As far as the grantor may not know yet."""
        self._places: dict[int, int] = {}
        self._all_waiting = 0
        self._on_change: Callable[[], None] = lambda: None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def granted(self) -> int:
        return len(self._granted) if self._writer else _ALONE

    @property
    def places(self) -> Places | None:
        if self._writer is None:
            return None
        return Places([self._places[each] for each in self._waiting if each in self._places], self._all_waiting)

    async def start(self, on_change: Callable[[], None]) -> None:
        """Raises:
        FailedPrecondition: nobody listens at the socket.
        """
        self._on_change = on_change
        try:
            reader, self._writer = await asyncio.open_unix_connection(self._socket)
        except OSError as error:
            raise FailedPrecondition(
                f"nobody grants slots for jobs at {self._socket}: {error.strerror}", field="CLOUD_JOB_SLOTS"
            ) from None
        self._reading = asyncio.create_task(self._read(reader))

    def request(self, parts: int) -> None:
        while len(self._granted) + len(self._waiting) > parts and self._waiting:
            self._leave(self._waiting.pop())
        while len(self._granted) > parts:
            self._leave(self._granted.pop())
        while len(self._granted) + len(self._waiting) < min(parts, _MOST):
            ticket = next(self._tickets)
            self._waiting.append(ticket)
            self._write({"want": ticket})

    def release(self) -> None:
        if self._granted:
            self._leave(self._granted.pop())

    async def close(self) -> None:
        if self._reading:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._writer:
            self._writer.close()

    def _leave(self, ticket: int) -> None:
        self._left.add(ticket)
        self._write({"leave": ticket})

    def _write(self, message: dict[str, int]) -> None:
        if self._writer and not self._writer.is_closing():
            self._writer.write(json.dumps(message).encode() + b"\n")

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                self._accept(json.loads(line))
                self._on_change()
        except OSError as error:
            _log.info("the connection for job slots: %s", error)
        self._lose()

    def _accept(self, state: dict[str, object]) -> None:
        match state:
            case {"granted": list(granted), "places": dict(places), "waiting": int(waiting), "seen": int(seen)}:
                self._granted = set(granted) - self._left
                self._waiting = [ticket for ticket in self._waiting if ticket not in self._granted]
                self._places = {int(ticket): place for ticket, place in places.items()}
                known = self._places.keys() | set(granted)
                self._left = {ticket for ticket in self._left if ticket > seen or ticket in known}
                self._all_waiting = waiting

    def _lose(self) -> None:
        _log.warning(
            "the queue of jobs that this cloud shares with others is gone: from now on it runs one job at a time"
        )
        if self._writer:
            self._writer.close()
        self._writer = None
        self._on_change()
