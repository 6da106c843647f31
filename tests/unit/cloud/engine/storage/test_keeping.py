"""What stays of an object that is deleted or replaced."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cloud.engine.storage.keeping import ObjectHeld, RetentionPolicyNotMet, kept_until, retired
from cloud.engine.storage.records import (
    BucketRecord,
    ObjectRecord,
    ObjectRetention,
    RetentionPolicy,
    SoftDeletePolicy,
    State,
)

NOW = datetime(2026, 1, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
BUCKET = BucketRecord("b", "US", "STANDARD", NOW, NOW, {}, {})
OBJECT = ObjectRecord("b", "o", (), 0, 1, None, "", "", NOW, NOW, {})
VERSIONED = replace(BUCKET, is_versioned=True)
SOFT = replace(BUCKET, soft_delete=SoftDeletePolicy(3600))
RETAINED = replace(BUCKET, retention=RetentionPolicy(3600, NOW))


def test_nothing_stays_in_a_plain_bucket():
    assert retired(OBJECT, BUCKET, NOW) is None


def test_in_a_bucket_with_versions_the_live_one_becomes_noncurrent():
    kept = retired(OBJECT, VERSIONED, NOW + HOUR)
    assert (kept.state, kept.noncurrent_since, kept.generation) == (State.NONCURRENT, NOW + HOUR, 1)
    assert retired(OBJECT, VERSIONED, NOW, for_good=True) is None
    assert retired(kept, VERSIONED, NOW) is None


def test_what_is_deleted_for_good_can_be_restored_for_a_time():
    kept = retired(OBJECT, SOFT, NOW)
    assert (kept.state, kept.soft_delete_time, kept.hard_delete_time) == (State.SOFT_DELETED, NOW, NOW + HOUR)
    both = replace(SOFT, is_versioned=True)
    noncurrent = retired(OBJECT, both, NOW)
    assert noncurrent.state is State.NONCURRENT
    assert retired(noncurrent, both, NOW).state is State.SOFT_DELETED


@pytest.mark.parametrize(
    ("hold", "kind"), [("has_temporary_hold", "Temporary"), ("has_event_based_hold", "Event-Based")]
)
@pytest.mark.parametrize("bucket", [BUCKET, VERSIONED, SOFT])
def test_a_hold_keeps_an_object_live(hold, kind, bucket):
    with pytest.raises(ObjectHeld, match=f"'b/o' is under active {kind} hold"):
        retired(replace(OBJECT, **{hold: True}), bucket, NOW + 1000 * HOUR)


def test_retention_ends_a_period_after_the_objects_creation_or_the_end_of_its_hold():
    with pytest.raises(RetentionPolicyNotMet, match=r"until 2026-01-02T01:00:00\+00:00"):
        retired(OBJECT, RETAINED, NOW + HOUR - timedelta(microseconds=1))
    assert retired(OBJECT, RETAINED, NOW + HOUR) is None
    released = replace(OBJECT, retained_since=NOW + HOUR)
    assert kept_until(released, RETAINED) == NOW + 2 * HOUR
    assert kept_until(replace(OBJECT, has_event_based_hold=True), RETAINED) is None


def test_the_later_of_two_retentions_counts():
    own = replace(OBJECT, retention=ObjectRetention(is_locked=False, until=NOW + 3 * HOUR))
    assert kept_until(own, RETAINED) == NOW + 3 * HOUR
    assert kept_until(own, BUCKET) == NOW + 3 * HOUR


def test_a_retained_object_may_become_noncurrent_but_not_go():
    bucket = replace(RETAINED, is_versioned=True)
    noncurrent = retired(OBJECT, bucket, NOW)
    assert noncurrent.state is State.NONCURRENT
    for record, for_good in ((noncurrent, False), (OBJECT, True)):
        with pytest.raises(RetentionPolicyNotMet):
            retired(record, bucket, NOW, for_good=for_good)


def test_a_period_beyond_the_end_of_time_keeps_for_ever():
    bucket = replace(BUCKET, retention=RetentionPolicy(10**12, NOW))
    with pytest.raises(RetentionPolicyNotMet):
        retired(OBJECT, bucket, NOW + 10**6 * HOUR)
