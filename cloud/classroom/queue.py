"""Who of a class gets the next slot for a job. A state machine without input or output.

First come, first served, but in rounds: each student has one ticket in a round, so that a student's second job comes
after the first one of every other student. A round is over once one of the next is served; who comes later joins the
round that is served (start-time fair queuing, Goyal, Vin and Cheng 1996, with jobs of one size).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ticket:
    """A part of a job that waits for a slot, or has one."""

    student: str
    number: int
    """Unique for the student."""


@dataclass(slots=True)
class _Entry:
    round: int
    arrival: int
    ticket: Ticket


class Queue:
    """Args:
    limit: how many slots there are.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._waiting: list[_Entry] = []
        """In the order in which they get slots."""
        self._running: list[Ticket] = []
        self._arrivals = 0
        self._round = 0
        """Of the ticket that was served last."""
        self._last: dict[str, int] = {}
        """The round of each student's last ticket."""

    @property
    def running(self) -> tuple[Ticket, ...]:
        """The longest first."""
        return tuple(self._running)

    @property
    def waiting(self) -> tuple[Ticket, ...]:
        """In the order in which they get slots, if nobody comes: a ticket's place is its index and one."""
        return tuple(entry.ticket for entry in self._waiting)

    def want(self, ticket: Ticket) -> None:
        """A new ticket."""
        own = self._last[ticket.student] = max(self._round, self._last.get(ticket.student, -1) + 1)
        self._arrivals += 1
        self._waiting.append(_Entry(own, self._arrivals, ticket))
        self._advance()

    def leave(self, ticket: Ticket) -> None:
        """It does not wait any more, or gives its slot back. One that is not known changes nothing."""
        if ticket in self._running:
            self._running.remove(ticket)
        elif entry := next((entry for entry in self._waiting if entry.ticket == ticket), None):
            self._waiting.remove(entry)
            # The student's later tickets move up, each to the round of the one before it.
            freed = entry.round
            for later in [each for each in self._waiting if each.ticket.student == ticket.student]:
                if later.round > freed:
                    later.round, freed = freed, later.round
            self._last[ticket.student] = freed - 1
        self._advance()

    def leave_all(self, student: str) -> None:
        """The student's cloud has ended."""
        waiting = [entry.round for entry in self._waiting if entry.ticket.student == student]
        if waiting:
            self._last[student] = waiting[0] - 1
        self._waiting = [entry for entry in self._waiting if entry.ticket.student != student]
        self._running = [ticket for ticket in self._running if ticket.student != student]
        self._advance()

    def _advance(self) -> None:
        self._waiting.sort(key=lambda entry: (entry.round, entry.arrival))
        while self._waiting and len(self._running) < self.limit:
            entry = self._waiting.pop(0)
            self._round = entry.round
            self._running.append(entry.ticket)
