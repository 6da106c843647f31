"""The durable records of models and versions."""

import sqlite3
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from cloud.engine.database import open_database, transaction
from cloud.engine.notifier import Changes
from cloud.engine.restore import restore, restore_uri
from cloud.errors import AlreadyExists, NotFound
from cloud.lifecycle import VersionEvent, VersionState, next_version_state
from cloud.resources import Framework, Model, ServingStack, Version, VersionSpec

_MIGRATIONS = (
    """
CREATE TABLE IF NOT EXISTS models (
    name TEXT PRIMARY KEY, region TEXT NOT NULL, create_time TEXT NOT NULL, description TEXT NOT NULL,
    default_version TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS versions (
    model TEXT NOT NULL REFERENCES models (name), name TEXT NOT NULL, deployment_uri TEXT NOT NULL,
    runtime_version TEXT, python_version TEXT, description TEXT NOT NULL,
    state TEXT NOT NULL, create_time TEXT NOT NULL, error_message TEXT NOT NULL, folder TEXT NOT NULL UNIQUE,
    PRIMARY KEY (model, name)
) STRICT
""",
    # Until then Vertex AI's versions had no record of their image; nearly all are Google's.
    """
ALTER TABLE versions ADD COLUMN framework TEXT NOT NULL DEFAULT 'TENSORFLOW';
ALTER TABLE versions ADD COLUMN serving_stack TEXT NOT NULL DEFAULT 'PREDICTION_LIBRARY';
UPDATE versions SET serving_stack = 'TENSORFLOW_SERVING' WHERE model GLOB 'endpoint_*'
""",
    "ALTER TABLE versions ADD COLUMN image TEXT",
)
_VERSIONS = """
SELECT versions.*, models.default_version IS versions.name AS is_default
FROM versions JOIN models ON models.name = versions.model
"""


