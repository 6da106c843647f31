"""Buckets, their objects, the access that can be granted, and the progress of a transfer."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cloud.names import GsUri


class Access(StrEnum):
    """Access that can be granted on a bucket, as by the lab's three gsutil commands."""

    READ = "read"
    """Read every object that is in the bucket now, and list it (``acl ch -u ACCOUNT:R -r``)."""
    READ_NEW = "read new"
    """Read every object created from now on (``defacl ch -u ACCOUNT:R``)."""
    WRITE = "write"
    """Create, overwrite, delete and list objects (``acl ch -u ACCOUNT:W``)."""


@dataclass(frozen=True, slots=True)
class Bucket:
    name: str
    location: str
    create_time: datetime


@dataclass(frozen=True, slots=True)
class StoredObject:
    uri: GsUri
    size: int
    """Bytes."""
    generation: int
    content_type: str
    update_time: datetime


@dataclass(frozen=True, slots=True)
class TransferProgress:
    """The progress of an upload or download of several files."""

    bytes_done: int
    bytes_total: int
    files_done: int
    files_total: int
