"""Long-running operations and their results. Durable.

Shape: ``google.longrunning.Operation``, the same in every API that has it.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from cloud.engine.database import open_database
from cloud.errors import CloudError, NotFound
from cloud.resources import Json

EMPTY = {"@type": "type.googleapis.com/google.protobuf.Empty"}
"""The response of an operation without a result."""
CANCELLED = 1
"""``google.rpc.Code`` of an operation that was cancelled."""
_MIGRATIONS = (
    """
CREATE TABLE IF NOT EXISTS operations (
    sequence INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, metadata TEXT NOT NULL, error TEXT, response TEXT
) STRICT
""",
)


@dataclass(frozen=True, slots=True)
class Operation:
    name: str
    """Below the project, or the bare id: as in its API."""
    metadata: Mapping[str, Json]
    error: Mapping[str, Json] | None = None
    """``google.rpc.Status``."""
    response: Mapping[str, Json] | None = None

    @property
    def is_done(self) -> bool:
        return self.error is not None or self.response is not None

    def json(self, name: str, metadata: Mapping[str, Json]) -> dict[str, Json]:
        """``google.longrunning.Operation``, with the name and metadata that its API shows."""
        answer: dict[str, Json] = {"name": name, "metadata": dict(metadata)}
        if self.is_done:
            answer["done"] = True
        if self.error is not None:
            answer["error"] = dict(self.error)
        elif self.response is not None:
            answer["response"] = dict(self.response)
        return answer


def rpc_status(error: CloudError) -> dict[str, Json]:
    """``google.rpc.Status``."""
    return {"code": error.number, "message": error.message}


class Operations:
    """The operations of one API in an SQLite file. Only the event loop's thread uses it."""

    def __init__(self, path: Path) -> None:
        self._database = open_database(path, _MIGRATIONS)

    def close(self) -> None:
        self._database.close()

    def begin(self, stem: str, number: int, metadata: Mapping[str, Json]) -> Operation:
        """Record a new operation, named ``STEM`` and the first number from ``number`` on that is free."""
        while True:
            name = f"{stem}{number}"
            try:
                self._database.execute(
                    "INSERT INTO operations (name, metadata) VALUES (?, ?)", (name, json.dumps(metadata))
                )
            except sqlite3.IntegrityError:
                number += 1
            else:
                return Operation(name, metadata)

    def finish(
        self,
        name: str,
        metadata: Mapping[str, Json],
        *,
        response: Mapping[str, Json] | None = None,
        error: Mapping[str, Json] | None = None,
    ) -> Operation:
        """Record its end; ``metadata`` is added."""
        found = self.get(name)
        ended = replace(found, metadata={**found.metadata, **metadata}, response=response, error=error)
        self.update(ended)
        return ended

    def update(self, operation: Operation) -> None:
        self._database.execute(
            "UPDATE operations SET metadata = ?, error = ?, response = ? WHERE name = ?",
            (*map(_text, (operation.metadata, operation.error, operation.response)), operation.name),
        )

    def remove(self, name: str) -> None:
        self._database.execute("DELETE FROM operations WHERE name = ?", (name,))

    def get(self, name: str) -> Operation:
        """Raises:
        NotFound: no such operation.
        """
        row = self._database.execute("SELECT * FROM operations WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise NotFound(f"The specified operation was not found: {name[:200]!r}", field="name")
        return _operation(row)

    def all(self) -> list[Operation]:
        """Newest first."""
        return [_operation(row) for row in self._database.execute("SELECT * FROM operations ORDER BY sequence DESC")]

    def unfinished(self) -> list[Operation]:
        query = "SELECT * FROM operations WHERE error IS NULL AND response IS NULL ORDER BY sequence"
        return [_operation(row) for row in self._database.execute(query)]


def _operation(row: sqlite3.Row) -> Operation:
    read: dict[str, Json] = {
        name: None if row[name] is None else json.loads(row[name]) for name in ("metadata", "error", "response")
    }
    return Operation(row["name"], **read)


def _text(value: Json) -> str | None:
    return None if value is None else json.dumps(value)
