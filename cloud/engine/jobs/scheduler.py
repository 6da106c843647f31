"""Which executions may start now. A pure function, so that it can be tested without running anything."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Demand:
    """The executions that a job still has to start."""

    job_id: str
    executions: int = 1
    """How many have not started yet; a training job has one."""
    parallel: int = 1
    """How many of them may run at a time."""


def plan(demands: Iterable[Demand], running: Mapping[str, int], limit: int) -> list[str]:
    """The executions that may start now, in order, each as the id of its job.

    First come, first served: a later job gets the slots that earlier ones leave free.

    Args:
        demands: in the order the jobs were accepted.
        running: how many executions of each job have processes or a folder. One that is being cancelled keeps its
            slot until its processes are gone.
        limit: how many executions of all jobs run at a time.
    """
    free = limit - sum(running.values())
    started: list[str] = []
    for demand in demands:
        count = min(demand.executions, demand.parallel - running.get(demand.job_id, 0), free - len(started))
        started += [demand.job_id] * max(count, 0)
    return started
