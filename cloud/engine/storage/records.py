"""The records of Cloud Storage: buckets, versions of objects, resumable uploads; and their JSON in the database."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import orjson

from cloud.engine.storage.policy import Acl, Bindings, BucketAccess
from cloud.engine.storage.roles import Role
from cloud.resources import Json


@dataclass(frozen=True, slots=True)
class SoftDeletePolicy:
    """How long what was deleted can be restored."""

    seconds: int
    """0: not at all."""
    since: datetime | None = None
    """When it was set; None: when the bucket was created."""


NOTHING_KEPT = SoftDeletePolicy(0)


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How long each object of a bucket can be neither deleted nor replaced."""

    seconds: int
    since: datetime
    is_locked: bool = False


@dataclass(frozen=True, slots=True)
class ObjectRetention:
    """Until when one object can be neither deleted nor replaced."""

    is_locked: bool
    until: datetime


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
    """Other fields of its resource: stored as they are."""
    is_versioned: bool | None = None
    """What is overwritten or deleted becomes a noncurrent version; None: it was never set."""
    soft_delete: SoftDeletePolicy = NOTHING_KEPT
    retention: RetentionPolicy | None = None
    has_object_retention: bool = False
    """Objects may have a retention of their own."""
    holds_new_objects: bool | None = None
    """New objects get an event-based hold; None: it was never set."""
    soft_delete_time: datetime | None = None
    """When it was deleted; it can be restored until ``hard_delete_time``."""
    hard_delete_time: datetime | None = None

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

    @property
    def custom_moment(self) -> datetime | None:
        """The custom time; None if there is none, or text that is no time, which earlier versions took."""
        try:
            moment = datetime.fromisoformat(self.custom_time or "")
        except ValueError:
            return None
        return moment if moment.tzinfo else None


NO_ATTRIBUTES = Attributes()


class State(StrEnum):
    """Of one version of an object."""

    LIVE = "live"
    NONCURRENT = "noncurrent"
    SOFT_DELETED = "soft-deleted"


@dataclass(frozen=True, slots=True)
class Piece:
    """Media: bytes that are stored under one key of fake-gcs-server."""

    key: str
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class ObjectRecord:
    """One version of an object."""

    bucket: str
    name: str
    pieces: tuple[Piece, ...]
    """Its media, in order."""
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
    noncurrent_since: datetime | None = None
    soft_delete_time: datetime | None = None
    hard_delete_time: datetime | None = None
    """When a soft-deleted one can be restored no more."""
    storage_class_since: datetime | None = None
    """None: since it was created."""
    retention: ObjectRetention | None = None
    has_temporary_hold: bool | None = None
    has_event_based_hold: bool | None = None
    """None: it never had one."""
    retained_since: datetime | None = None
    """When its event-based hold was released; None: since it was created."""

    @property
    def state(self) -> State:
        if self.soft_delete_time:
            return State.SOFT_DELETED
        return State.NONCURRENT if self.noncurrent_since else State.LIVE

    def is_restorable(self, now: datetime) -> bool:
        """Whether it is soft-deleted, and its time is not over."""
        return self.hard_delete_time is not None and self.hard_delete_time > now

    @property
    def position(self) -> str:
        """In a list of live objects."""
        return self.name

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
    retention: ObjectRetention | None = None
    has_temporary_hold: bool | None = None
    has_event_based_hold: bool | None = None
    refusal: str = ""
    """Why a chunk was refused, and all that follow it are."""
    finished: ObjectRecord | None = None


def to_json(record: BucketRecord | ObjectRecord | UploadRecord) -> str:
    return orjson.dumps(record).decode()


_TIMES = (
    "create_time",
    "update_time",
    "uniform_since",
    "noncurrent_since",
    "soft_delete_time",
    "hard_delete_time",
    "storage_class_since",
    "retained_since",
    "since",
    "until",
)


def _with_times(fields: dict[str, Any]) -> dict[str, Any]:
    for name in _TIMES:
        if fields.get(name):
            fields[name] = datetime.fromisoformat(fields[name])
    return fields


def _typed(fields: dict[str, Any]) -> dict[str, Any]:
    for name in ("acl", "default_acl"):
        if fields.get(name) is not None:
            fields[name] = {entity: Role(role) for entity, role in fields[name].items()}
    if "bindings" in fields:
        fields["bindings"] = {role: tuple(entities) for role, entities in fields["bindings"].items()}
    if "attributes" in fields:
        fields["attributes"] = Attributes(**fields["attributes"])
    return _with_times(fields)


def bucket_from_json(text: str) -> BucketRecord:
    fields = orjson.loads(text)
    if kept := fields.get("soft_delete"):
        fields["soft_delete"] = SoftDeletePolicy(**_with_times(kept))
    if policy := fields.get("retention"):
        fields["retention"] = RetentionPolicy(**_with_times(policy))
    return BucketRecord(**_typed(fields))


def object_from_json(text: str) -> ObjectRecord:
    return _object(orjson.loads(text))


def upload_from_json(text: str) -> UploadRecord:
    fields = orjson.loads(text)
    fields["conditions"] = tuple(fields["conditions"])
    fields["finished"] = _object(fields["finished"]) if fields["finished"] else None
    if retention := fields.get("retention"):
        fields["retention"] = ObjectRetention(**_with_times(retention))
    return UploadRecord(**_typed(fields))


def _object(fields: dict[str, Any]) -> ObjectRecord:
    fields["pieces"] = tuple(Piece(**piece) for piece in fields["pieces"])
    if retention := fields.get("retention"):
        fields["retention"] = ObjectRetention(**_with_times(retention))
    return ObjectRecord(**_typed(fields))
