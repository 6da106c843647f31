from datetime import UTC, datetime

import pytest

from cloud.emulator.storage_v1 import messages
from cloud.engine.storage.acls import AclTarget
from cloud.engine.storage.records import Attributes, BucketRecord, ObjectRecord
from cloud.engine.storage.roles import Role
from cloud.errors import InvalidArgument

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
ACL = {"user-me@x.org": Role.OWNER, "project-viewers-7": Role.READER}
URL = "https://www.googleapis.com"


def test_an_object():
    attributes = Attributes("text/csv", metadata={"k": "v"}, storage_class="STANDARD")
    record = ObjectRecord("bkt", "d/x y", (), 3, 11, "m==", "c==", "me@x.org", NOW, NOW, ACL, attributes)
    answer = messages.object_to_json(record, URL, full=False)
    assert (
        answer.items()
        >= {
            "kind": "storage#object",
            "id": "bkt/d/x y/11",
            "name": "d/x y",
            "size": "3",
            "generation": "11",
            "timeCreated": "2026-01-02T03:04:05.678Z",
            "selfLink": f"{URL}/storage/v1/b/bkt/o/d%2Fx%20y",
            "mediaLink": f"{URL}/download/storage/v1/b/bkt/o/d%2Fx%20y?generation=11&alt=media",
            "contentType": "text/csv",
        }.items()
    )
    assert not {"acl", "owner", "cacheControl", "media"} & answer.keys()
    full = messages.object_to_json(record, URL, full=True)
    assert [item["entity"] for item in full["acl"]] == list(ACL)


def test_a_bucket():
    record = BucketRecord("bkt", "EUROPE-WEST1", "STANDARD", NOW, NOW, ACL, {}, {"a": "b"})
    answer = messages.bucket_to_json(record, URL, 7, full=True)
    assert answer.items() >= {"location": "EUROPE-WEST1", "locationType": "region", "projectNumber": "7"}.items()
    assert (len(answer["acl"]), answer["defaultObjectAcl"], answer["labels"]) == (2, [], {"a": "b"})


def test_entries_of_acls():
    target = AclTarget("bkt", "d/o", generation=7)
    item = messages.acl_item("user-me@x.org", Role.OWNER, target, URL)
    assert (item["email"], item["id"], item["object"]) == ("me@x.org", "bkt/d/o/7/user-me@x.org", "d/o")
    assert item["generation"] == "7"
    item = messages.acl_item("project-viewers-7", Role.READER, AclTarget("bkt"), URL)
    assert item["projectTeam"] == {"projectNumber": "7", "team": "viewers"}
    assert "selfLink" not in messages.acl_item("allUsers", Role.READER, AclTarget("bkt", is_default=True), URL)


def test_acls_are_parsed():
    items = messages.acl_items(ACL, AclTarget("bkt", "o"), URL)
    assert messages.acl_from_json(items, of_object=True) == ACL
    assert messages.acl_from_json(None, of_object=True) is None
    for bad in ([{}], [{"entity": "allUsers", "role": "WRITER"}]):
        with pytest.raises(InvalidArgument):
            messages.acl_from_json(bad, of_object=True)


def test_attributes():
    assert messages.attributes_from_json({"contentType": "a/b", "size": "9", "metadata": {"k": "v"}}) == Attributes(
        "a/b", metadata={"k": "v"}
    )
    assert messages.attribute_changes({"contentType": None, "metadata": {"k": None, "l": "w"}}, {"k": "v"}) == {
        "content_type": None,
        "metadata": {"l": "w"},
    }
    assert messages.attribute_changes({"metadata": None}, {"k": "v"}) == {"metadata": {}}
    assert messages.attribute_changes({"storageClass": None}, {}) == {}
    assert messages.attributes_from_json({"storageClass": "nearline"}) == Attributes(storage_class="NEARLINE")
    for bad in (
        {"contentType": "a\r\nX-Other: b"},
        {"contentDisposition": "\udcff"},
        {"metadata": {"k": "\udcff"}},
        {"metadata": {"\udcff": "v"}},
        {"storageClass": "FAST"},
        {"kmsKeyName": "k"},
    ):
        with pytest.raises(InvalidArgument):
            messages.attributes_from_json(bad)


@pytest.mark.parametrize(
    ("location", "kind"), [("EU", "multi-region"), ("NAM4", "dual-region"), ("US-EAST1", "region")]
)
def test_kinds_of_locations(location, kind):
    record = BucketRecord("bkt", location, "STANDARD", NOW, NOW, ACL, {})
    assert messages.layout_to_json(record)["locationType"] == kind
