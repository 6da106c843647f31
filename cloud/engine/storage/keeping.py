"""What must be kept: holds and retention; and what stays of an object that is deleted or replaced. Pure.

https://cloud.google.com/storage/docs/bucket-lock, https://cloud.google.com/storage/docs/object-lock,
https://cloud.google.com/storage/docs/object-holds, https://cloud.google.com/storage/docs/object-versioning,
https://cloud.google.com/storage/docs/soft-delete.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cloud.engine.storage.errors import StorageFault
from cloud.engine.storage.records import BucketRecord, ObjectRecord
from cloud.errors import PermissionDenied

_END = datetime.max.replace(tzinfo=UTC)


class ObjectHeld(StorageFault, PermissionDenied):
    """A hold forbids to delete, replace or archive an object."""

    xml_code, xml_message = "ObjectUnderActiveHold", "Object is under active hold."


class RetentionPolicyNotMet(StorageFault, PermissionDenied):
    """An object, or a bucket's policy, is to be kept as it is."""

    reason = "retentionPolicyNotMet"
    xml_code, xml_message = "RetentionPolicyNotMet", "Object is subject to a retention policy."


def kept_until(record: ObjectRecord, bucket: BucketRecord) -> datetime | None:
    """When the retention of an object ends; None if it has none, or an event-based hold, whose end begins it."""
    ends = (record.retention.until if record.retention else None, bucket_keeps_until(record, bucket))
    return max(filter(None, ends), default=None)


def bucket_keeps_until(record: ObjectRecord, bucket: BucketRecord) -> datetime | None:
    """The same by the bucket's policy alone."""
    if bucket.retention is None or record.has_event_based_hold:
        return None
    return _after(record.retained_since or record.create_time, bucket.retention.seconds)


def _after(start: datetime, seconds: int) -> datetime:
    try:
        return start + timedelta(seconds=seconds)
    except OverflowError:
        return _END


def check_may_go(record: ObjectRecord, bucket: BucketRecord, now: datetime, *, for_good: bool) -> None:
    """Whether an object may be deleted or replaced now.

    Args:
        for_good: it does not stay as a noncurrent version, which retention allows.

    Raises:
        ObjectHeld, RetentionPolicyNotMet: it may not.
    """
    name = f"Object '{record.bucket}/{record.name}'"
    for is_held, kind in ((record.has_temporary_hold, "Temporary"), (record.has_event_based_hold, "Event-Based")):
        if is_held:
            raise ObjectHeld(
                f"{name} is under active {kind} hold and cannot be deleted, overwritten or archived until hold is "
                "removed."
            )
    until = kept_until(record, bucket)
    if for_good and until is not None and until > now:
        raise RetentionPolicyNotMet(
            f"{name} is subject to bucket's retention policy or object retention and cannot be deleted or overwritten "
            f"until {until.isoformat()}"
        )


def retired(
    record: ObjectRecord, bucket: BucketRecord, now: datetime, *, for_good: bool = False
) -> ObjectRecord | None:
    """What stays of a version that is deleted or replaced: a noncurrent or a soft-deleted one; None: nothing.

    Args:
        for_good: it is not to become noncurrent.

    Raises:
        ObjectHeld, RetentionPolicyNotMet: it may not go.
    """
    for_good = for_good or not bucket.is_versioned or record.noncurrent_since is not None
    check_may_go(record, bucket, now, for_good=for_good)
    if not for_good:
        return replace(record, noncurrent_since=now)
    if bucket.soft_delete.seconds:
        return replace(record, soft_delete_time=now, hard_delete_time=_after(now, bucket.soft_delete.seconds))
    return None
