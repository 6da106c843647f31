"""Which rule of a lifecycle is due for an object."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from cloud.engine.storage.lifecycle import LifecycleAction, LifecycleRule, due_action, is_upload_due
from cloud.engine.storage.records import Attributes, ObjectRecord

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)
OBJECT = ObjectRecord(
    "b", "logs/a.txt", (), 0, 1, None, "", "", NOW - 5 * DAY, NOW, {}, Attributes(storage_class="STANDARD")
)
NONCURRENT = replace(OBJECT, noncurrent_since=NOW - 2 * DAY)
CUSTOM = NOW - 3 * DAY


def rule(action=LifecycleAction.DELETE, storage_class=None, **conditions):
    return LifecycleRule(action, storage_class, **conditions)


@pytest.mark.parametrize(
    ("conditions", "record", "newer", "is_due"),
    [
        ({"age": 5}, OBJECT, 0, True),
        ({"age": 6}, OBJECT, 0, False),
        ({"age": 0}, OBJECT, 0, True),
        ({"age": 10**9}, OBJECT, 0, False),
        ({"created_before": date(2026, 3, 6)}, OBJECT, 0, True),
        ({"created_before": date(2026, 3, 5)}, OBJECT, 0, False),
        ({"custom_time_before": date(2026, 3, 8)}, OBJECT, 0, True),
        ({"custom_time_before": date(2026, 3, 7)}, OBJECT, 0, False),
        ({"days_since_custom_time": 3}, OBJECT, 0, True),
        ({"days_since_custom_time": 4}, OBJECT, 0, False),
        ({"days_since_noncurrent": 2}, NONCURRENT, 1, True),
        ({"days_since_noncurrent": 3}, NONCURRENT, 1, False),
        ({"days_since_noncurrent": 0}, OBJECT, 0, False),
        ({"noncurrent_before": date(2026, 3, 9)}, NONCURRENT, 1, True),
        ({"noncurrent_before": date(2026, 3, 8)}, NONCURRENT, 1, False),
        ({"is_live": True}, OBJECT, 0, True),
        ({"is_live": True}, NONCURRENT, 1, False),
        ({"is_live": False}, NONCURRENT, 1, True),
        ({"storage_classes": ("STANDARD", "ARCHIVE")}, OBJECT, 0, True),
        ({"storage_classes": ("NEARLINE",)}, OBJECT, 0, False),
        ({"newer_versions": 2}, NONCURRENT, 2, True),
        ({"newer_versions": 2}, NONCURRENT, 1, False),
        ({"prefixes": ("tmp/", "logs/")}, OBJECT, 0, True),
        ({"prefixes": ("tmp/",)}, OBJECT, 0, False),
        ({"suffixes": (".txt",)}, OBJECT, 0, True),
        ({"suffixes": (".csv",)}, OBJECT, 0, False),
        ({"age": 5, "suffixes": (".csv",)}, OBJECT, 0, False),
    ],
)
def test_a_rule_is_due_where_all_its_conditions_hold(conditions, record, newer, is_due):
    only = rule(**conditions)
    assert due_action([only], record, newer, CUSTOM, NOW) == (only if is_due else None)


def test_conditions_on_a_custom_time_do_not_hold_without_one():
    rules = [rule(days_since_custom_time=0), rule(custom_time_before=date(2030, 1, 1))]
    assert due_action(rules, OBJECT, 0, None, NOW) is None


def test_deletion_comes_first_and_then_the_cheapest_class():
    nearline, archive = (rule(LifecycleAction.SET_STORAGE_CLASS, name, age=0) for name in ("NEARLINE", "ARCHIVE"))
    delete = rule(age=0)
    assert due_action([nearline, archive, delete], OBJECT, 0, None, NOW) == delete
    assert due_action([nearline, archive], OBJECT, 0, None, NOW) == archive
    archived = replace(OBJECT, attributes=Attributes(storage_class="ARCHIVE"))
    assert due_action([nearline, archive], archived, 0, None, NOW) is None


def test_uploads_are_aborted_by_their_age_and_name():
    abort = rule(LifecycleAction.ABORT_UPLOAD, age=1, prefixes=("logs/",))
    assert is_upload_due(abort, "logs/a", NOW - DAY, NOW)
    assert not is_upload_due(abort, "logs/a", NOW - DAY / 2, NOW)
    assert not is_upload_due(abort, "a", NOW - DAY, NOW)
    assert due_action([abort], OBJECT, 0, None, NOW) is None
    assert not is_upload_due(rule(age=0), "logs/a", NOW - DAY, NOW)