class Records:
    """Models and versions in an SQLite file. Only the event loop's thread uses it."""

    def __init__(self, path: Path) -> None:
        self._database = open_database(path, _MIGRATIONS)
        self.changes = Changes()
        """Of models and versions."""
        self._resolve_cached = lru_cache(maxsize=256)(self._resolve_version)

    def close(self) -> None:
        self._database.close()

    # ---------------------------------------------------------------- models

    def add_model(self, model: Model) -> None:
        """Raises:
        AlreadyExists: the name is taken.
        """
        try:
            self._database.execute(
                "INSERT INTO models VALUES (?, ?, ?, ?, NULL)",
                (model.name, model.region, model.create_time and model.create_time.isoformat(), model.description),
            )
        except sqlite3.IntegrityError:
            raise AlreadyExists("A model with the same name already exists.", field="model.name") from None
        self.changes.notify()

    def model(self, name: str) -> Model:
        """Raises:
        NotFound: no such model.
        """
        row = self._database.execute("SELECT * FROM models WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise NotFound(
                f'The model resource: "{name}" was not found. Please create the Cloud ML model resource first by using '
                f"'gcloud ml-engine models create {name}'.",
                field="name",
            )
        return _model(row)

    def models(self) -> list[Model]:
        """By name."""
        return [_model(row) for row in self._database.execute("SELECT * FROM models ORDER BY name")]

    def remove_model(self, name: str) -> None:
        self._database.execute("DELETE FROM models WHERE name = ?", (name,))
        self.changes.notify()

    def set_default(self, model: str, version: str | None) -> None:
        self._database.execute("UPDATE models SET default_version = ? WHERE name = ?", (version, model))
        self.changes.notify()

    # ---------------------------------------------------------------- versions

    def add_version(self, version: Version, folder: str) -> None:
        """Record a version, which becomes the default if its model has none.

        Args:
            folder: name of the folder with its files.
        """
        spec = version.spec
        with transaction(self._database):
            self._database.execute(
                "INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(spec.model, spec.name, str(spec.deployment_uri), spec.runtime_version, spec.python_version),
                    *(spec.description, version.state, version.create_time.isoformat(), version.error_message, folder),
                    *(spec.framework, spec.serving_stack, spec.image),
                ),
            )
            self._database.execute(
                "UPDATE models SET default_version = coalesce(default_version, ?) WHERE name = ?",
                (spec.name, spec.model),
            )
        self.changes.notify()

    def version(self, model: str, name: str) -> Version:
        """Raises:
        NotFound: no such model or version.
        """
        return _version(self._row(model, name))

    def resolve_version(self, model: str, name: str | None) -> tuple[str | None, VersionState | None]:
        """Name and state of a version, or of the default one; Nones if there is no default. Cached, for predictions.

        Raises:
            NotFound: no such model or version.
        """
        # A cached row is valid until the next write; only this connection writes.
        return self._resolve_cached(model, name, self._database.total_changes)

    def _resolve_version(self, model: str, name: str | None, _: int) -> tuple[str | None, VersionState | None]:
        query = """
            SELECT name, state FROM versions
            WHERE model = :model
            AND name = coalesce(:version, (SELECT default_version FROM models WHERE name = :model))
        """
        row = self._database.execute(query, {"model": model, "version": name}).fetchone()
        if row is not None:
            return row["name"], VersionState(row["state"])
        if name is not None:
            self._row(model, name)  # raises
        self.model(model)
        return None, None

    def folder(self, model: str, name: str) -> str:
        """Raises:
        NotFound: no such model or version.
        """
        return str(self._row(model, name)["folder"])

    def serving_stack(self, model: str, name: str) -> ServingStack:
        """Raises:
        NotFound: no such model or version.
        """
        return ServingStack(self._row(model, name)["serving_stack"])

    def versions(self, model: str) -> list[Version]:
        """By name."""
        rows = self._database.execute(f"{_VERSIONS} WHERE versions.model = ? ORDER BY versions.name", (model,))
        return [_version(row) for row in rows]

    def versions_in(self, state: VersionState) -> list[Version]:
        rows = self._database.execute(f"{_VERSIONS} WHERE versions.state = ?", (state,))
        return [_version(row) for row in rows]

    def folders(self) -> set[str]:
        return {row["folder"] for row in self._database.execute("SELECT folder FROM versions")}

    def change(self, model: str, name: str, event: VersionEvent, error_message: str = "") -> None:
        """Change the version's state by ``event``.

        Raises:
            NotFound: no such model or version.
            FailedPrecondition: the event is not possible in its state.
        """
        state = next_version_state(self.version(model, name).state, event)
        self._database.execute(
            "UPDATE versions SET state = ?, error_message = ? WHERE model = ? AND name = ?",
            (state, error_message, model, name),
        )
        self.changes.notify()

    def remove_version(self, model: str, name: str) -> None:
        """Remove a version. If it was its model's default, the model has none."""
        with transaction(self._database):
            self._database.execute("DELETE FROM versions WHERE model = ? AND name = ?", (model, name))
            self._database.execute(
                "UPDATE models SET default_version = NULL WHERE name = ? AND default_version = ?", (model, name)
            )
        self.changes.notify()

    def _row(self, model: str, name: str) -> sqlite3.Row:
        query = f"{_VERSIONS} WHERE versions.model = ? AND versions.name = ?"
        row: sqlite3.Row | None = self._database.execute(query, (model, name)).fetchone()
        if row is None:
            self.model(model)
            raise NotFound(f'The version resource: "{name}" of model "{model}" was not found.', field="name")
        return row


def _model(row: sqlite3.Row) -> Model:
    return Model(
        name=row["name"],
        region=row["region"],
        create_time=datetime.fromisoformat(row["create_time"]),
        description=row["description"],
        default_version=row["default_version"],
    )


def _version(row: sqlite3.Row) -> Version:
    values = {
        "deployment_uri": restore_uri(row["deployment_uri"]),
        "framework": Framework(row["framework"]),
        "serving_stack": ServingStack(row["serving_stack"]),
    }
    spec = restore(VersionSpec, dict(row) | values)
    return Version(
        spec=spec,
        state=VersionState(row["state"]),
        create_time=datetime.fromisoformat(row["create_time"]),
        is_default=bool(row["is_default"]),
        error_message=row["error_message"],
    )
