"""The durable record of every job: its specification, state, times and error. Records stay; ids are never reused."""

import json
import logging
import sqlite3
from bisect import bisect_left, insort
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import product
from pathlib import Path
from typing import Any

from cloud.engine.database import open_database
from cloud.engine.disk import disk_full
from cloud.engine.jobs.specs import KINDS, kind_of, spec_from_json, spec_to_json
from cloud.errors import AlreadyExists, InvalidArgument, NotFound
from cloud.lifecycle import FINAL_JOB_STATES, JobState
from cloud.resources import Job, JobSpec, Service

_log = logging.getLogger(__name__)
_MIGRATIONS = (
    """
CREATE TABLE IF NOT EXISTS jobs (
    sequence      INTEGER PRIMARY KEY,
    job_id        TEXT NOT NULL UNIQUE,
    spec          TEXT NOT NULL,
    state         TEXT NOT NULL,
    create_time   TEXT NOT NULL,
    start_time    TEXT,
    end_time      TEXT,
    error_message TEXT NOT NULL
)
""",
    """
ALTER TABLE jobs ADD COLUMN kind TEXT NOT NULL DEFAULT 'training';
ALTER TABLE jobs ADD COLUMN service TEXT NOT NULL DEFAULT 'ML_ENGINE';
UPDATE jobs SET service = coalesce(json_extract(spec, '$.service'), 'ML_ENGINE');
CREATE INDEX jobs_by_service_and_state ON jobs (service, state, sequence)
""",
)
_LAST = 2**63 - 1
"""No job's sequence number is larger."""
_UNFINISHED = tuple(state for state in JobState if state not in FINAL_JOB_STATES)


@dataclass(frozen=True, slots=True)
class _Unwritten:
    sequence: int
    job: Job


