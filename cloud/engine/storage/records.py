"""The database of Cloud Storage: buckets, objects, resumable uploads. The bytes of objects are stored elsewhere.

A row of ``objects`` refers to the object's media (its key in fake-gcs-server), and is replaced in one transaction: a
reader sees the old object or the new one, whole. Media is in the table ``debris`` whenever no row refers to it, from
before it is written: garbage after a crash is found there, not by searching.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from cloud.engine.database import open_database, transaction
from cloud.engine.storage.policy import Acl, Bindings, BucketAccess
from cloud.engine.storage.roles import Role
from cloud.resources import Json

# TEXT is compared by its UTF-8 bytes: Cloud Storage's order of names.
_MIGRATIONS = (
    """
CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT NOT NULL REFERENCES buckets (name), name TEXT NOT NULL, media TEXT NOT NULL, record TEXT NOT NULL,
    PRIMARY KEY (bucket, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS debris (
    bucket TEXT NOT NULL, media TEXT NOT NULL, PRIMARY KEY (bucket, media)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uploads (id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS clock (generation INTEGER NOT NULL);
""",
)


@dataclass(frozen=True, slots=True)
class BucketRecord:
    name: str
    location: str
    storage_class: str
    create_time: datetime
    update_time: datetime
    acl: Acl
    default_acl: Acl
    labels: Mapping[str, str] = field(default_factory=dict)
    metageneration: int = 1
    bindings: Bindings = field(default_factory=dict)
    """The bucket's policy without the legacy bucket roles, which are in ``acl``."""
    uniform_since: datetime | None = None
    """When uniform bucket-level access was enabled; None if it is disabled."""
    is_never_public: bool = False
    """Public access prevention is enforced."""
    is_foreign: bool = False
    """It belongs to another project: roles and owners of this one have no say."""
    settings: Mapping[str, Json] = field(default_factory=dict)
    """Other fields of its resource: stored, without effect."""

    @property
    def access(self) -> BucketAccess:
        return BucketAccess(self.acl, self.bindings, self.uniform_since is not None, self.is_never_public)

    @property
    def generation(self) -> int:
        """Buckets have no generation of their own; for preconditions."""
        return self.metageneration

    def changed(self, **changes: Any) -> "BucketRecord":
        return replace(self, **changes, metageneration=self.metageneration + 1, update_time=datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Attributes:
    """The attributes that a writer sets; None if unset."""

    content_type: str | None = None
    content_encoding: str | None = None
    content_disposition: str | None = None
    content_language: str | None = None
    cache_control: str | None = None
    custom_time: str | None = None
    storage_class: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


NO_ATTRIBUTES = Attributes()


@dataclass(frozen=True, slots=True)
class ObjectRecord:
    bucket: str
    name: str
    media: str
    """The key of its bytes in fake-gcs-server."""
    size: int
    """Bytes."""
    generation: int
    """Microseconds since 1970, unique."""
    md5: str | None
    """Base64; None for composed objects."""
    crc32c: str
    """Base64, big-endian."""
    owner: str
    create_time: datetime
    update_time: datetime
    acl: Acl
    attributes: Attributes = NO_ATTRIBUTES
    metageneration: int = 1
    component_count: int | None = None
    """Number of objects it was composed of."""

    @property
    def owner_entity(self) -> str:
        """The owner as an ACL entity; empty if there is none."""
        return f"user-{self.owner}" if self.owner else ""

    def changed(self, **changes: Any) -> "ObjectRecord":
        return replace(self, **changes, metageneration=self.metageneration + 1, update_time=datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class UploadRecord:
    """A resumable upload, as requested when it was started. The bytes received are in a file named by its id."""

    id: str
    bucket: str
    name: str
    attributes: Attributes
    acl: Acl | None
    owner: str
    is_project_owner: bool
    create_time: datetime
    conditions: tuple[int | None, int | None, int | None, int | None]
    declared_size: int | None = None
    md5: str | None = None
    crc32c: str | None = None
    finished: ObjectRecord | None = None


class Records:
    """The database of one state folder. All methods are fast, synchronous and atomic.

    Raises:
        FailedPrecondition: see ``open_database``.
    """

    def __init__(self, path: Path) -> None:
        self._database = open_database(path, _MIGRATIONS)

    def close(self) -> None:
        self._database.close()

    # ---------------------------------------------------------------- buckets

    def bucket(self, name: str) -> BucketRecord | None:
        row = self._database.execute("SELECT record FROM buckets WHERE name = ?", (name,)).fetchone()
        return _bucket(orjson.loads(row["record"])) if row else None

    def buckets(self) -> list[BucketRecord]:
        rows = self._database.execute("SELECT record FROM buckets ORDER BY name")
        return [_bucket(orjson.loads(row["record"])) for row in rows]

    def put_bucket(self, record: BucketRecord) -> None:
        self._database.execute("REPLACE INTO buckets VALUES (?, ?)", (record.name, _dump(record)))

    def delete_bucket(self, name: str) -> None:
        self._database.execute("DELETE FROM buckets WHERE name = ?", (name,))

    # ---------------------------------------------------------------- objects

    def object(self, bucket: str, name: str) -> ObjectRecord | None:
        row = self._database.execute(
            "SELECT record FROM objects WHERE bucket = ? AND name = ?", (bucket, name)
        ).fetchone()
        return _object(orjson.loads(row["record"])) if row else None

    def objects_from(self, bucket: str, start: str) -> Iterator[ObjectRecord]:
        """The bucket's objects in order of name, from ``start`` on. Exhaust the iterator before the next change."""
        rows = self._database.execute(
            "SELECT record FROM objects WHERE bucket = ? AND name >= ? ORDER BY name", (bucket, start)
        )
        for row in rows:
            yield _object(orjson.loads(row["record"]))

    def holds_objects(self, bucket: str) -> bool:
        return (
            self._database.execute("SELECT 1 FROM objects WHERE bucket = ? LIMIT 1", (bucket,)).fetchone() is not None
        )

    def next_generation(self) -> int:
        """Greater than all previous ones, also of earlier runs."""
        row = self._database.execute("SELECT generation FROM clock").fetchone()
        generation = max(time.time_ns() // 1000, row["generation"] + 1 if row else 0)
        with transaction(self._database):
            self._database.execute("DELETE FROM clock")
            self._database.execute("INSERT INTO clock VALUES (?)", (generation,))
        return generation

    def put_object(self, record: ObjectRecord, upload: UploadRecord | None = None) -> None:
        """Make ``record`` the live object of its name, and mark its upload as finished."""
        with transaction(self._database):
            self._release_media(record.bucket, record.name, unless=record.media)
            self._database.execute(
                "REPLACE INTO objects VALUES (?, ?, ?, ?)", (record.bucket, record.name, record.media, _dump(record))
            )
            self._database.execute("DELETE FROM debris WHERE bucket = ? AND media = ?", (record.bucket, record.media))
            if upload:
                self.put_upload(replace(upload, finished=record))

    def delete_object(self, bucket: str, name: str) -> None:
        with transaction(self._database):
            self._release_media(bucket, name)
            self._database.execute("DELETE FROM objects WHERE bucket = ? AND name = ?", (bucket, name))

    def _release_media(self, bucket: str, name: str, unless: str = "") -> None:
        self._database.execute(
            "INSERT OR IGNORE INTO debris "
            "SELECT bucket, media FROM objects WHERE bucket = ? AND name = ? AND media != ?",
            (bucket, name, unless),
        )

    # ---------------------------------------------------------------- garbage

    def register_media(self, bucket: str, media: str) -> None:
        """Record that ``media`` will be written and is garbage until an object refers to it."""
        self._database.execute("INSERT OR IGNORE INTO debris VALUES (?, ?)", (bucket, media))

    def forget_media(self, bucket: str, media: str) -> None:
        self._database.execute("DELETE FROM debris WHERE bucket = ? AND media = ?", (bucket, media))

    def garbage(self) -> list[tuple[str, str]]:
        return [(row["bucket"], row["media"]) for row in self._database.execute("SELECT bucket, media FROM debris")]

    # ---------------------------------------------------------------- resumable uploads

    def upload(self, upload_id: str) -> UploadRecord | None:
        row = self._database.execute("SELECT record FROM uploads WHERE id = ?", (upload_id,)).fetchone()
        return _upload(orjson.loads(row["record"])) if row else None

    def uploads(self) -> list[UploadRecord]:
        return [_upload(orjson.loads(row["record"])) for row in self._database.execute("SELECT record FROM uploads")]

    def put_upload(self, record: UploadRecord) -> None:
        self._database.execute("REPLACE INTO uploads VALUES (?, ?)", (record.id, _dump(record)))

    def delete_upload(self, upload_id: str) -> None:
        self._database.execute("DELETE FROM uploads WHERE id = ?", (upload_id,))


def _dump(record: BucketRecord | ObjectRecord | UploadRecord) -> str:
    return orjson.dumps(record).decode()


def _with_times(fields: dict[str, Any]) -> dict[str, Any]:
    for name in ("create_time", "update_time", "uniform_since"):
        if fields.get(name):
            fields[name] = datetime.fromisoformat(fields[name])
    for name in ("acl", "default_acl"):
        if fields.get(name) is not None:
            fields[name] = {entity: Role(role) for entity, role in fields[name].items()}
    if "bindings" in fields:
        fields["bindings"] = {role: tuple(entities) for role, entities in fields["bindings"].items()}
    if "attributes" in fields:
        fields["attributes"] = Attributes(**fields["attributes"])
    return fields


def _bucket(fields: dict[str, Any]) -> BucketRecord:
    return BucketRecord(**_with_times(fields))


def _object(fields: dict[str, Any]) -> ObjectRecord:
    return ObjectRecord(**_with_times(fields))


def _upload(fields: dict[str, Any]) -> UploadRecord:
    fields["conditions"] = tuple(fields["conditions"])
    fields["finished"] = _object(fields["finished"]) if fields["finished"] else None
    return UploadRecord(**_with_times(fields))
