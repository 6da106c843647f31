"""The rules of buckets' lifecycle: which are due for an object. Pure.

https://cloud.google.com/storage/docs/lifecycle: a rule acts where all its conditions hold; of several due actions
deletion comes first, then the storage class that costs least at rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from cloud.engine.storage.records import ObjectRecord

CLASSES_BY_COST = ("STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE")
"""Classes of storage, the one that costs most at rest first; what lifecycle may set."""


class LifecycleAction(StrEnum):
    DELETE = "Delete"
    SET_STORAGE_CLASS = "SetStorageClass"
    ABORT_UPLOAD = "AbortIncompleteMultipartUpload"


@dataclass(frozen=True, slots=True)
class LifecycleRule:
    """One rule. Conditions are None, or empty, where they are not given."""

    action: LifecycleAction
    storage_class: str | None = None
    """That the action sets."""
    age: int | None = None
    """Days since its creation."""
    created_before: date | None = None
    custom_time_before: date | None = None
    days_since_custom_time: int | None = None
    days_since_noncurrent: int | None = None
    noncurrent_before: date | None = None
    is_live: bool | None = None
    storage_classes: tuple[str, ...] = ()
    newer_versions: int | None = None
    """Versions of the same object that are newer, at least."""
    prefixes: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()


def due_action(
    rules: Sequence[LifecycleRule], record: ObjectRecord, newer: int, custom_time: datetime | None, now: datetime
) -> LifecycleRule | None:
    """The rule to perform on an object now, if there is one.

    Args:
        newer: number of newer versions of it.
        custom_time: the object's.
    """
    due = [
        rule
        for rule in rules
        if rule.action is not LifecycleAction.ABORT_UPLOAD and _holds(rule, record, newer, custom_time, now)
    ]
    if deletion := next((rule for rule in due if rule.action is LifecycleAction.DELETE), None):
        return deletion
    current = _cost(record.attributes.storage_class)
    colder = [rule for rule in due if _cost(rule.storage_class) > current]
    return max(colder, key=lambda rule: _cost(rule.storage_class), default=None)


def is_upload_due(rule: LifecycleRule, name: str, started: datetime, now: datetime) -> bool:
    """Whether the rule aborts a multipart upload."""
    return (
        rule.action is LifecycleAction.ABORT_UPLOAD
        and _is_named(rule, name)
        and (rule.age is None or _days_passed(started, rule.age, now))
    )


def _cost(storage_class: str | None) -> int:
    """The place among ``CLASSES_BY_COST``; legacy classes cost what STANDARD does."""
    return CLASSES_BY_COST.index(storage_class) if storage_class in CLASSES_BY_COST else 0


def _holds(rule: LifecycleRule, record: ObjectRecord, newer: int, custom_time: datetime | None, now: datetime) -> bool:
    noncurrent = record.noncurrent_since
    conditions = (
        rule.age is None or _days_passed(record.create_time, rule.age, now),
        rule.created_before is None or _is_before(record.create_time, rule.created_before),
        rule.custom_time_before is None or _is_before(custom_time, rule.custom_time_before),
        rule.days_since_custom_time is None or _days_passed(custom_time, rule.days_since_custom_time, now),
        rule.days_since_noncurrent is None or _days_passed(noncurrent, rule.days_since_noncurrent, now),
        rule.noncurrent_before is None or _is_before(noncurrent, rule.noncurrent_before),
        rule.is_live is None or rule.is_live == (noncurrent is None),
        not rule.storage_classes or record.attributes.storage_class in rule.storage_classes,
        rule.newer_versions is None or newer >= rule.newer_versions,
        _is_named(rule, record.name),
    )
    return all(conditions)


def _is_named(rule: LifecycleRule, name: str) -> bool:
    return (not rule.prefixes or name.startswith(rule.prefixes)) and (not rule.suffixes or name.endswith(rule.suffixes))


def _days_passed(start: datetime | None, days: int, now: datetime) -> bool:
    try:
        return start is not None and start + timedelta(days=days) <= now
    except OverflowError:  # beyond the end of time
        return False


def _is_before(moment: datetime | None, day: date) -> bool:
    """Before midnight of ``day`` in UTC."""
    return moment is not None and moment.astimezone(UTC).date() < day