class JobRecords:
    """Jobs in the order they were accepted. The cost of a call does not depend on the number of jobs.

    A running job ends even if that cannot be written. An update that a full disk prevents is kept in memory, returned
    to every caller, and written as soon as possible. (If this process ends before that, the next one finds the job in
    its last written state, without processes.)

    Args:
        kinds: see ``KINDS``.
    """

    def __init__(self, path: Path, kinds: Mapping[str, type[JobSpec]] = KINDS) -> None:
        self._connection = open_database(path, _MIGRATIONS)
        self._kinds = kinds
        self._unwritten: dict[str, _Unwritten] = {}
        query, values = _select_jobs((JobState.QUEUED,), None, _LAST, -1)
        self._queue = sorted(row["sequence"] for row in self._connection.execute(query, values))
        """Sequence numbers of the jobs that are QUEUED."""

    def close(self) -> None:
        self._write_pending()
        self._connection.close()

    def add(self, job: Job) -> Job:
        """Record a new job; returns it with its position in the queue.

        Raises:
            AlreadyExists: the id was used before.
            InvalidArgument: its kind is not one of ``kinds``.
            ResourceExhausted: the disk is full.
        """
        kind = kind_of(job.spec, self._kinds)
        if kind is None:
            raise InvalidArgument(f"there are no jobs of the kind {type(job.spec).__name__} here", field="job")
        columns = {
            "job_id": job.job_id,
            "kind": kind,
            "service": job.spec.service.value,
            "spec": json.dumps(spec_to_json(job.spec)),
            "state": job.state.value,
            "create_time": job.create_time.isoformat(),
            "start_time": _format_time(job.start_time),
            "end_time": _format_time(job.end_time),
            "error_message": job.error_message,
        }
        try:
            cursor = self._connection.execute(
                "INSERT INTO jobs "
                "(job_id, kind, service, spec, state, create_time, start_time, end_time, error_message) VALUES "
                "(:job_id, :kind, :service, :spec, :state, :create_time, :start_time, :end_time, :error_message)",
                columns,
            )
        except sqlite3.IntegrityError:
            raise AlreadyExists(
                f"A job with this id already exists. ({job.job_id!r}: ids are never reused)", field="job.job_id"
            ) from None
        except sqlite3.OperationalError as error:
            raise disk_full(error) or error from error
        assert cursor.lastrowid is not None  # noqa: S101 - a row was inserted
        self._update_queue(cursor.lastrowid, job)
        return self._with_position(cursor.lastrowid, job)

    def update(self, job: Job) -> None:
        """Record its state, times and error."""
        sequence = self._sequence(job.job_id)
        self._unwritten[job.job_id] = _Unwritten(sequence, replace(job, queue_position=None))
        self._update_queue(sequence, job)
        self._write_pending()
        if job.job_id in self._unwritten:
            _log.warning("job %s is %s, which cannot be written: the disk is full", job.job_id, job.state)

    def get(self, job_id: str) -> Job:
        """Raises:
        NotFound: no such job.
        """
        self._write_pending()
        if job_id in self._unwritten:
            found = self._unwritten[job_id]
            return self._with_position(found.sequence, found.job)
        row = self._connection.execute("SELECT * FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
        if row is None:
            raise _not_found(job_id)
        return self._job(row)

    def select(
        self,
        *,
        states: Collection[JobState] | None = None,
        service: Service | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[Job]:
        """Newest first; see ``Backend.list_jobs``.

        Raises:
            NotFound: there is no job ``after``.
        """
        self._write_pending()
        before = _LAST if after is None else self._sequence(after)
        most = -1 if limit is None else limit + len(self._unwritten)
        query, values = _select_jobs(states, service, before, most)
        found = [
            (row["sequence"], self._job(row))
            for row in self._connection.execute(query, values)
            if row["job_id"] not in self._unwritten
        ]
        pending = [
            (each.sequence, self._with_position(each.sequence, each.job))
            for each in self._unwritten.values()
            if each.sequence < before
            and (states is None or each.job.state in states)
            and (service is None or each.job.spec.service is service)
        ]
        if pending:
            found = sorted(found + pending, key=lambda pair: pair[0], reverse=True)
        return [job for _, job in found[:limit]]

    def unfinished(self) -> list[Job]:
        """In the order they were accepted."""
        return self.select(states=_UNFINISHED)[::-1]

    def first_queued(self, count: int) -> list[str]:
        """Ids of the next jobs to start, at most ``count``."""
        query = "SELECT job_id FROM jobs WHERE sequence = ?"
        return [self._connection.execute(query, (next_,)).fetchone()["job_id"] for next_ in self._queue[:count]]

    def _sequence(self, job_id: str) -> int:
        row = self._connection.execute("SELECT sequence FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
        if row is None:
            raise _not_found(job_id)
        return int(row["sequence"])

    def _update_queue(self, sequence: int, job: Job) -> None:
        """Add the job to the queue if it is QUEUED, else remove it."""
        at = bisect_left(self._queue, sequence)
        is_queued = at < len(self._queue) and self._queue[at] == sequence
        if job.state is JobState.QUEUED and not is_queued:
            insort(self._queue, sequence)
        elif job.state is not JobState.QUEUED and is_queued:
            del self._queue[at]

    def _with_position(self, sequence: int, job: Job) -> Job:
        if job.state is not JobState.QUEUED:
            return job
        return replace(job, queue_position=bisect_left(self._queue, sequence) + 1)

    def _write_pending(self) -> None:
        for job_id, job in [(name, each.job) for name, each in self._unwritten.items()]:
            try:
                self._connection.execute(
                    "UPDATE jobs SET state = ?, start_time = ?, end_time = ?, error_message = ? WHERE job_id = ?",
                    (
                        job.state.value,
                        _format_time(job.start_time),
                        _format_time(job.end_time),
                        job.error_message,
                        job_id,
                    ),
                )
            except sqlite3.OperationalError as error:
                if disk_full(error) is None:
                    raise
                return
            del self._unwritten[job_id]

    def _job(self, row: sqlite3.Row) -> Job:
        job = Job(
            spec=spec_from_json(self._kinds[row["kind"]], json.loads(row["spec"])),
            state=JobState(row["state"]),
            create_time=datetime.fromisoformat(row["create_time"]),
            start_time=_parse_time(row["start_time"]),
            end_time=_parse_time(row["end_time"]),
            error_message=row["error_message"],
        )
        return self._with_position(row["sequence"], job)


def _select_jobs(
    states: Iterable[JobState] | None, service: Service | None, before: int, limit: int
) -> tuple[str, list[Any]]:
    """A query for jobs, newest first, and its parameters.

    Without a filter it scans the table. With one it takes at most ``limit`` entries of the index for each service and
    state, and the newest of these: it reads no row that does not match.
    """
    if states is None and service is None:
        return "SELECT * FROM jobs WHERE sequence < ? ORDER BY sequence DESC LIMIT ?", [before, limit]
    part = (
        "SELECT sequence FROM (SELECT sequence FROM jobs WHERE service = ? AND state = ? AND sequence < ? "
        "ORDER BY sequence DESC LIMIT ?)"
    )
    pairs = list(product([service] if service else Service, set(JobState if states is None else states)))
    if not pairs:
        return "SELECT * FROM jobs WHERE FALSE", []
    query = " UNION ALL ".join([part] * len(pairs))
    values = [value for pair in pairs for value in (pair[0].value, pair[1].value, before, limit)]
    query = f"SELECT * FROM jobs WHERE sequence IN ({query}) ORDER BY sequence DESC LIMIT ?"  # noqa: S608 - constants
    return query, [*values, limit]


def _not_found(job_id: str) -> NotFound:
    return NotFound(f"no job {job_id!r} in this project", field="job.job_id")


def _format_time(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _parse_time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
