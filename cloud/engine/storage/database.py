"""The database of Cloud Storage: buckets, objects, resumable uploads. The bytes of objects are stored elsewhere.

A row of ``objects`` is one version of an object and refers to its media (keys of fake-gcs-server). Of each name at most
one version is live; it is replaced in one transaction: a reader sees the old object or the new one, whole. Media is in
the table ``debris`` whenever no row refers to it, from before it is written: garbage after a crash is found there, not
by searching.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from cloud.engine.database import open_database, transaction
from cloud.engine.notifier import Changes
from cloud.engine.storage.records import (
    BucketRecord,
    ObjectRecord,
    UploadRecord,
    bucket_from_json,
    object_from_json,
    to_json,
    upload_from_json,
)

_GENERATION_BITS = 63
"""SQLite has no greater numbers."""

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
    # Versions of objects, and media in pieces.
    """
ALTER TABLE objects RENAME TO whole_objects;
CREATE TABLE objects (
    bucket TEXT NOT NULL REFERENCES buckets (name), name TEXT NOT NULL, generation INTEGER NOT NULL,
    state TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (bucket, name, generation)) WITHOUT ROWID;
INSERT INTO objects SELECT bucket, name, json_extract(record, '$.generation'), 'live', json_remove(json_set(
    record, '$.pieces', json_array(json_object('key', media, 'size', json_extract(record, '$.size')))), '$.media')
    FROM whole_objects;
DROP TABLE whole_objects;
CREATE UNIQUE INDEX live_objects ON objects (bucket, name) WHERE state = 'live';
CREATE INDEX soft_deleted_objects ON objects (bucket, name, generation) WHERE state = 'soft-deleted';
UPDATE uploads SET record = json_remove(json_set(record, '$.finished.pieces', json_array(json_object(
    'key', json_extract(record, '$.finished.media'), 'size', json_extract(record, '$.finished.size')))),
    '$.finished.media') WHERE json_type(record, '$.finished') = 'object';
""",
    # Multipart uploads.
    """
CREATE TABLE multipart (
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL, name TEXT NOT NULL, attributes TEXT NOT NULL, acl TEXT NOT NULL,
    create_time TEXT NOT NULL, finished TEXT) WITHOUT ROWID;
CREATE INDEX open_multipart ON multipart (bucket, name, id) WHERE finished IS NULL;
CREATE TABLE parts (
    upload TEXT NOT NULL REFERENCES multipart (id), number INTEGER NOT NULL, record TEXT NOT NULL,
    PRIMARY KEY (upload, number)) WITHOUT ROWID;
