"""What must be kept, in the JSON of buckets and objects: versioning, soft deletion, retention, holds. Pure.

Rules: https://cloud.google.com/storage/docs/bucket-lock, https://cloud.google.com/storage/docs/object-lock,
https://cloud.google.com/storage/docs/soft-delete; schemas: discovery document ``storage.v1``.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cloud.emulator.storage_v1.times import time_from_json, timestamp
from cloud.engine.storage.keeping import RetentionPolicyNotMet, bucket_keeps_until
from cloud.engine.storage.records import (
    BucketRecord,
    ObjectRecord,
    ObjectRetention,
    RetentionPolicy,
    SoftDeletePolicy,
)
from cloud.errors import InvalidArgument, PermissionDenied
from cloud.resources import Json

_DAY = 24 * 3600
_SOFT_DELETE_DAYS = range(7 * _DAY, 90 * _DAY + 1)
_LONGEST_RETENTION = 3_155_760_000
"""Seconds: a hundred years."""
_SET, _OVERRIDE = "storage.objects.setRetention", "storage.objects.overrideUnlockedRetention"
_MODES = {"Locked": True, "Unlocked": False}


def bucket_changes(resource: Mapping[str, Any], current: BucketRecord | None, now: datetime) -> dict[str, Any]:
    """The fields of a ``BucketRecord`` that a resource sets.

    Args:
        current: None for a new bucket.

    Raises:
        InvalidArgument: a value that is not allowed.
        RetentionPolicyNotMet, PermissionDenied: a locked policy would be removed or shortened.
    """
    changes: dict[str, Any] = {}
    if "versioning" in resource:
        changes["is_versioned"] = bool((resource["versioning"] or {}).get("enabled"))
    if "defaultEventBasedHold" in resource:
        changes["holds_new_objects"] = resource["defaultEventBasedHold"]
    if "softDeletePolicy" in resource:
        changes |= _soft_delete(resource["softDeletePolicy"], now)
    if "retentionPolicy" in resource:
        changes |= _retention_policy(resource["retentionPolicy"], current, now)
    if resource.get("objectRetention") and not (current and current.has_object_retention):
        raise InvalidArgument(
            "Object retention is enabled by the parameter enableObjectRetention=true of the bucket's creation",
            field="objectRetention",
        )
    return changes


def bucket_to_json(bucket: BucketRecord) -> Json:
    """What is set, and the policy of soft deletion."""
    answer: dict[str, Any] = {
        "softDeletePolicy": {
            "retentionDurationSeconds": str(bucket.soft_delete.seconds),
            "effectiveTime": timestamp(bucket.soft_delete.since or bucket.create_time),
        }
    }
    if bucket.is_versioned is not None:
        answer["versioning"] = {"enabled": bucket.is_versioned}
    if policy := bucket.retention:
        answer["retentionPolicy"] = {
            "retentionPeriod": str(policy.seconds),
            "effectiveTime": timestamp(policy.since),
            **({"isLocked": True} if policy.is_locked else {}),
        }
    if bucket.has_object_retention:
        answer["objectRetention"] = {"mode": "Enabled"}
    for name, moment in (("softDeleteTime", bucket.soft_delete_time), ("hardDeleteTime", bucket.hard_delete_time)):
        if moment:
            answer[name] = timestamp(moment)
    if bucket.holds_new_objects is not None:
        answer["defaultEventBasedHold"] = bucket.holds_new_objects
    return answer


def object_changes(
    resource: Mapping[str, Any], current: ObjectRecord | None, bucket: BucketRecord, now: datetime, *, override: bool
) -> dict[str, Any]:
    """The fields of an ``ObjectRecord`` that a resource sets.

    Args:
        current: None for a new object.
        override: an unlocked retention may be shortened or removed (``overrideUnlockedRetention``).

    Raises:
        InvalidArgument: a value that is not allowed.
        PermissionDenied: a retention would be shortened or removed.
    """
    changes: dict[str, Any] = {}
    for name, field in (("temporaryHold", "has_temporary_hold"), ("eventBasedHold", "has_event_based_hold")):
        if name in resource:
            changes[field] = resource[name]
    if current and current.has_event_based_hold and not changes.get("has_event_based_hold", True):
        changes["retained_since"] = now
    if "retention" in resource:
        retention = _object_retention(resource["retention"])
        before = current.retention if current else None
        if retention and not bucket.has_object_retention:
            raise InvalidArgument(
                f"Object retention is not enabled in bucket '{bucket.name}': it is by the parameter "
                "enableObjectRetention=true of its creation",
                field="retention",
            )
        if before:
            _check_retention_change(before, retention, override=override)
        changes["retention"] = retention
    is_held = changes.get("has_event_based_hold", current is not None and current.has_event_based_hold)
    if is_held and changes.get("retention", current.retention if current else None):
        raise InvalidArgument(
            "An object has either a retention or an event-based hold, not both", field="eventBasedHold"
        )
    return changes


def retention_permissions(before: ObjectRetention | None, after: ObjectRetention | None) -> tuple[str, ...]:
    """What a caller needs to change an object's retention, beside the permission to create or to update the object
    (https://cloud.google.com/storage/docs/using-object-lock)."""
    if before is None:
        return (_SET,) if after else ()
    is_more = after is not None and after.until >= before.until and after.is_locked == before.is_locked
    return (_SET,) if is_more else (_SET, _OVERRIDE)


def object_to_json(record: ObjectRecord, bucket: BucketRecord | None) -> Json:
    """
    Args:
        bucket: None if its policy does not matter.
    """
    times = {
        "timeDeleted": record.noncurrent_since,
        "softDeleteTime": record.soft_delete_time,
        "hardDeleteTime": record.hard_delete_time,
        "retentionExpirationTime": bucket_keeps_until(record, bucket) if bucket else None,
    }
    answer: dict[str, Any] = {name: timestamp(moment) for name, moment in times.items() if moment}
    # One that was released is answered as false, as Google's samples expect.
    if record.has_temporary_hold is not None:
        answer["temporaryHold"] = record.has_temporary_hold
    if record.has_event_based_hold is not None:
        answer["eventBasedHold"] = record.has_event_based_hold
    if record.retention:
        mode = "Locked" if record.retention.is_locked else "Unlocked"
        answer["retention"] = {"mode": mode, "retainUntilTime": timestamp(record.retention.until)}
    return answer


def _soft_delete(policy: Mapping[str, Any] | None, now: datetime) -> dict[str, Any]:
    given = (policy or {}).get("retentionDurationSeconds")
    if policy and (policy.get("hardDeletePause") or {}).get("enabled"):
        raise InvalidArgument("A pause of hard deletions is not emulated.", field="softDeletePolicy.hardDeletePause")
    if policy is not None and given is None:
        return {}
    seconds = _whole(given or 0, "softDeletePolicy.retentionDurationSeconds")
    if seconds and seconds not in _SOFT_DELETE_DAYS:
        raise InvalidArgument(
            "Soft delete policy must have a retention duration between 7 days and 90 days.",
            field="softDeletePolicy.retentionDurationSeconds",
        )
    return {"soft_delete": SoftDeletePolicy(seconds, now)}


def _retention_policy(policy: Mapping[str, Any] | None, current: BucketRecord | None, now: datetime) -> dict[str, Any]:
    before = current.retention if current else None
    given = (policy or {}).get("retentionPeriod")
    if given is None or _whole(given, "retentionPolicy.retentionPeriod") == 0:
        if policy and given is None and before:
            return {}  # the period is not mentioned
        if before and before.is_locked and current:
            raise RetentionPolicyNotMet(f"Cannot remove the locked retention policy of bucket '{current.name}'.")
        return {"retention": None}
    seconds = _whole(given, "retentionPolicy.retentionPeriod")
    if not 0 < seconds <= _LONGEST_RETENTION:
        raise InvalidArgument(
            f"Retention period must be from 1 to {_LONGEST_RETENTION} seconds, not {seconds}",
            field="retentionPolicy.retentionPeriod",
        )
    if before and before.seconds == seconds:
        return {}
    if before and before.is_locked and seconds < before.seconds and current:
        raise PermissionDenied(f"Cannot reduce the period of the locked retention policy of bucket '{current.name}'.")
    return {"retention": RetentionPolicy(seconds, now, is_locked=before is not None and before.is_locked)}


def _object_retention(given: Mapping[str, Any] | None) -> ObjectRetention | None:
    mode, until = (given or {}).get("mode"), (given or {}).get("retainUntilTime")
    if mode is None and until is None:
        return None
    if mode is None or until is None:
        raise InvalidArgument("Retention needs both mode and retainUntilTime", field="retention")
    if mode not in _MODES:
        raise InvalidArgument(
            f"Invalid value for: {mode[:100]!r} is neither Locked nor Unlocked", field="retention.mode"
        )
    return ObjectRetention(_MODES[mode], time_from_json(until, "retention.retainUntilTime"))


def _check_retention_change(before: ObjectRetention, after: ObjectRetention | None, *, override: bool) -> None:
    is_weaker = after is None or after.until < before.until or (before.is_locked and not after.is_locked)
    if is_weaker and before.is_locked:
        raise PermissionDenied("A locked retention can only be extended.")
    if is_weaker and not override:
        raise PermissionDenied(
            "An unlocked retention is shortened or removed only with the parameter overrideUnlockedRetention=true."
        )


def _whole(value: object, field: str) -> int:
    text = str(value)
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise InvalidArgument(f"Invalid value for: {text[:100]!r} is not a whole number of seconds", field=field)
    return int(text)
