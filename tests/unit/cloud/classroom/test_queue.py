"""The queue of a class: nothing idles, nobody is passed over, everyone's place is true."""

from collections import Counter
from collections.abc import Callable
from itertools import permutations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cloud.classroom.queue import Queue, Ticket

STUDENTS = ["ana", "ben", "eva", "leo"]


class QueueMachine(RuleBasedStateMachine):
    @initialize(limit=st.integers(1, 3))
    def open(self, limit: int) -> None:
        self.queue = Queue(limit)
        self.arrived: list[Ticket] = []
        """Those that have not left."""
        self.seen = set[Ticket]()
        """Those that were served."""
        self.turns = {pair: Counter[str]() for pair in permutations(STUDENTS, 2)}
        """How often both were served since the first of the pair began to wait."""
        self.number = 0

    @rule(student=st.sampled_from(STUDENTS))
    def want(self, student: str) -> None:
        before = self.queue.waiting
        self.number += 1
        ticket = Ticket(student, self.number)
        self.arrived.append(ticket)
        self.queue.want(ticket)
        assert [each for each in self.queue.waiting if each != ticket] == list(before), "others keep their order"

    @precondition(lambda self: self.arrived)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(self.arrived))
        self._after_leaving(lambda: self.queue.leave(ticket), {ticket})

    @rule(student=st.sampled_from(STUDENTS))
    def die(self, student: str) -> None:
        gone = {ticket for ticket in self.arrived if ticket.student == student}
        self._after_leaving(lambda: self.queue.leave_all(student), gone)

    @rule(student=st.sampled_from(STUDENTS))
    def leave_unknown(self, student: str) -> None:
        self._after_leaving(lambda: self.queue.leave(Ticket(student, 10**9)), set())

    def _after_leaving(self, leave: Callable[[], None], gone: set[Ticket]) -> None:
        waited = [ticket for ticket in self.queue.waiting if ticket not in gone]
        moves_up = {ticket.student for ticket in gone if ticket not in self.queue.running}
        leave()
        self.arrived = [ticket for ticket in self.arrived if ticket not in gone]
        if not moves_up:
            started = waited[: len(waited) - len(self.queue.waiting)]
            assert (*started, *self.queue.waiting) == tuple(waited), "places are kept"
            assert self.queue.running[len(self.queue.running) - len(started) :] == tuple(started)

    @invariant()
    def students_who_wait_are_served_in_turn(self) -> None:
        new = [ticket for ticket in self.queue.running if ticket not in self.seen]
        self.seen |= set(new)
        waiting = Counter(ticket.student for ticket in self.queue.waiting)
        for one, other in permutations(STUDENTS, 2):
            turns = self.turns[one, other]
            if not waiting[one]:
                turns.clear()
                continue
            turns.update(ticket.student for ticket in new if ticket.student in (one, other))
            # Twice: in the round of which ``one`` has had his turn before he waited, and first in the next.
            assert turns[other] - turns[one] <= 2, f"{other} was served before {one}, who waits"

    @invariant()
    def slots_are_used_and_not_exceeded(self) -> None:
        running, waiting = self.queue.running, self.queue.waiting
        assert len(running) <= self.queue.limit
        assert not waiting or len(running) == self.queue.limit
        assert sorted((*running, *waiting), key=lambda each: each.number) == self.arrived

    @invariant()
    def a_students_jobs_are_in_order(self) -> None:
        for student in STUDENTS:
            mine = [ticket.number for ticket in self.queue.waiting if ticket.student == student]
            assert mine == sorted(mine)


TestQueue = QueueMachine.TestCase


def test_a_class_that_submits_at_once_is_served_in_order() -> None:
    queue = Queue(2)
    class_ = [Ticket(f"student-{number:02}", 1) for number in range(1, 31)]
    for ticket in class_:
        queue.want(ticket)
    assert queue.waiting == tuple(class_[2:])
    served = []
    while queue.running:
        served.append(queue.running[0])
        queue.leave(queue.running[0])
    assert served == class_


def test_a_second_job_waits_for_everyones_first() -> None:
    queue = Queue(1)
    for ticket in (Ticket("ana", 1), Ticket("ana", 2), Ticket("ana", 3), Ticket("ben", 1), Ticket("ben", 2)):
        queue.want(ticket)
    assert queue.running == (Ticket("ana", 1),)
    assert queue.waiting == (Ticket("ben", 1), Ticket("ana", 2), Ticket("ben", 2), Ticket("ana", 3))
