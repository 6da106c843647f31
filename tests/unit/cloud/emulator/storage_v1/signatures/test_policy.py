import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.emulator.storage_v1.signatures.errors import BadPolicy
from cloud.emulator.storage_v1.signatures.policy import check, parse

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
BUCKET = {"bucket": "bkt"}


def document(*conditions: object, expiration: object = "2026-06-01T12:00:00Z") -> str:
    return base64.b64encode(json.dumps({"expiration": expiration, "conditions": conditions}).encode()).decode()


def test_fields_are_compared_by_their_names_in_any_case():
    policy = parse(
        document(BUCKET, {"Key": "a"}, ["eq", "$Content-Type", "a/b"], ["starts-with", "$x-goog-meta-A", "pre"])
    )
    check(policy, {"key": "a", "content-type": "a/b", "x-goog-meta-a": "prefix", "x-ignore-me": "x"}, "bkt", NOW)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"key": "b"}, "The field key must be 'a', not 'b'"),
        ({}, "The field key must be 'a': it is missing"),
        ({"key": "a", "acl": "private"}, "no condition for the field acl"),
        ({"key": "A"}, "must be"),
    ],
)
def test_a_field_out_of_the_conditions_is_named(fields, text):
    with pytest.raises(BadPolicy, match=text):
        check(parse(document(BUCKET, {"key": "a"})), fields, "bkt", NOW)


def test_a_prefix_is_one():
    policy = parse(document(BUCKET, ["starts-with", "$key", "up/"], ["starts-with", "$acl", ""]))
    check(policy, {"key": "up/x", "acl": "private"}, "bkt", NOW)
    for key in ("up", "", "x/up/"):
        with pytest.raises(BadPolicy, match="must start with 'up/'"):
            check(policy, {"key": key, "acl": "private"}, "bkt", NOW)


def test_it_is_for_its_bucket_only():
    policy = parse(document({"key": "a"}))
    with pytest.raises(BadPolicy, match="no condition for the bucket"):
        check(policy, {"key": "a"}, "bkt", NOW)
    with pytest.raises(BadPolicy, match="bucket must be 'bkt', not 'other'"):
        check(parse(document(BUCKET, {"key": "a"})), {"key": "a", "bucket": "bkt"}, "other", NOW)


def test_it_expires():
    fields = {"key": "a"}
    for text in (
        "2026-06-01T12:00:00Z",
        "2026-06-01T12:00:00",
        "2026-06-01T13:00:00+01:00",
        "2026-06-01T12:00:00.000Z",
    ):
        policy = parse(document(BUCKET, fields, expiration=text))
        check(policy, fields, "bkt", NOW)
        with pytest.raises(BadPolicy, match="has expired at 2026-06-01"):
            check(policy, fields, "bkt", NOW + timedelta(seconds=1))


def test_the_narrowest_range_of_sizes_counts():
    assert parse(document(BUCKET)).sizes is None
    ranges = [["content-length-range", 0, 9], ["content-length-range", "2", "20"], ["Content-Length-Range", 1, 9]]
    assert parse(document(BUCKET, *ranges)).sizes == (2, 9)


@pytest.mark.parametrize(
    "text",
    [
        "?",
        base64.b64encode(b"{").decode(),
        base64.b64encode(b"[]").decode(),
        base64.b64encode(b"\xff").decode(),
        base64.b64encode(b"[" * 100_000).decode(),
        document(expiration=1),
        document(expiration="soon"),
        base64.b64encode(b'{"conditions": []}').decode(),
        base64.b64encode(b'{"expiration": "2026-06-01T12:00:00Z", "conditions": {"a": 1}}').decode(),
        document(["eq", "key", "a"]),
        document(["eq", "$key", ["a"]]),
        document(["like", "$key", "a"]),
        document({"key": None}),
        document({"key": {"a": 1}}),
        document(["content-length-range", -1, 2]),
        document(["content-length-range", 1]),
        document("key"),
    ],
)
def test_what_is_no_policy_is_refused(text):
    with pytest.raises(BadPolicy):
        parse(text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, st.dictionaries(st.sampled_from(["key", "acl", "x"]), st.text(max_size=5)))
def test_nothing_is_allowed_by_accident(conditions, fields):
    given = {"expiration": "2026-06-01T12:00:00Z", "conditions": conditions}
    try:
        policy = parse(base64.b64encode(json.dumps(given).encode()).decode())
        check(policy, fields, "bkt", NOW)
    except BadPolicy:
        return
    assert {condition.field for condition in policy.conditions} >= {"bucket", *fields}
