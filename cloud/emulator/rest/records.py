"""Fields of resources that only an API has: names, labels, specifications, etags, access policies. Durable.

Some records add to a resource of the backend: ``of`` finds them by the resource's creation time, too, so that a new
resource of the same name does not inherit the record. Others are the only trace of a resource, or are written before
the backend creates it (``add``, ``get``).
"""

import base64
import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from cloud.engine.database import open_database
from cloud.errors import AlreadyExists, NotFound
from cloud.resources import Json

LAYOUT = """
CREATE TABLE resources (
    sequence INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, parent TEXT NOT NULL, create_time TEXT NOT NULL,
    update_time TEXT NOT NULL, revision INTEGER NOT NULL, fields TEXT NOT NULL,
    policy_revision INTEGER NOT NULL DEFAULT 0, policy TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX resources_by_parent ON resources (parent, sequence);
CREATE TABLE IF NOT EXISTS intents (name TEXT PRIMARY KEY, fields TEXT NOT NULL) STRICT;
"""
"""The result of each API's migrations, and a part of them: never changed, only followed by another migration."""
_UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Record:
    name: str
    """Below the project: ``models/taxifare``, ``locations/us-central1/customJobs/1``; a version is ``…/models/1@2``."""
    create_time: datetime
    fields: Mapping[str, Json] = field(default_factory=dict)
    """As in the API's JSON, with a few that it does not show."""
    revision: int = 0
    """0 if nothing was recorded."""
    policy: Mapping[str, Json] = field(default_factory=dict)
    """Without its etag."""
    policy_revision: int = 0
    update_time: datetime = _UNKNOWN
    sequence: int = 0
    """Order of recording; 0 if not recorded."""

    @property
    def id(self) -> str:
        return self.name.rpartition("/")[2]

    @property
    def location(self) -> str:
        return self.name.split("/")[1]

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
    """In an SQLite file. Only the event loop's thread uses it.

    Args:
        migrations: of this API's file, see ``open_database``.
    """

    def __init__(self, path: Path, migrations: Sequence[str]) -> None:
        self._database = open_database(path, migrations)
        self._any_below_at = lru_cache(maxsize=256)(self._find_any_below)

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """One transaction. Nothing may be awaited in it."""
        with self._database:
            self._database.execute("BEGIN")
            yield

    # ---------------------------------------------------------------- reading

    def get(self, name: str) -> Record:
        """Raises:
        NotFound: there is nothing of that name.
        """
        found = self._one("name = ?", name)
        if found is None:
            kind = name.split("/")[-2].removesuffix("s")
            raise NotFound(f"The {kind[:1].upper()}{kind[1:]} does not exist: {name[:300]!r}.", field="name")
        return found

    def of(self, name: str, create_time: datetime | None) -> Record:
        """The record of the backend's resource created then, or an empty one; without a time, of the name alone."""
        create_time = create_time or _UNKNOWN
        return self._one("name = ? AND create_time = ?", name, create_time.isoformat()) or Record(name, create_time)

    def below(self, parent: str, *, before: int | None = None, limit: int = -1) -> list[Record]:
        """Of one collection (``locations/us-central1/models``), newest first; the versions of a model are the
        collection ``…/models/1@``.

        Args:
            before: only what was recorded before the record of this sequence.
            limit: at most so many; a negative number is no limit.
        """
        query = "SELECT * FROM resources WHERE parent = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?"
        newest = 2**63 - 1 if before is None else before
        return [_record(row) for row in self._database.execute(query, (parent, newest, limit))]

    def marked(self, name: str) -> list[Record]:
        """Those whose field ``name`` is true, oldest first."""
        query = "SELECT * FROM resources WHERE json_extract(fields, '$.' || ?) ORDER BY sequence"
        return [_record(row) for row in self._database.execute(query, (name,))]

    def any_below(self, name: str, field: str, start: str) -> bool:
        """Whether the text in ``field`` begins with ``start`` in any record below ``name``, also in an outdated one."""
        # It is needed for each prediction. The answer is good until something is written, by this connection.
        return self._any_below_at(name, field, start, self._database.total_changes)

    def _find_any_below(self, name: str, field: str, start: str, _: int) -> bool:
        query = """
            SELECT 1 FROM resources WHERE name > :name || '/' AND name < :name || '0'
            AND substr(json_extract(fields, '$.' || :field), 1, length(:start)) = :start LIMIT 1
        """
        return self._database.execute(query, {"name": name, "field": field, "start": start}).fetchone() is not None

    # ---------------------------------------------------------------- writing

    def add(self, name: str, fields: Mapping[str, Json]) -> Record:
        """Raises:
        AlreadyExists: the name is taken.
        """
        now = datetime.now(UTC)
        try:
            return self._insert("INSERT", Record(name, now, dict(fields), 1, update_time=now))
        except sqlite3.IntegrityError:
            raise AlreadyExists(f"The resource {name} already exists.", field="name") from None

    def change(self, record: Record, fields: Mapping[str, Json]) -> Record:
        """Write ``fields`` in place of the record's; returns it with a new etag."""
        now = datetime.now(UTC)
        return self._write(replace(record, fields=dict(fields), revision=record.revision + 1, update_time=now))

    def set_policy(self, record: Record, policy: Mapping[str, Json]) -> Record:
        return self._write(replace(record, policy=policy, policy_revision=record.policy_revision + 1))

    def remove(self, name: str) -> None:
        """Remove a record and those below it, with a model's versions."""
        ranges = "name = :n OR (name > :n || '/' AND name < :n || '0') OR parent = :n || '@'"
        self._database.execute(f"DELETE FROM resources WHERE {ranges}", {"n": name})  # noqa: S608 - no input

    def _write(self, record: Record) -> Record:
        if not record.sequence:
            return self._insert("INSERT OR REPLACE", record)  # in place of an outdated one
        self._database.execute(
            "UPDATE resources SET update_time = ?, revision = ?, fields = ?, policy_revision = ?, policy = ? "
            "WHERE sequence = ?",
            (
                *(record.update_time.isoformat(), record.revision, json.dumps(record.fields)),
                *(record.policy_revision, json.dumps(record.policy), record.sequence),
            ),
        )
        return record

    def _insert(self, verb: str, record: Record) -> Record:
        columns = "name, parent, create_time, update_time, revision, fields, policy_revision, policy"
        cursor = self._database.execute(
            f"{verb} INTO resources ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(record.name, _parent(record.name), record.create_time.isoformat(), record.update_time.isoformat()),
                *(record.revision, json.dumps(record.fields), record.policy_revision, json.dumps(record.policy)),
            ),
        )
        return replace(record, sequence=cursor.lastrowid or 0)

    # ---------------------------------------------------------------- intents

    def intend(self, name: str, fields: Mapping[str, Json]) -> None:
        """Keep the future fields of ``name`` until the backend has created that resource."""
        self._database.execute("INSERT OR REPLACE INTO intents VALUES (?, ?)", (name, json.dumps(fields)))

    def forget_intent(self, name: str) -> None:
        self._database.execute("DELETE FROM intents WHERE name = ?", (name,))

    def intents(self) -> dict[str, Mapping[str, Json]]:
        return {row["name"]: json.loads(row["fields"]) for row in self._database.execute("SELECT * FROM intents")}

    def _one(self, condition: str, *values: str) -> Record | None:
        query = f"SELECT * FROM resources WHERE {condition}"  # noqa: S608 - no input
        row = self._database.execute(query, values).fetchone()
        return None if row is None else _record(row)


def _parent(name: str) -> str:
    before, at, _ = name.rpartition("@")
    return f"{before}@" if at else name.rpartition("/")[0]


def _record(row: sqlite3.Row) -> Record:
    return Record(
        name=row["name"],
        sequence=row["sequence"],
        create_time=datetime.fromisoformat(row["create_time"]),
        update_time=datetime.fromisoformat(row["update_time"]),
        revision=row["revision"],
        fields=json.loads(row["fields"]),
        policy=json.loads(row["policy"]),
        policy_revision=row["policy_revision"],
    )
