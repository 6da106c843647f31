"""Which executions may start now: a pure function, so that its rules can be tested without running anything."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Demand:
    """What a job still has to run."""

    job_id: str
    executions: int = 1
    """How many have not started yet: one of a training job."""
    parallel: int = 1
    """How many of them the job has at a time, at most."""


def plan(demands: Iterable[Demand], running: Mapping[str, int], limit: int) -> list[str]:
    """Ids of the jobs that may start an execution now, in order, once for each.

    Args:
        demands: in the order the jobs were accepted.
        running: how many executions of each job have processes, or a folder. One that is being cancelled holds its
            slot until its processes are gone.
        limit: how many executions of all jobs run at a time.

    First come, first served: a later job runs what the earlier ones leave free.
    """
    free = limit - sum(running.values())
    started: list[str] = []
    for demand in demands:
        count = min(demand.executions, demand.parallel - running.get(demand.job_id, 0), free - len(started))
        started += [demand.job_id] * max(count, 0)
    return started
