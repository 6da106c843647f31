"""``Repositories``: those of the project's registry (https://cloud.google.com/artifact-registry/docs/repositories)."""

import json
import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from cloud.engine.database import open_database
from cloud.engine.registry.names import GCR_LOCATIONS
from cloud.errors import AlreadyExists, InvalidArgument, NotFound
from cloud.resources import Json

_MIGRATIONS = (
    """
CREATE TABLE repositories (
    location TEXT NOT NULL, id TEXT NOT NULL, create_time TEXT NOT NULL, update_time TEXT NOT NULL,
    settings TEXT NOT NULL, PRIMARY KEY (location, id)
) STRICT
""",
)
_ID = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Repository:
    location: str
    id: str
    create_time: datetime
    update_time: datetime
    settings: Mapping[str, Json] = field(default_factory=dict)
    """What an API keeps with it: description, labels."""


class Repositories:
    """In an SQLite file. Only the event loop's thread uses it.

    Raises:
        FailedPrecondition: the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._database = open_database(path, _MIGRATIONS)

    def close(self) -> None:
        self._database.close()

    def create(self, location: str, repository: str, settings: Mapping[str, Json]) -> Repository:
        """Raises:
        InvalidArgument: an id that Google does not take.
        AlreadyExists: there is one of this name.
        """
        if not _ID.fullmatch(repository) and GCR_LOCATIONS.get(repository) != location:
            raise InvalidArgument(
                f"A repository id is 1 to 63 lower-case letters, digits and hyphens, begins with a letter and does not "
                f"end with a hyphen: {repository[:100]!r}.",
                field="repository_id",
            )
        now = datetime.now(UTC)
        try:
            self._database.execute(
                "INSERT INTO repositories VALUES (?, ?, ?, ?, ?)",
                (location, repository, now.isoformat(), now.isoformat(), json.dumps(dict(settings))),
            )
        except sqlite3.IntegrityError:
            raise AlreadyExists(f"the repository already exists: {location}/{repository}") from None
        return Repository(location, repository, now, now, settings)

    def get(self, location: str, repository: str) -> Repository:
        """Raises:
        NotFound: there is none.
        """
        row = self._database.execute(
            "SELECT * FROM repositories WHERE location = ? AND id = ?", (location, repository)
        ).fetchone()
        if row is None:
            raise NotFound(f'Repository "{repository[:100]}" not found in {location[:60]}.', field="name")
        return _repository(row)

    def exists(self, location: str, repository: str) -> bool:
        query = "SELECT 1 FROM repositories WHERE location = ? AND id = ?"
        return self._database.execute(query, (location, repository)).fetchone() is not None

    def all(self, location: str) -> list[Repository]:
        """By id; ``-`` stands for every location."""
        rows = self._database.execute(
            "SELECT * FROM repositories WHERE ? IN ('-', location) ORDER BY location, id", (location,)
        )
        return [_repository(row) for row in rows]

    def change(self, repository: Repository, settings: Mapping[str, Json]) -> Repository:
        """Write ``settings`` in place of its own."""
        now = datetime.now(UTC)
        self._database.execute(
            "UPDATE repositories SET settings = ?, update_time = ? WHERE location = ? AND id = ?",
            (json.dumps(dict(settings)), now.isoformat(), repository.location, repository.id),
        )
        return replace(repository, settings=settings, update_time=now)

    def remove(self, repository: Repository) -> None:
        self._database.execute(
            "DELETE FROM repositories WHERE location = ? AND id = ?", (repository.location, repository.id)
        )


def _repository(row: sqlite3.Row) -> Repository:
    created, updated = (datetime.fromisoformat(row[name]) for name in ("create_time", "update_time"))
    return Repository(row["location"], row["id"], created, updated, json.loads(row["settings"]))
