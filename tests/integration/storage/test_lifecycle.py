"""Lifecycle performed."""

import asyncio
import re
from dataclasses import replace

import pytest
import pytest_asyncio

from cloud.emulator.storage_v1.lifecycle import rules_from_json
from cloud.engine.storage.lifecycle_run import LifecycleReport
from integration.storage.conftest import OWNER
from integration.storage.test_versions import listed, patch_bucket, path, put

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def versioned(endpoint, bucket):
    await patch_bucket(endpoint, bucket, versioning={"enabled": True})
    return bucket


def rules(*given):
    return {"rule": [{"action": action, "condition": condition} for action, condition in given]}


DELETE = {"type": "Delete"}


async def run(endpoint, bucket):
    found = endpoint.service.buckets.find(OWNER, "storage.buckets.get", bucket)
    return await endpoint.service.lifecycle.run(OWNER, bucket, rules_from_json(found.settings.get("lifecycle")))


async def test_only_what_is_due_goes(endpoint, versioned):
    lifecycle = rules((DELETE, {"numNewerVersions": 2, "isLive": False}))
    answer = await patch_bucket(endpoint, versioned, lifecycle=lifecycle)
    assert answer["lifecycle"] == lifecycle
    made = [await put(endpoint, versioned, "o", b"%d" % n) for n in range(4)]
    other = await put(endpoint, versioned, "other", b"1")
    assert await run(endpoint, versioned) == LifecycleReport(deleted=2)
    kept = [("o", made[2]), ("o", made[3]), ("other", other)]
    assert await listed(endpoint, versioned, "versions=true") == kept
    assert await run(endpoint, versioned) == LifecycleReport()


async def test_a_live_object_of_a_bucket_with_versions_becomes_noncurrent(endpoint, versioned):
    await patch_bucket(endpoint, versioned, lifecycle=rules((DELETE, {"age": 0, "isLive": True})))
    generation = await put(endpoint, versioned, "o", b"1")
    assert (await run(endpoint, versioned)).deleted == 1
    assert await listed(endpoint, versioned) == []
    assert await listed(endpoint, versioned, "versions=true") == [("o", generation)]


async def test_classes_are_set(endpoint, bucket):
    colder = {"type": "SetStorageClass", "storageClass": "COLDLINE"}
    await patch_bucket(endpoint, bucket, lifecycle=rules((colder, {"matchesPrefix": ["old/"], "age": 0})))
    await put(endpoint, bucket, "old%2Fo", b"1")
    await put(endpoint, bucket, "new", b"1")
    assert await run(endpoint, bucket) == LifecycleReport(changed=1)
    _, answer = await endpoint.call("GET", path(bucket, "old%2Fo"))
    assert (answer["storageClass"], answer["metageneration"]) == ("COLDLINE", "2")
    assert answer["timeStorageClassUpdated"] > answer["timeCreated"]
    assert (await endpoint.call("GET", path(bucket, "new")))[1]["storageClass"] == "STANDARD"


async def test_a_custom_time_that_is_no_time_is_never_due(endpoint, bucket):
    await patch_bucket(endpoint, bucket, lifecycle=rules((DELETE, {"daysSinceCustomTime": 0})))
    generation = await put(endpoint, bucket, "o", b"1")
    records = endpoint.service._records
    record = records.object(bucket, "o")
    for text in ("some day", "2020-01-01T00:00:00"):  # as earlier versions took it
        records.commit(replace(record, attributes=replace(record.attributes, custom_time=text)))
        assert await run(endpoint, bucket) == LifecycleReport()
    assert await listed(endpoint, bucket) == [("o", generation)]


async def test_a_hold_keeps_what_is_due(endpoint, bucket):
    await patch_bucket(endpoint, bucket, lifecycle=rules((DELETE, {"age": 0})))
    await put(endpoint, bucket, "held", b"1")
    await put(endpoint, bucket, "free", b"1")
    assert (await endpoint.call("PATCH", path(bucket, "held"), json={"temporaryHold": True}))[0] == 200
    assert await run(endpoint, bucket) == LifecycleReport(deleted=1, kept=1)
    assert [name for name, _ in await listed(endpoint, bucket)] == ["held"]


async def test_rules_that_are_not_allowed_change_nothing(endpoint, bucket):
    lifecycle = rules(({"type": "Nonsense"}, {"age": 1}))
    status, _ = await endpoint.call("PATCH", f"/storage/v1/b/{bucket}", json={"lifecycle": lifecycle})
    assert status == 400
    assert "lifecycle" not in (await endpoint.call("GET", f"/storage/v1/b/{bucket}"))[1]


async def test_multipart_uploads_are_aborted(endpoint, bucket):
    abort = {"type": "AbortIncompleteMultipartUpload"}
    await patch_bucket(endpoint, bucket, lifecycle=rules((abort, {"age": 0, "matchesPrefix": ["old"]})))
    for name in ("old", "new"):
        status, begun = await endpoint.call("POST", f"/{bucket}/{name}?uploads")
        [upload_id] = re.findall(b"<UploadId>(.*)</UploadId>", begun)
        path = f"/{bucket}/{name}?uploadId={upload_id.decode()}&partNumber=1"
        assert (status, (await endpoint.call("PUT", path, data=b"1"))[0]) == (200, 200)
    assert await run(endpoint, bucket) == LifecycleReport(aborted=1)
    _, listed = await endpoint.call("GET", f"/{bucket}?uploads")
    assert re.findall(b"<Key>(.*?)</Key>", listed) == [b"new"]
    await endpoint.service._garbage.wait()
    assert len([path for path in (endpoint.service.server.root / bucket).rglob("*") if path.is_file()]) == 1


async def test_uploads_go_on_while_a_lifecycle_is_performed(endpoint, bucket):
    await patch_bucket(endpoint, bucket, lifecycle=rules((DELETE, {"matchesPrefix": ["old"]})))
    for number in range(20):
        await put(endpoint, bucket, f"old{number}", b"1")
    async with asyncio.timeout(20):
        report, generation = await asyncio.gather(run(endpoint, bucket), put(endpoint, bucket, "new", b"1"))
    assert report.deleted == 20
    assert await listed(endpoint, bucket) == [("new", generation)]
