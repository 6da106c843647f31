"""The tables of multipart uploads, in the database of ``Records``.

A part's row is written once its bytes are stored, and its media is garbage (table ``debris``) whenever it has none.
"""

import base64
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import orjson

from cloud.engine.database import transaction
from cloud.engine.storage.database import Records
from cloud.engine.storage.policy import Acl
from cloud.engine.storage.records import Attributes, ObjectRecord, Piece, object_from_json, to_json
from cloud.engine.storage.roles import Role


@dataclass(frozen=True, slots=True)
class MultipartUpload:
    """As it was begun."""

    id: str
    """Those begun later are greater."""
    bucket: str
    name: str
    attributes: Attributes
    acl: Acl | None
    """None for the bucket's default ACL."""
    create_time: datetime
    finished: ObjectRecord | None = None
    """The object that it became."""


@dataclass(frozen=True, slots=True)
class Part:
    number: int
    pieces: tuple[Piece, ...]
    """Its media."""
    size: int
    """Bytes."""
    md5: str
    """Base64."""
    crc32c: str
    """Base64, big-endian."""
    update_time: datetime

    @property
    def tag(self) -> str:
        """Its ETag, without quotes: the MD5 in hexadecimal."""
        return base64.b64decode(self.md5).hex()


class MultipartRecords:
    """All methods are fast, synchronous and atomic."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._database = records.connection

    def put(self, upload: MultipartUpload) -> None:
        written = (orjson.dumps(each).decode() for each in (upload.attributes, upload.acl))
        self._database.execute(
            "INSERT INTO multipart VALUES (?, ?, ?, ?, ?, ?, NULL)",
            (upload.id, upload.bucket, upload.name, *written, upload.create_time.isoformat()),
        )

    def get(self, upload_id: str) -> MultipartUpload | None:
        row = self._database.execute("SELECT * FROM multipart WHERE id = ?", (upload_id,)).fetchone()
        return _upload(row) if row else None

    def open_uploads(self, bucket: str, name: str = "", after: str = "") -> Iterator[MultipartUpload]:
        """Those not completed, in order of name and id: of objects named ``name`` with an id greater than ``after``,
        and of all names that follow. Exhaust the iterator before the next change."""
        rows = self._database.execute(
            "SELECT * FROM multipart WHERE bucket = ? AND finished IS NULL AND (name, id) > (?, ?) ORDER BY name, id",
            (bucket, name, after),
        )
        return map(_upload, rows)

    def finished(self) -> list[MultipartUpload]:
        """Those completed, the first one first."""
        rows = self._database.execute(
            "SELECT * FROM multipart WHERE finished IS NOT NULL ORDER BY json_extract(finished, '$.generation')"
        )
        return [_upload(row) for row in rows]

    def parts(self, upload_id: str, after: int = 0, limit: int = -1) -> list[Part]:
        """In order of number, those greater than ``after``."""
        rows = self._database.execute(
            "SELECT record FROM parts WHERE upload = ? AND number > ? ORDER BY number LIMIT ?",
            (upload_id, after, limit),
        )
        return [_part(row["record"]) for row in rows]

    def put_part(self, upload: MultipartUpload, part: Part) -> list[Part]:
        """Write a part; returns the one that it replaces, whose media is garbage now."""
        with transaction(self._database):
            gone = [old for old in self.parts(upload.id, part.number - 1, 1) if old.number == part.number]
            self._drop(upload.bucket, gone)
            self._database.execute(
                "REPLACE INTO parts VALUES (?, ?, ?)", (upload.id, part.number, orjson.dumps(part).decode())
            )
            for piece in part.pieces:
                self._records.forget_media(upload.bucket, piece.key)
        return gone

    def finish(self, upload: MultipartUpload, record: ObjectRecord, unused: Iterable[Part]) -> None:
        """Mark it as completed, inside the transaction that writes the object, which now has the media of the parts.

        Args:
            unused: the parts that the object does not consist of. Their media is garbage now.
        """
        self._drop(upload.bucket, unused)
        self._database.execute("DELETE FROM parts WHERE upload = ?", (upload.id,))
        self._database.execute("UPDATE multipart SET finished = ? WHERE id = ?", (to_json(record), upload.id))

    def delete(self, upload: MultipartUpload) -> list[Part]:
        """Forget it; returns its parts, whose media is garbage now."""
        with transaction(self._database):
            gone = self.parts(upload.id)
            self._drop(upload.bucket, gone)
            self._database.execute("DELETE FROM parts WHERE upload = ?", (upload.id,))
            self._database.execute("DELETE FROM multipart WHERE id = ?", (upload.id,))
        return gone

    def delete_of(self, bucket: str) -> list[Part]:
        """Forget all uploads of a bucket; see ``delete``."""
        return [part for upload in list(self.open_uploads(bucket)) for part in self.delete(upload)]

    def _drop(self, bucket: str, parts: Iterable[Part]) -> None:
        for part in parts:
            for piece in part.pieces:
                self._records.register_media(bucket, piece.key)


def _upload(row: sqlite3.Row) -> MultipartUpload:
    acl = orjson.loads(row["acl"])
    return MultipartUpload(
        id=row["id"],
        bucket=row["bucket"],
        name=row["name"],
        attributes=Attributes(**orjson.loads(row["attributes"])),
        acl=None if acl is None else {entity: Role(role) for entity, role in acl.items()},
        create_time=datetime.fromisoformat(row["create_time"]),
        finished=object_from_json(row["finished"]) if row["finished"] else None,
    )


def _part(text: str) -> Part:
    fields = orjson.loads(text)
    pieces = tuple(Piece(**piece) for piece in fields["pieces"])
    return Part(**fields | {"pieces": pieces, "update_time": datetime.fromisoformat(fields["update_time"])})
