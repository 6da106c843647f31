"""The durable record of every trial: what it was given, and what came of it."""

import json
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from cloud.engine.database import open_database
from cloud.engine.disk import disk_full
from cloud.lifecycle import JobState
from cloud.resources import Json
from cloud.resources.trials import Measurement, Trial

_MIGRATIONS = (
    """
CREATE TABLE trials (
    job_id  TEXT NOT NULL,
    number  INTEGER NOT NULL,
    trial   TEXT NOT NULL,
    PRIMARY KEY (job_id, number)
) WITHOUT ROWID
""",
)


class TrialRecords:
    """Trials by job. One that cannot be written, because the disk is full, is kept in memory until it can."""

    def __init__(self, path: Path) -> None:
        self._connection = open_database(path, _MIGRATIONS)
        self._unwritten: dict[tuple[str, int], Trial] = {}

    def close(self) -> None:
        self._write_pending()
        self._connection.close()

    def of(self, job_id: str) -> tuple[Trial, ...]:
        """In the order in which they were made."""
        self._write_pending()
        rows = self._connection.execute("SELECT number, trial FROM trials WHERE job_id = ?", (job_id,))
        found = {row["number"]: _trial(json.loads(row["trial"])) for row in rows}
        found |= {number: trial for (job, number), trial in self._unwritten.items() if job == job_id}
        return tuple(found[number] for number in sorted(found))

    def put(self, job_id: str, trial: Trial) -> None:
        """Add or replace a trial."""
        self._unwritten[job_id, int(trial.trial_id)] = trial
        self._write_pending()

    def _write_pending(self) -> None:
        for (job_id, number), trial in list(self._unwritten.items()):
            try:
                self._connection.execute(
                    "INSERT OR REPLACE INTO trials VALUES (?, ?, ?)", (job_id, number, json.dumps(_record(trial)))
                )
            except sqlite3.OperationalError as error:
                if disk_full(error) is None:
                    raise
                return
            del self._unwritten[job_id, number]


def _record(trial: Trial) -> dict[str, Json]:
    return {
        "trial_id": trial.trial_id,
        "state": trial.state.value,
        "parameters": dict(trial.parameters),
        "start_time": trial.start_time and trial.start_time.isoformat(),
        "end_time": trial.end_time and trial.end_time.isoformat(),
        "final": trial.final and _measured(trial.final),
        "measurements": [_measured(each) for each in trial.measurements],
        "stopped_early": trial.stopped_early,
        "infeasible_reason": trial.infeasible_reason,
    }


def _trial(record: Mapping[str, Json]) -> Trial:
    return Trial(
        trial_id=record["trial_id"],
        state=JobState(record["state"]),
        parameters=record["parameters"],
        start_time=_time(record["start_time"]),
        end_time=_time(record["end_time"]),
        final=record["final"] and Measurement(*record["final"]),
        measurements=tuple(Measurement(*each) for each in record["measurements"]),
        stopped_early=record["stopped_early"],
        infeasible_reason=record["infeasible_reason"],
    )


def _measured(measurement: Measurement) -> list[Json]:
    return [measurement.step, measurement.elapsed, dict(measurement.metrics)]


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
