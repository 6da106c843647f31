from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cloud.engine.storage.database import Records
from cloud.engine.storage.multipart_records import MultipartRecords, MultipartUpload, Part
from cloud.engine.storage.multipart_uploads import MultipartUploads
from cloud.engine.storage.records import Attributes, ObjectRecord, Piece
from cloud.engine.storage.roles import Role

NOW = datetime.now(UTC)


def an_upload(upload_id="1", name="o"):
    acl = {"allUsers": Role.READER}
    return MultipartUpload(upload_id, "bkt", name, Attributes("text/csv", metadata={"clé": "wert"}), acl, NOW)


def a_part(number=1, *keys):
    return Part(number, tuple(Piece(key, 3) for key in keys or (f"m{number}",)), 3, "bWQ1", "crc", NOW)


def an_object(*keys, generation=1, created=NOW):
    pieces = tuple(Piece(key, 3) for key in keys)
    return ObjectRecord("bkt", "o", pieces, 3, generation, None, "crc", "me@x.org", created, created, {})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "storage.sqlite3"


@pytest.fixture
def records(path):
    records = Records(path)
    yield records
    records.close()


@pytest.fixture
def multipart(records):
    return MultipartRecords(records)


def test_uploads_and_parts_survive_reopening(multipart, path):
    multipart.put(an_upload())
    multipart.put_part(an_upload(), a_part(2))
    multipart.put_part(an_upload(), a_part(1, "a", "b"))
    again = Records(path)
    read = MultipartRecords(again)
    assert read.get("1") == an_upload()
    assert read.parts("1") == [a_part(1, "a", "b"), a_part(2)]
    assert read.parts("1", after=1) == [a_part(2)]
    assert read.get("2") is None
    again.close()


def test_media_is_garbage_whenever_no_part_or_object_has_it(records, multipart):
    upload = an_upload()
    multipart.put(upload)
    for key in ("a", "b", "c", "d"):
        records.register_media("bkt", key)
    multipart.put_part(upload, a_part(1, "a", "b"))
    multipart.put_part(upload, a_part(2, "c"))
    assert records.garbage() == [("bkt", "d")]
    assert multipart.put_part(upload, a_part(1, "d")) == [a_part(1, "a", "b")]
    assert records.garbage() == [("bkt", "a"), ("bkt", "b")]
    finished = an_object("d")
    multipart.finish(upload, finished, [a_part(2, "c")])
    assert records.garbage() == [("bkt", "a"), ("bkt", "b"), ("bkt", "c")]
    assert (multipart.parts("1"), multipart.get("1")) == ([], replace(upload, finished=finished))
    assert list(multipart.open_uploads("bkt")) == []


def test_what_is_deleted_becomes_garbage(records, multipart):
    for upload_id in ("1", "2"):
        multipart.put(an_upload(upload_id))
        multipart.put_part(an_upload(upload_id), a_part(1, f"m{upload_id}"))
    assert multipart.delete(an_upload("1")) == [a_part(1, "m1")]
    assert records.garbage() == [("bkt", "m1")]
    assert multipart.delete_of("bkt") == [a_part(1, "m2")]
    assert multipart.get("2") is None


def test_completed_uploads_are_forgotten_in_time(multipart):
    uploads = [an_upload(str(number)) for number in range(3)]
    for upload, minutes, generation in zip(uploads, (1, 60, 30), (3, 1, 2), strict=True):
        multipart.put(upload)
        multipart.finish(upload, an_object(generation=generation, created=NOW - timedelta(minutes=minutes)), [])
    multipart.put(an_upload("open"))
    MultipartUploads(multipart, None, None, None, None).forget_finished()
    assert [multipart.get(each.id) is None for each in uploads] == [False, True, True]
    assert multipart.get("open")


def test_a_list_reads_an_index(records):
    query = (
        "SELECT * FROM multipart WHERE bucket = 'b' AND finished IS NULL AND (name, id) > ('', '') ORDER BY name, id"
    )
    plan = records.connection.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
    assert [step["detail"].startswith("SEARCH multipart USING INDEX open_multipart") for step in plan] == [True]
