"""Which queued jobs may start now: a pure function, so that its rules can be tested without running anything."""

from collections.abc import Sequence

from cloud.lifecycle import JobState
from cloud.resources import Job


def plan(unfinished: Sequence[Job], limit: int) -> list[str]:
    """Ids of the jobs to start, in order.

    Args:
        unfinished: the jobs that are in no final state, in the order they were accepted.
        limit: how many jobs may have processes at a time.

    First come, first served. A job that is CANCELLING holds its slot until its processes are gone.
    """
    free = limit - sum(job.state is not JobState.QUEUED for job in unfinished)
    queued = [job.job_id for job in unfinished if job.state is JobState.QUEUED]
    return queued[: max(free, 0)]
