import sqlite3
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cloud.engine.disk import disk_full
from cloud.engine.storage.database import Records
from cloud.engine.storage.records import Attributes, BucketRecord, ObjectRecord, Piece, UploadRecord
from cloud.engine.storage.roles import Role
from full_disk import files_of_at_most

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
BUCKET = BucketRecord("bkt", "US", "STANDARD", NOW, NOW, {"allUsers": Role.READER}, {}, {"team": "taxi"}, 3)
ATTRIBUTES = Attributes("text/csv", metadata={"clé": "wert"})


def an_object(name, media="m1", generation=1):
    acl = {"user-me@x.org": Role.OWNER}
    return ObjectRecord(
        "bkt", name, (Piece(media, 9),), 9, generation, "md5", "crc", "me@x.org", NOW, NOW, acl, ATTRIBUTES
    )


def an_upload(**changes):
    fields = {
        "id": "u1",
        "bucket": "bkt",
        "name": "a",
        "attributes": ATTRIBUTES,
        "acl": {},
        "owner": "me@x.org",
        "is_project_owner": True,
        "create_time": NOW,
        "conditions": (0, None, None, None),
    }
    return UploadRecord(**(fields | changes))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "storage.sqlite3"


@pytest.fixture
def records(path):
    records = Records(path)
    records.put_bucket(BUCKET)
    yield records
    records.close()


def test_records_survive_reopening(records, path):
    records.commit(an_object("a"))
    records.put_upload(an_upload())
    again = Records(path)
    assert again.bucket("bkt") == BUCKET
    assert again.object("bkt", "a") == an_object("a")
    assert again.upload("u1") == an_upload()
    again.close()


def test_objects_are_ordered_by_their_utf8_bytes(records):
    names = ["b", "a/", "a", "Z", "é", "\U0001f600", "\uffff", "a\0b"]
    for name in names:
        records.commit(an_object(name, media=name))
    assert [found.name for found in records.objects_from("bkt", "")] == sorted(names, key=str.encode)
    assert next(records.objects_from("bkt", "b")).name == "b"


def test_generations_increase_across_restarts(records, path):
    before = [records.next_generation() for _ in range(100)]
    again = Records(path)
    after = [again.next_generation() for _ in range(100)]
    again.close()
    assert (before + after) == sorted(set(before + after))


def test_media_without_an_object_is_garbage(records):
    records.register_media("bkt", "m1")
    assert records.garbage() == [("bkt", "m1")]
    records.commit(an_object("a", "m1"))
    assert records.garbage() == []
    records.register_media("bkt", "m2")
    records.commit(an_object("a", "m2", 2), gone=[an_object("a", "m1")])
    assert records.garbage() == [("bkt", "m1")]
    records.forget_media("bkt", "m1")
    records.commit(an_object("a", "m2", 2).changed(acl={}))
    assert records.garbage() == []
    records.commit(gone=[an_object("a", "m2", 2)])
    assert records.garbage() == [("bkt", "m2")]


def test_an_object_and_the_end_of_its_upload_are_one_transaction(records):
    records.put_upload(an_upload())
    records.commit(an_object("a"), upload=an_upload())
    assert records.upload("u1").finished == an_object("a")
    with pytest.raises(TypeError):
        # Fails halfway: the transaction is rolled back.
        records.commit(an_object("b"), upload=object())
    assert records.object("bkt", "b") is None


def test_a_change_increments_the_metageneration(records):
    changed = an_object("a").changed(acl={})
    assert (changed.metageneration, changed.generation) == (2, 1)
    assert changed.update_time > NOW


def test_a_full_disk_is_reported_and_the_change_rolled_back(records):
    records.commit(an_object("a"))
    large = replace(an_object("a", media="m2"), attributes=Attributes("text/csv", metadata={"k": "x" * 8_000_000}))
    with files_of_at_most(500_000), pytest.raises(sqlite3.OperationalError) as caught:
        records.commit(large)
    assert disk_full(caught.value)
    assert records.object("bkt", "a") == an_object("a")
    records.commit(large)
    assert records.object("bkt", "a") == large


@pytest.mark.parametrize("start", ["a\nxyz", "a\n", "a\n-1", "a\n" + "9" * 30, "a\n1\n2"])
def test_a_list_of_versions_begins_wherever_a_caller_says(records, start):
    records.commit(an_object("a"), an_object("b", "m2", 2))
    assert [listed.name for listed in records.versions_from("bkt", start)][-1:] == ["b"]


def test_no_version_has_a_number_that_is_too_great(records):
    records.commit(an_object("a"))
    assert records.object("bkt", "a", 1 << 63) is records.soft_deleted("bkt", "a", 1 << 70) is None


def test_generations_increase_when_the_clock_jumps(records, monkeypatch):
    clock = [1_800_000_000_000_000_000]
    monkeypatch.setattr("cloud.engine.storage.database.time.time_ns", lambda: clock[0])
    found = [records.next_generation()]
    for seconds in (-3600, 7200, -86_400 * 365, 1):
        clock[0] += seconds * 10**9
        found.append(records.next_generation())
    assert found == sorted(set(found))
