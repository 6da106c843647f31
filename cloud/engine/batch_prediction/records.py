"""The durable counts of batch prediction jobs."""

import json
from pathlib import Path

from cloud.engine.database import open_database
from cloud.engine.restore import restore_uri
from cloud.resources import PredictionCounts

_MIGRATIONS = (
    """
CREATE TABLE counts (
    job_id TEXT PRIMARY KEY, succeeded INTEGER NOT NULL, failed INTEGER NOT NULL, output_uri TEXT,
    partial_failures TEXT NOT NULL
) STRICT
""",
)


class CountRecords:
    """In an SQLite file. Only the event loop's thread uses it."""

    def __init__(self, path: Path) -> None:
        self._database = open_database(path, _MIGRATIONS)

    def close(self) -> None:
        self._database.close()

    def get(self, job_id: str) -> PredictionCounts | None:
        row = self._database.execute("SELECT * FROM counts WHERE job_id = ?", (job_id,)).fetchone()
        if row is None:
            return None
        return PredictionCounts(
            succeeded=row["succeeded"],
            failed=row["failed"],
            output_uri=row["output_uri"] and restore_uri(row["output_uri"]),
            partial_failures=tuple(json.loads(row["partial_failures"])),
        )

    def put(self, job_id: str, counts: PredictionCounts) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO counts VALUES (?, ?, ?, ?, ?)",
            (
                job_id,
                counts.succeeded,
                counts.failed,
                counts.output_uri and str(counts.output_uri),
                json.dumps(counts.partial_failures),
            ),
        )