""",
)


@dataclass(frozen=True, slots=True)
class ListedObject:
    """A row of a list, whose record is read when it is wanted."""

    name: str
    position: str
    """Where a list that begins with it starts: its name or, among versions, name and generation, divided by a line
    feed, which no name holds."""
    _record: str

    def record(self) -> ObjectRecord:
        return object_from_json(self._record)


class Records:
    """The database of one state folder. All methods are fast, synchronous and atomic.

    Raises:
        FailedPrecondition: see ``open_database``.
    """

    def __init__(self, path: Path) -> None:
        self.connection = self._database = open_database(path, _MIGRATIONS)
        self.changes = Changes()
        """Of buckets and objects."""

    def close(self) -> None:
        self._database.close()

    # ---------------------------------------------------------------- buckets

    def bucket(self, name: str) -> BucketRecord | None:
        """One that is not deleted."""
        record = self._bucket(name)
        return None if record is None or record.soft_delete_time else record

    def deleted_bucket(self, name: str) -> BucketRecord | None:
        """One that was deleted and can be restored: the last of its name."""
        record = self._bucket(name)
        return record if record and record.soft_delete_time else None

    def _bucket(self, name: str) -> BucketRecord | None:
        row = self._database.execute("SELECT record FROM buckets WHERE name = ?", (name,)).fetchone()
        return bucket_from_json(row["record"]) if row else None

    def buckets(self, *, deleted: bool = False) -> list[BucketRecord]:
        """In order of name; those that are deleted, or those that are not."""
        rows = self._database.execute("SELECT record FROM buckets ORDER BY name")
        records = [bucket_from_json(row["record"]) for row in rows]
        return [record for record in records if (record.soft_delete_time is not None) == deleted]

    def put_bucket(self, record: BucketRecord) -> None:
        self._database.execute("REPLACE INTO buckets VALUES (?, ?)", (record.name, to_json(record)))
        self.changes.notify()

    def delete_bucket(self, name: str) -> None:
        self._database.execute("DELETE FROM buckets WHERE name = ?", (name,))
        self.changes.notify()

    # ---------------------------------------------------------------- objects

    def object(self, bucket: str, name: str, generation: int | None = None) -> ObjectRecord | None:
        """The live version; with ``generation`` that one, unless it is soft-deleted."""
        which = "state = 'live'" if generation is None else "generation = :generation AND state != 'soft-deleted'"
        return self._find(which, bucket, name, generation)

    def soft_deleted(self, bucket: str, name: str, generation: int) -> ObjectRecord | None:
        return self._find("generation = :generation AND state = 'soft-deleted'", bucket, name, generation)

    def _find(self, which: str, bucket: str, name: str, generation: int | None) -> ObjectRecord | None:
        if generation is not None and generation.bit_length() > _GENERATION_BITS:
            return None
        row = self._database.execute(
            f"SELECT record FROM objects WHERE bucket = :bucket AND name = :name AND {which}",  # noqa: S608 - constants
            {"bucket": bucket, "name": name, "generation": generation},
        ).fetchone()
        return object_from_json(row["record"]) if row else None

    def objects_from(self, bucket: str, start: str) -> Iterator[ListedObject]:
        """The bucket's live objects in order of name, from ``start`` on. Exhaust it before the next change."""
        rows = self._database.execute(
            "SELECT name, record FROM objects INDEXED BY live_objects "
            "WHERE bucket = ? AND name >= ? AND state = 'live' ORDER BY name",
            (bucket, start),
        )
        return (ListedObject(row["name"], row["name"], row["record"]) for row in rows)

    def versions_from(self, bucket: str, start: str, *, soft_deleted: bool = False) -> Iterator[ListedObject]:
        """The bucket's versions in order of name and generation; see ``objects_from``.

        Args:
            start: a name, or a position in this list.
        """
        name, _, generation = start.partition("\n")
        if not re.fullmatch(r"[0-9]{1,18}", generation):  # a name, or what a caller made up
            name, generation = start, "0"
        index = "INDEXED BY soft_deleted_objects" if soft_deleted else ""
        state = "= 'soft-deleted'" if soft_deleted else "!= 'soft-deleted'"
        rows = self._database.execute(
            f"SELECT name, generation, record FROM objects {index} WHERE bucket = ? AND state {state} "  # noqa: S608 - constants
            "AND (name, generation) >= (?, ?) ORDER BY name, generation",
            (bucket, name, int(generation)),
        )
        return (ListedObject(row["name"], f"{row['name']}\n{row['generation']}", row["record"]) for row in rows)

    def names_from(self, bucket: str, start: str, limit: int) -> list[str]:
        """Of the bucket's objects that are not soft-deleted, in order, each once."""
        rows = self._database.execute(
            "SELECT DISTINCT name FROM objects WHERE bucket = ? AND name >= ? AND state != 'soft-deleted' "
            "ORDER BY name LIMIT ?",
            (bucket, start, limit),
        )
        return [row["name"] for row in rows]

    def versions_of(self, bucket: str, name: str) -> list[ObjectRecord]:
        """Those of an object that are not soft-deleted, the oldest first."""
        rows = self._database.execute(
            "SELECT record FROM objects WHERE bucket = ? AND name = ? AND state != 'soft-deleted' ORDER BY generation",
            (bucket, name),
        )
        return [object_from_json(row["record"]) for row in rows]

    def soft_deleted_before(self, moment: datetime) -> list[ObjectRecord]:
        """Of all buckets, those that can be restored until ``moment`` at most."""
        rows = self._database.execute("SELECT record FROM objects WHERE state = 'soft-deleted'")
        found = [object_from_json(row["record"]) for row in rows]
        return [record for record in found if record.hard_delete_time and record.hard_delete_time <= moment]

    def holds_objects(self, bucket: str) -> bool:
        """Whether it has any that are not soft-deleted."""
        row = self._database.execute(
            "SELECT 1 FROM objects WHERE bucket = ? AND state != 'soft-deleted' LIMIT 1", (bucket,)
        ).fetchone()
        return row is not None

    def next_generation(self) -> int:
        """Greater than all previous ones, also of earlier runs."""
        row = self._database.execute("SELECT generation FROM clock").fetchone()
        generation = max(time.time_ns() // 1000, row["generation"] + 1 if row else 0)
        with transaction(self._database):
            self._database.execute("DELETE FROM clock")
            self._database.execute("INSERT INTO clock VALUES (?)", (generation,))
        return generation

    def commit(
        self,
        *put: ObjectRecord,
        gone: Iterable[ObjectRecord] = (),
        upload: UploadRecord | None = None,
        finish: Callable[[ObjectRecord], None] | None = None,
    ) -> None:
        """Write versions of objects, all or none.

        Args:
            put: new ones, and those that change; what becomes noncurrent before what becomes live.
            gone: are removed, and their media is garbage.
            upload: is finished by the last of ``put``.
            finish: called with that, writes what must be written in the same step.
        """
        with transaction(self._database):
            for record in gone:
                self._database.execute(
                    "DELETE FROM objects WHERE bucket = ? AND name = ? AND generation = ?",
                    (record.bucket, record.name, record.generation),
                )
                for piece in record.pieces:
                    self.register_media(record.bucket, piece.key)
            for record in put:
                self._database.execute(
                    "INSERT INTO objects VALUES (?, ?, ?, ?, ?) ON CONFLICT (bucket, name, generation) "
                    "DO UPDATE SET state = excluded.state, record = excluded.record",
                    (record.bucket, record.name, record.generation, record.state, to_json(record)),
                )
                for piece in record.pieces:
                    self.forget_media(record.bucket, piece.key)
            if upload:
                self.put_upload(replace(upload, finished=put[-1]))
            if finish:
                finish(put[-1])
        self.changes.notify()

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
        return upload_from_json(row["record"]) if row else None

    def uploads(self) -> list[UploadRecord]:
        return [upload_from_json(row["record"]) for row in self._database.execute("SELECT record FROM uploads")]

    def put_upload(self, record: UploadRecord) -> None:
        self._database.execute("REPLACE INTO uploads VALUES (?, ?)", (record.id, to_json(record)))

    def delete_upload(self, upload_id: str) -> None:
        self._database.execute("DELETE FROM uploads WHERE id = ?", (upload_id,))
