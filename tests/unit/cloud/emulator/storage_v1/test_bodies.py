"""Bodies are checked against the discovery document's schemas."""

import json

import pytest

from cloud.emulator.storage_v1.bodies import parse_body
from cloud.errors import InvalidArgument


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ("Bucket", {}),
        (
            "Bucket",
            {"unknown": [1], "labels": {"a": None, "b": "c"}, "location": None, "acl": [{"role": "x"}]},
        ),
        ("Bucket", {"lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"age": 3, "x": 1}}]}}),
        ("Object", {"size": "9", "metadata": None, "temporaryHold": False}),
        ("Policy", {"version": 1, "etag": "CAE=", "bindings": [{"role": "r", "members": ["allUsers"]}]}),
        ("ComposeRequest", {"sourceObjects": [{"name": "a", "objectPreconditions": {"ifGenerationMatch": "1"}}]}),
    ],
)
def test_messages(schema, message):
    assert parse_body(json.dumps(message).encode(), schema) == message


@pytest.mark.parametrize(
    ("schema", "message", "normal"),
    [
        ("Bucket", {"autoclass": {"enabled": "true"}}, {"autoclass": {"enabled": True}}),
        ("Bucket", {"cors": [{"maxAgeSeconds": "3600"}]}, {"cors": [{"maxAgeSeconds": 3600}]}),
        ("Bucket", {"retentionPolicy": {"retentionPeriod": 5}}, {"retentionPolicy": {"retentionPeriod": "5"}}),
        (
            "Bucket",
            {"lifecycle": {"rule": [{"condition": {"age": "3", "isLive": "false"}}]}},
            {"lifecycle": {"rule": [{"condition": {"age": 3, "isLive": False}}]}},
        ),
        ("Object", {"generation": 9, "temporaryHold": "false"}, {"generation": "9", "temporaryHold": False}),
    ],
)
def test_what_command_lines_write_as_text(schema, message, normal):
    assert parse_body(json.dumps(message).encode(), schema) == normal


def test_numbers_in_a_map_of_texts():
    given = {"metadata": {"size": 1000, "offset": 0, "ratio": 0.5, "is_known": True, "gone": None, "text": "1"}}
    wanted = {"size": "1000", "offset": "0", "ratio": "0.5", "is_known": "true", "gone": None, "text": "1"}
    assert parse_body(json.dumps(given).encode(), "Object") == {"metadata": wanted}
    assert parse_body(b'{"labels": {"year": 2026}}', "Bucket") == {"labels": {"year": "2026"}}


@pytest.mark.parametrize("body", [b" ", b"null", b" null\n"])
def test_no_message_is_an_empty_one(body):
    assert parse_body(body, "Object") == {}


@pytest.mark.parametrize("body", [b"[]", b"1", b"false", b"{", b"\xff", b"nul"])
def test_other_bodies(body):
    with pytest.raises(InvalidArgument) as caught:
        parse_body(body, "Bucket")
    assert caught.value.field == "body"


@pytest.mark.parametrize(
    ("schema", "message", "field"),
    [
        ("Bucket", {"name": 1}, "name"),
        ("Bucket", {"lifecycle": []}, "lifecycle"),
        ("Bucket", {"cors": {}}, "cors"),
        ("Bucket", {"rpo": 1}, "rpo"),
        ("Bucket", {"website": "x"}, "website"),
        ("Bucket", {"acl": [1]}, "acl"),
        ("Bucket", {"acl": [None]}, "acl"),
        ("Bucket", {"acl": "x"}, "acl"),
        (
            "Bucket",
            {"versioning": {"enabled": 1}},
            "versioning.enabled",
        ),
        ("Object", {"contentType": 1}, "contentType"),
        ("Object", {"metadata": []}, "metadata"),
        ("Object", {"metadata": {"k": [1]}}, "metadata.k"),
        ("Object", {"md5Hash": 1}, "md5Hash"),
        ("Policy", {"bindings": [{"role": "r", "members": [None]}]}, "bindings.members"),
        ("ComposeRequest", {"sourceObjects": [{"name": 1}]}, "sourceObjects.name"),
    ],
)
def test_wrong_types(schema, message, field):
    with pytest.raises(InvalidArgument) as caught:
        parse_body(json.dumps(message).encode(), schema)
    assert caught.value.field == field
