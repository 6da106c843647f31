"""What only the API knows of its resources: names, labels, specifications, who is deployed where. Durable.

Models are known here alone; a custom job is a job of the backend, an endpoint a model of the backend, and a deployed
model one of its versions.

A record is written before the backend is asked to make what it is about: whatever it makes is known here, also if this
program is killed in between. A record of what was never made is shown to nobody.
"""

import base64
import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from cloud.engine.database import open_database
from cloud.errors import AlreadyExists, NotFound
from cloud.resources import Json

_MIGRATIONS = (
    """
CREATE TABLE IF NOT EXISTS resources (
    sequence INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, parent TEXT NOT NULL, create_time TEXT NOT NULL,
    update_time TEXT NOT NULL, revision INTEGER NOT NULL, fields TEXT NOT NULL
) STRICT
""",
)


@dataclass(frozen=True, slots=True)
class Record:
    name: str
    """Below the project: ``locations/us-central1/customJobs/1``; a model's version is ``…/models/1@2``."""
    sequence: int
    """Larger for what was made later."""
    create_time: datetime
    update_time: datetime
    revision: int
    fields: Mapping[str, Json]
    """As the API's JSON has them, and a few that it does not show."""

    @property
    def id(self) -> str:
        return self.name.rpartition("/")[2]

    @property
    def location(self) -> str:
        return self.name.split("/")[1]

    @property
    def etag(self) -> str:
        """Another one after each change."""
        text = f"{self.name} {self.create_time.isoformat()} {self.revision}"
        return base64.b64encode(hashlib.sha256(text.encode()).digest()[:8]).decode()


class Records:
    """In an SQLite file. Only the event loop's thread uses it."""

    def __init__(self, path: Path) -> None:
        self._database = open_database(path, _MIGRATIONS)

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is written within is kept as a whole or not at all. Nothing may be awaited."""
        with self._database:
            self._database.execute("BEGIN")
            yield

    def add(self, name: str, fields: Mapping[str, Json]) -> Record:
        """Raises:
        AlreadyExists: the name is taken.
        """
        now = datetime.now(UTC)
        row = (name, _parent(name), now.isoformat(), now.isoformat(), 1, json.dumps(fields))
        columns = "name, parent, create_time, update_time, revision, fields"
        try:
            cursor = self._database.execute(f"INSERT INTO resources ({columns}) VALUES (?, ?, ?, ?, ?, ?)", row)  # noqa: S608
        except sqlite3.IntegrityError:
            raise AlreadyExists(f"The resource {name} already exists.", field="name") from None
        return Record(name, cursor.lastrowid or 0, now, now, 1, dict(fields))

    def get(self, name: str) -> Record:
        """Raises:
        NotFound: there is nothing of that name.
        """
        row = self._database.execute("SELECT * FROM resources WHERE name = ?", (name,)).fetchone()
        if row is None:
            kind = name.split("/")[-2].removesuffix("s")
            raise NotFound(f"The {kind[:1].upper()}{kind[1:]} does not exist: {name[:300]!r}.", field="name")
        return _record(row)

    def below(self, parent: str) -> list[Record]:
        """Of one collection (``locations/us-central1/models``), newest first; the versions of a model are the
        collection ``…/models/1@``."""
        query = "SELECT * FROM resources WHERE parent = ? ORDER BY sequence DESC"
        return [_record(row) for row in self._database.execute(query, (parent,))]

    def unfinished_pipelines(self) -> list[Record]:
        """The training pipelines whose end nobody has seen, oldest first."""
        query = "SELECT * FROM resources WHERE json_extract(fields, '$.unfinished') ORDER BY sequence"
        return [_record(row) for row in self._database.execute(query)]

    def change(self, record: Record, fields: Mapping[str, Json]) -> Record:
        """Write ``fields`` in place of the record's; returns it with a new etag."""
        changed = replace(record, fields=dict(fields), revision=record.revision + 1, update_time=datetime.now(UTC))
        self._database.execute(
            "UPDATE resources SET fields = ?, revision = ?, update_time = ? WHERE sequence = ?",
            (json.dumps(changed.fields), changed.revision, changed.update_time.isoformat(), record.sequence),
        )
        return changed

    def remove(self, name: str) -> None:
        """Forget a resource, and a model's versions with it."""
        self._database.execute("DELETE FROM resources WHERE name = ? OR parent = ?", (name, f"{name}@"))


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
    )
