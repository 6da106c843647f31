"""What only the API knows of a job, model or version: labels, machine types, etags, access policies. Durable.

The backend is the truth of what there is. A record is found only with the creation time its resource had when it was
written, so that a name used anew, also by other ways than this API, does not inherit it.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from cloud.engine.database import open_database
from cloud.resources import Json

_MIGRATIONS = (
    """
CREATE TABLE IF NOT EXISTS resources (
    name TEXT PRIMARY KEY, create_time TEXT NOT NULL, revision INTEGER NOT NULL, fields TEXT NOT NULL,
    policy_revision INTEGER NOT NULL, policy TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS intents (name TEXT PRIMARY KEY, fields TEXT NOT NULL) STRICT
""",
)

_UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Record:
    """Of the resource ``name`` (``models/taxifare``); that of an unknown one is empty."""

    name: str
    create_time: datetime
    fields: Mapping[str, Json] = field(default_factory=dict)
    """As the API's JSON has them."""
    revision: int = 0
    policy: Mapping[str, Json] = field(default_factory=dict)
    """Without its etag."""
    policy_revision: int = 0

    @property
    def etag(self) -> str:
        """Another one after each change."""
        return self._tag(str(self.revision))

    @property
    def policy_etag(self) -> str:
        # This is the etag of every policy that was never set.
        return self._tag(f"policy {self.policy_revision}") if self.policy_revision else "ACAB"

    def _tag(self, what: str) -> str:
        text = f"{self.name} {self.create_time.isoformat()} {what}"
        return base64.b64encode(hashlib.sha256(text.encode()).digest()[:8]).decode()


class Records:
    """In an SQLite file. Only the event loop's thread uses it."""

    def __init__(self, path: Path) -> None:
        self._database = open_database(path, _MIGRATIONS)
        self._any_below_at = lru_cache(maxsize=256)(self._find_any_below)

    def close(self) -> None:
        self._database.close()

    def get(self, name: str, create_time: datetime | None) -> Record:
        """The record of the resource made then; a cloud that does not tell when has one of each name."""
        create_time = create_time or _UNKNOWN
        row = self._database.execute(
            "SELECT * FROM resources WHERE name = ? AND create_time = ?", (name, create_time.isoformat())
        ).fetchone()
        if row is None:
            return Record(name, create_time)
        return Record(
            name=name,
            create_time=create_time,
            fields=json.loads(row["fields"]),
            revision=row["revision"],
            policy=json.loads(row["policy"]),
            policy_revision=row["policy_revision"],
        )

    def any_below(self, name: str, field: str, start: str) -> bool:
        """Whether the text in ``field`` begins with ``start`` in any record below ``name``, also in an outdated one."""
        # It is asked at each prediction. The answer is good until something is written, by this connection.
        return self._any_below_at(name, field, start, self._database.total_changes)

    def _find_any_below(self, name: str, field: str, start: str, _: int) -> bool:
        query = """
            SELECT 1 FROM resources WHERE name > :name || '/' AND name < :name || '0'
            AND substr(json_extract(fields, '$.' || :field), 1, length(:start)) = :start LIMIT 1
        """
        return self._database.execute(query, {"name": name, "field": field, "start": start}).fetchone() is not None

    def change(self, record: Record, fields: Mapping[str, Json]) -> Record:
        """Write ``fields`` in place of the record's; returns it with a new etag."""
        return self._write(replace(record, fields=fields, revision=record.revision + 1))

    def set_policy(self, record: Record, policy: Mapping[str, Json]) -> Record:
        return self._write(replace(record, policy=policy, policy_revision=record.policy_revision + 1))

    def remove(self, name: str) -> None:
        """Forget a resource and those below it."""
        self._database.execute("DELETE FROM resources WHERE name = ? OR substr(name, 1, ?) = ?", _below(name))

    def intend(self, name: str, fields: Mapping[str, Json]) -> None:
        """Note what the record of ``name`` shall hold once the backend has made that resource."""
        self._database.execute("INSERT OR REPLACE INTO intents VALUES (?, ?)", (name, json.dumps(fields)))

    def forget_intent(self, name: str) -> None:
        self._database.execute("DELETE FROM intents WHERE name = ?", (name,))

    def intents(self) -> dict[str, Mapping[str, Json]]:
        """What was noted and not forgotten, by name."""
        return {row["name"]: json.loads(row["fields"]) for row in self._database.execute("SELECT * FROM intents")}

    def _write(self, record: Record) -> Record:
        self._database.execute(
            "INSERT OR REPLACE INTO resources VALUES (?, ?, ?, ?, ?, ?)",
            (
                *(record.name, record.create_time.isoformat(), record.revision, json.dumps(record.fields)),
                *(record.policy_revision, json.dumps(record.policy)),
            ),
        )
        return record


def _below(name: str) -> tuple[str, int, str]:
    return name, len(name) + 1, f"{name}/"
