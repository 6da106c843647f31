"""Preemption of replicas, as a fault that tests set: the machine of one is taken away while it runs.

fault = cloud.preemptions.add("worker-replica-1", when="step 100")
...
assert fault.fired == 1
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase


@dataclass(slots=True)
class Preemption:
    """Args:
    replica: pattern of names of replicas, as log entries have them: ``worker-replica-1``, ``master-replica-0``; on
        Vertex AI ``workerpool1-0``.
    when: text of a line that a program of the job writes, after which the replica is preempted; empty: the next line.
    jobs: pattern of the ids of jobs; Vertex AI's are the numbers at the end of their names.
    times: how many preemptions.
    """

    replica: str
    when: str = ""
    jobs: str = "*"
    times: int = 1
    fired: int = field(default=0, init=False)
    """How many replicas have been preempted."""

    def __post_init__(self) -> None:
        if self.times < 1:
            raise ValueError(f"times is at least 1: {self.times}")


class Preemptions:
    """Those that have not happened yet; ``add`` and ``clear`` may be called from any thread."""

    def __init__(self) -> None:
        self._coming: list[Preemption] = []

    def __bool__(self) -> bool:
        return bool(self._coming)

    def add(self, replica: str, *, when: str = "", jobs: str = "*", times: int = 1) -> Preemption:
        """See ``Preemption``."""
        preemption = Preemption(replica, when, jobs, times)
        self._coming.append(preemption)
        return preemption

    def clear(self) -> list[Preemption]:
        """Remove and return those that have not happened yet."""
        left, self._coming = self._coming, []
        return left

    def take(self, job_id: str, line: str, running: Sequence[str]) -> list[str]:
        """Which replicas to preempt after a line of a job's output; they count as preempted.

        Args:
            running: the names of the job's replicas that run.
        """
        taken: list[str] = []
        for preemption in list(self._coming):
            if preemption.when not in line or not fnmatchcase(job_id, preemption.jobs):
                continue
            for name in running:
                if name not in taken and fnmatchcase(name, preemption.replica):
                    taken.append(name)
                    preemption.fired += 1
                    if preemption.fired == preemption.times:
                        self._coming.remove(preemption)
                        break
        return taken
