"""Filters for lists of jobs and log entries, for a backend that has only whole lists."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from cloud.errors import NotFound
from cloud.lifecycle import JobState
from cloud.resources import Job, Service
from cloud.resources.log_entries import LogEntry, LogRange


def select_jobs(
    newest_first: Sequence[Job],
    *,
    states: Collection[JobState] | None,
    service: Service | None,
    after: str | None,
    limit: int | None,
) -> list[Job]:
    """The result of ``Backend.list_jobs``, from the list of all jobs.

    Raises:
        NotFound: there is no job ``after``.
    """
    jobs = list(newest_first)
    if after is not None:
        ids = [job.job_id for job in jobs]
        if after not in ids:
            raise NotFound(f"no job {after!r} in this project", field="job.job_id")
        del jobs[: ids.index(after) + 1]
    found = [
        job
        for job in jobs
        if (states is None or job.state in states) and (service is None or job.spec.service is service)
    ]
    return found[:limit]


def select_entries(log: Iterable[LogEntry], part: LogRange, *, newest_first: bool, limit: int | None) -> list[LogEntry]:
    """The result of ``Backend.read_logs``, from a whole log in the order in which its entries arrived."""
    numbered = (replace(entry, place=place) for place, entry in enumerate(log))
    found = sorted(filter(part.holds, numbered), key=lambda entry: entry.position, reverse=newest_first)
    return found[:limit]
