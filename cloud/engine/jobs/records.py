"""What is kept of every job for ever: its specification, state, times and error. Job ids are never reused."""

import json
import logging
import sqlite3
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

from cloud.engine.database import open_database
from cloud.engine.disk import disk_full
from cloud.errors import AlreadyExists, NotFound
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import Job, Json, ScaleTier, Service, TrainingSpec

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
)


class JobRecords:
    """Jobs in the order they were accepted.

    A job that runs comes to its end whether or not that can be written: what cannot be, on a full disk, is remembered,
    told to whoever asks, and written as soon as it can be. (If this process ends before, the next finds the job as it
    was, and that it has no processes.)
    """

    def __init__(self, path: Path) -> None:
        self._connection = open_database(path, _MIGRATIONS)
        self._unwritten: dict[str, Job] = {}

    def close(self) -> None:
        self._catch_up()
        self._connection.close()

    def add(self, job: Job) -> None:
        """Raises:
        AlreadyExists: the id was used before.
        """
        try:
            self._connection.execute(
                "INSERT INTO jobs (job_id, spec, state, create_time, error_message) VALUES (?, ?, ?, ?, ?)",
                (
                    job.job_id,
                    json.dumps(spec_to_json(job.spec)),
                    job.state.value,
                    job.create_time.isoformat(),
                    job.error_message,
                ),
            )
        except sqlite3.IntegrityError:
            raise AlreadyExists(
                f"A job with this id already exists. ({job.job_id!r}: ids are never reused)", field="job.job_id"
            ) from None

    def update(self, job: Job) -> None:
        self._unwritten[job.job_id] = job
        self._catch_up()
        if job.job_id in self._unwritten:
            _log.warning("job %s is %s: there is no room to write that", job.job_id, job.state)

    def _catch_up(self) -> None:
        for job_id, job in list(self._unwritten.items()):
            try:
                self._connection.execute(
                    "UPDATE jobs SET state = ?, start_time = ?, end_time = ?, error_message = ? WHERE job_id = ?",
                    (job.state.value, _written(job.start_time), _written(job.end_time), job.error_message, job_id),
                )
            except sqlite3.OperationalError as error:
                if disk_full(error) is None:
                    raise
                return
            del self._unwritten[job_id]

    def get(self, job_id: str) -> Job:
        """Raises:
        NotFound: no such job.
        """
        self._catch_up()
        if job_id in self._unwritten:
            return self._unwritten[job_id]
        row = self._connection.execute("SELECT * FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
        if row is None:
            raise NotFound(f"no job {job_id!r} in this project", field="job.job_id")
        return _job(row)

    def all(self) -> list[Job]:
        """In the order they were accepted."""
        self._catch_up()
        jobs = [_job(row) for row in self._connection.execute("SELECT * FROM jobs ORDER BY sequence")]
        return [self._unwritten.get(job.job_id, job) for job in jobs]

    def unfinished(self) -> list[Job]:
        """In the order they were accepted."""
        return [job for job in self.all() if not job.state.is_final]


def spec_to_json(spec: TrainingSpec) -> dict[str, Json]:
    """Inverse of ``spec_from_json``."""

    def plain(value: Any) -> Json:
        if isinstance(value, tuple):
            return [plain(item) for item in value]
        return str(value) if isinstance(value, GsUri) else dict(value) if isinstance(value, dict) else value

    return {field.name: plain(getattr(spec, field.name)) for field in fields(spec)}


def spec_from_json(record: dict[str, Json]) -> TrainingSpec:
    # Records of before there were Vertex AI's fields have none of them.
    base = record.get("base_output_directory")
    return TrainingSpec(
        **record
        | {
            "package_uris": tuple(GsUri.parse(uri) for uri in record["package_uris"]),
            "args": tuple(record["args"]),
            "job_dir": None if record["job_dir"] is None else GsUri.parse(record["job_dir"]),
            "scale_tier": ScaleTier(record["scale_tier"]),
            "service": Service(record.get("service", Service.ML_ENGINE)),
            "base_output_directory": None if base is None else GsUri.parse(base),
        }
    )


def _job(row: sqlite3.Row) -> Job:
    return Job(
        spec=spec_from_json(json.loads(row["spec"])),
        state=JobState(row["state"]),
        create_time=datetime.fromisoformat(row["create_time"]),
        start_time=_read(row["start_time"]),
        end_time=_read(row["end_time"]),
        error_message=row["error_message"],
    )


def _written(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _read(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
