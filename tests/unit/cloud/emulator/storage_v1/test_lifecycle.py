"""Rules of a lifecycle as buckets state them."""

from datetime import date

import pytest

from cloud.emulator.storage_v1.lifecycle import rules_from_json
from cloud.engine.storage.lifecycle import LifecycleAction, LifecycleRule
from cloud.errors import InvalidArgument


def one(action, condition):
    return {"rule": [{"action": action, "condition": condition}]}


DELETE = {"type": "Delete"}


def test_every_condition_is_read():
    condition = {
        "age": 1,
        "createdBefore": "2026-01-02",
        "customTimeBefore": "2026-01-03",
        "daysSinceCustomTime": 2,
        "daysSinceNoncurrentTime": "3",
        "isLive": False,
        "matchesPrefix": ["a"],
        "matchesStorageClass": ["STANDARD"],
        "matchesSuffix": ["b"],
        "noncurrentTimeBefore": "2026-01-04",
        "numNewerVersions": 4,
    }
    expected = LifecycleRule(
        LifecycleAction.DELETE,
        age=1,
        created_before=date(2026, 1, 2),
        custom_time_before=date(2026, 1, 3),
        days_since_custom_time=2,
        days_since_noncurrent=3,
        noncurrent_before=date(2026, 1, 4),
        is_live=False,
        storage_classes=("STANDARD",),
        newer_versions=4,
        prefixes=("a",),
        suffixes=("b",),
    )
    assert rules_from_json(one(DELETE, condition)) == (expected,)


def test_a_lifecycle_may_be_empty():
    assert rules_from_json(None) == rules_from_json({}) == rules_from_json({"rule": []}) == ()


@pytest.mark.parametrize(
    ("action", "condition", "message"),
    [
        ({"type": "Nonsense"}, {"age": 1}, "Nonsense is not a valid value"),
        ({}, {"age": 1}, "is not a valid value"),
        (DELETE, {}, r"Lifecycle rules must have a condition\."),
        (DELETE, None, r"Lifecycle rules must have a condition\."),
        (DELETE, {"age": -1}, "must not be negative"),
        (DELETE, {"age": True}, "whole number"),
        (DELETE, {"age": "²"}, "whole number"),
        (DELETE, {"age": "--5"}, "whole number"),
        (DELETE, {"age": "9" * 5000}, "whole number"),
        (DELETE, {"numNewerVersions": 1 << 31}, "of 32 bits"),
        (DELETE, {"createdBefore": "2026-02-30"}, "not a date"),
        (DELETE, {"createdBefore": "2026-01-01T00:00:00Z"}, "not a date"),
        (DELETE, {"matchesPrefix": [""]}, "0 bytes"),
        (DELETE, {"matchesSuffix": ["é" * 513]}, "1026 bytes"),
        (DELETE, {"matchesPrefix": [f"{n}" for n in range(1001)]}, "1000 prefixes"),
        (DELETE, {"matchesStorageClass": ["COLD"]}, "'COLD' is not a valid value"),
        (DELETE, {"matchesPattern": ".*"}, "'matchesPattern' is not emulated"),
        ({"type": "SetStorageClass"}, {"age": 1}, "has a storageClass"),
        ({"type": "SetStorageClass", "storageClass": "COLD"}, {"age": 1}, "COLD is not a valid value"),
        ({"type": "Delete", "storageClass": "NEARLINE"}, {"age": 1}, "has no storageClass"),
        ({"type": "AbortIncompleteMultipartUpload"}, {"isLive": True}, "not isLive"),
    ],
)
def test_what_is_not_allowed_is_refused(action, condition, message):
    with pytest.raises(InvalidArgument, match=message) as caught:
        rules_from_json(one(action, condition))
    assert caught.value.field.startswith("lifecycle.rule")


def test_there_are_a_hundred_rules_at_most():
    with pytest.raises(InvalidArgument, match="100 rules at most, not 101"):
        rules_from_json({"rule": one(DELETE, {"age": 1})["rule"] * 101})
