"""Which parts of jobs may start now. A pure function, so that it can be tested without running anything."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Demand:
    """The parts of a job that could start now; see ``kinds``."""

    job_id: str
    parts: int = 1


def plan(demands: Iterable[Demand], running: Mapping[str, int], limit: int) -> list[str]:
    """The parts that may start now, in order, each as the id of its job.

    First come, first served: a later job gets the slots that earlier ones leave free.

    Args:
        demands: in the order the jobs were accepted.
        running: how many parts of each job have processes or a folder. One that is being cancelled keeps its slot until
            its processes are gone.
        limit: how many parts of all jobs run at a time.
    """
    free = limit - sum(running.values())
    started: list[str] = []
    for demand in demands:
        started += [demand.job_id] * min(demand.parts, free - len(started))
    return started
