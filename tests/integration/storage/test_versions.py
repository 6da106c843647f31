"""Versions, soft deletion, restoring."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

WEEK = 7 * 24 * 3600


async def patch_bucket(endpoint, bucket, **fields):
    status, answer = await endpoint.call("PATCH", f"/storage/v1/b/{bucket}", json=fields)
    assert status == 200, answer
    return answer


async def put(endpoint, bucket, name, content, **query):
    given = "".join(f"&{key}={value}" for key, value in query.items())
    path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}{given}"
    status, answer = await endpoint.call("POST", path, data=content)
    assert status == 200, answer
    return answer["generation"]


async def listed(endpoint, bucket, query=""):
    status, answer = await endpoint.call("GET", f"/storage/v1/b/{bucket}/o?{query}")
    assert status == 200, answer
    return [(item["name"], item["generation"]) for item in answer.get("items", [])]


def path(bucket, name="o"):
    return f"/storage/v1/b/{bucket}/o/{name}"


@pytest_asyncio.fixture(loop_scope="module")
async def versioned(endpoint, bucket):
    answer = await patch_bucket(endpoint, bucket, versioning={"enabled": True})
    assert answer["versioning"] == {"enabled": True}
    return bucket


async def test_what_is_replaced_or_deleted_becomes_noncurrent(endpoint, versioned):
    first = await put(endpoint, versioned, "o", b"1")
    second = await put(endpoint, versioned, "o", b"22")
    assert (await endpoint.call("DELETE", path(versioned)))[0] == 204
    assert (await endpoint.call("GET", path(versioned)))[0] == 404
    assert await listed(endpoint, versioned) == []
    assert await listed(endpoint, versioned, "versions=true") == [("o", first), ("o", second)]
    status, answer = await endpoint.call("GET", f"{path(versioned)}?generation={first}")
    assert (status, answer["size"], "timeDeleted" in answer) == (200, "1", True)
    assert await endpoint.call("GET", f"{path(versioned)}?generation={second}&alt=media") == (200, b"22")
    assert (await endpoint.call("DELETE", f"/storage/v1/b/{versioned}"))[0] == 409


async def test_a_version_that_is_named_is_deleted_for_good(endpoint, versioned):
    first, second = [await put(endpoint, versioned, "o", content) for content in (b"1", b"2")]
    for generation in (first, second):
        assert (await endpoint.call("DELETE", f"{path(versioned)}?generation={generation}"))[0] == 204
        assert (await endpoint.call("GET", f"{path(versioned)}?generation={generation}"))[0] == 404
    assert await listed(endpoint, versioned, "versions=true") == []


@pytest.mark.parametrize("number", [1 << 63, 10**19 - 1, 10**30])
async def test_a_generation_that_no_object_can_have_is_refused(endpoint, versioned, number):
    await put(endpoint, versioned, "o", b"1")
    for verb, after in (("GET", "?"), ("DELETE", "?"), ("GET", "?softDeleted=true&"), ("POST", "/restore?")):
        status, answer = await endpoint.call(verb, f"{path(versioned)}{after}generation={number}")
        assert (status, answer["error"]["errors"][0]["location"]) == (400, "generation")
    assert (await endpoint.call("DELETE", f"/{versioned}/o?versionId={number}"))[0] == 400
    request = {"sourceObjects": [{"name": "o", "generation": number}]}
    status, answer = await endpoint.call("POST", f"{path(versioned, 'c')}/compose", json=request)
    assert (status, answer["error"]["errors"][0]["location"]) == (400, "sourceObjects.generation")
    document = f"<Delete><Object><Key>o</Key><VersionId>{number}</VersionId></Object></Delete>"
    assert (await endpoint.call("POST", f"/{versioned}?delete", data=document))[0] == 200


@pytest.mark.parametrize("query", ["prefix=a%0Axyz", "pageToken=YQp4eXo%3D", "startOffset=o%0Axyz"])
async def test_a_list_of_versions_takes_line_feeds(endpoint, versioned, query):
    await put(endpoint, versioned, "p", b"1")
    assert (await listed(endpoint, versioned, f"versions=true&{query}") != []) == ("prefix" not in query)


async def test_an_old_version_is_restored_by_a_copy(endpoint, versioned):
    first = await put(endpoint, versioned, "o", b"1")
    second = await put(endpoint, versioned, "o", b"2")
    copy = f"{path(versioned)}/rewriteTo/b/{versioned}/o/o?sourceGeneration={first}"
    status, answer = await endpoint.call("POST", copy, json={})
    third = answer["resource"]["generation"]
    assert status == 200
    assert await endpoint.call("GET", f"/{versioned}/o") == (200, b"1")
    assert [item[1] for item in await listed(endpoint, versioned, "versions=true")] == [first, second, third]


async def test_versions_come_in_pages(endpoint, versioned):
    made = [(name, await put(endpoint, versioned, name, b"x")) for name in "aabbb"]
    query, found = "versions=true&maxResults=2", []
    token = ""
    while True:
        _, answer = await endpoint.call("GET", f"/storage/v1/b/{versioned}/o?{query}&pageToken={token}")
        found += [(item["name"], item["generation"]) for item in answer["items"]]
        if not (token := answer.get("nextPageToken", "")):
            break
    assert found == made


async def test_versions_that_are_no_longer_wanted_stay(endpoint, versioned):
    first = await put(endpoint, versioned, "o", b"1")
    second = await put(endpoint, versioned, "o", b"2")
    await patch_bucket(endpoint, versioned, versioning={"enabled": False})
    third = await put(endpoint, versioned, "o", b"3")
    assert second != third
    assert [item[1] for item in await listed(endpoint, versioned, "versions=true")] == [first, third]


@pytest_asyncio.fixture(loop_scope="module")
async def soft(endpoint, bucket):
    answer = await patch_bucket(endpoint, bucket, softDeletePolicy={"retentionDurationSeconds": str(WEEK)})
    assert answer["softDeletePolicy"]["retentionDurationSeconds"] == str(WEEK)
    return bucket


async def test_a_new_bucket_keeps_nothing_that_is_deleted(endpoint, bucket):
    _, answer = await endpoint.call("GET", f"/storage/v1/b/{bucket}")
    assert answer["softDeletePolicy"]["retentionDurationSeconds"] == "0"
    generation = await put(endpoint, bucket, "o", b"1")
    assert (await endpoint.call("DELETE", path(bucket)))[0] == 204
    assert await listed(endpoint, bucket, "softDeleted=true") == []
    for restore in (f"{path(bucket)}/restore?generation={generation}", f"/storage/v1/b/{bucket}/o/bulkRestore"):
        status, answer = await endpoint.call("POST", restore)
        assert (status, answer["error"]["message"]) == (400, "bucket soft delete policy must be set.")


async def test_what_was_kept_is_restored_when_nothing_more_is_kept(endpoint, soft):
    generation = await put(endpoint, soft, "o", b"content")
    assert (await endpoint.call("DELETE", path(soft)))[0] == 204
    await patch_bucket(endpoint, soft, softDeletePolicy=None)
    assert (await endpoint.call("POST", f"{path(soft)}/restore?generation={generation}"))[0] == 200


async def test_what_can_be_restored_no_more_is_not_listed(endpoint, soft):
    generations = [int(await put(endpoint, soft, name, b"1")) for name in ("gone", "kept")]
    for name in ("gone", "kept"):
        assert (await endpoint.call("DELETE", path(soft, name)))[0] == 204
    records = endpoint.service._records
    over = records.soft_deleted(soft, "gone", generations[0])
    records.commit(replace(over, hard_delete_time=over.soft_delete_time))
    assert await listed(endpoint, soft, "softDeleted=true") == [("kept", str(generations[1]))]
    restore = f"{path(soft, 'gone')}/restore?generation={generations[0]}"
    assert (await endpoint.call("POST", restore))[0] == 404


async def test_many_are_restored_but_what_a_hold_keeps(endpoint, soft):
    for name in ("free", "held"):
        await put(endpoint, soft, name, b"old")
        await put(endpoint, soft, name, b"new")
    assert (await endpoint.call("PATCH", path(soft, "held"), json={"temporaryHold": True}))[0] == 200
    request = {"allowOverwrite": True}
    status, operation = await endpoint.call("POST", f"/storage/v1/b/{soft}/o/bulkRestore", json=request)
    counts = [operation["metadata"][f"{kind}Count"] for kind in ("succeeded", "skipped", "failed")]
    assert (status, counts) == (200, ["1", "0", "1"])
    assert await endpoint.call("GET", f"/{soft}/free") == (200, b"old")
    assert await endpoint.call("GET", f"/{soft}/held") == (200, b"new")


async def test_what_was_deleted_is_restored(endpoint, soft):
    generation = await put(endpoint, soft, "o", b"content")
    assert (await endpoint.call("DELETE", path(soft)))[0] == 204
    assert await listed(endpoint, soft) == await listed(endpoint, soft, "versions=true") == []
    assert await listed(endpoint, soft, "softDeleted=true") == [("o", generation)]
    assert (await endpoint.call("GET", f"{path(soft)}?generation={generation}"))[0] == 404
    status, gone = await endpoint.call("GET", f"{path(soft)}?softDeleted=true&generation={generation}")
    lives = datetime.fromisoformat(gone["hardDeleteTime"]) - datetime.fromisoformat(gone["softDeleteTime"])
    assert (status, lives) == (200, timedelta(seconds=WEEK))
    status, restored = await endpoint.call("POST", f"{path(soft)}/restore?generation={generation}")
    assert (status, restored["metageneration"], restored["generation"] > generation) == (200, "1", True)
    assert await endpoint.call("GET", f"/{soft}/o") == (200, b"content")
    assert await listed(endpoint, soft, "softDeleted=true") == [("o", generation)]


async def test_what_cannot_be_restored_is_refused(endpoint, soft):
    generation = await put(endpoint, soft, "o", b"1")
    restore = f"{path(soft)}/restore?generation="
    assert (await endpoint.call("POST", restore + generation))[0] == 404  # it is live
    assert (await endpoint.call("POST", restore + "1"))[0] == 404
    status, answer = await endpoint.call("POST", restore)
    assert (status, answer["error"]["errors"][0]["location"]) == (400, "generation")
    status, answer = await endpoint.call("POST", f"{path(soft)}/restore")
    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "required")
    await put(endpoint, soft, "o", b"2")
    assert (await endpoint.call("POST", f"{restore}{generation}&ifGenerationMatch=0"))[0] == 412
    status, answer = await endpoint.call("GET", f"{path(soft)}?softDeleted=true")
    assert (status, answer["error"]["message"]) == (400, "You must specify a generation.")
    media = f"{path(soft)}?softDeleted=true&generation={generation}&alt=media"
    assert (await endpoint.call("GET", media))[0] == 400
    both = f"/storage/v1/b/{soft}/o?softDeleted=true&versions=true"
    assert (await endpoint.call("GET", both))[0] == 400


@pytest.mark.parametrize("seconds", ["1", str(WEEK - 1), str(91 * 24 * 3600), "x", "-5"])
async def test_soft_deletion_takes_a_week_to_ninety_days(endpoint, bucket, seconds):
    policy = {"softDeletePolicy": {"retentionDurationSeconds": seconds}}
    status, answer = await endpoint.call("PATCH", f"/storage/v1/b/{bucket}", json=policy)
    assert (status, answer["error"]["errors"][0]["location"][:10]) == (400, "softDelete")


async def test_many_are_restored_by_one_request(endpoint, soft):
    for name in ("a.csv", "b.csv", "c.txt", "live.csv"):
        for content in (b"old", b"new"):
            await put(endpoint, soft, name, content)
        assert (await endpoint.call("DELETE", path(soft, name)))[0] == 204
    await put(endpoint, soft, "live.csv", b"another")
    request = {"matchGlobs": ["*.csv"], "softDeletedAfterTime": "2020-01-01T00:00:00Z"}
    status, operation = await endpoint.call("POST", f"/storage/v1/b/{soft}/o/bulkRestore", json=request)
    assert (status, operation["done"]) == (200, True)
    assert [operation["metadata"][key] for key in ("succeededCount", "skippedCount")] == ["2", "1"]
    contents = {name: (await endpoint.call("GET", f"/{soft}/{name}"))[1] for name, _ in await listed(endpoint, soft)}
    assert contents == {"a.csv": b"new", "b.csv": b"new", "live.csv": b"another"}
    operations = f"/storage/v1/b/{soft}/operations"
    known = operation["name"].rpartition("/")[2]
    assert await endpoint.call("GET", f"{operations}/{known}") == (200, operation)
    assert (await endpoint.call("GET", operations))[1]["operations"] == [operation]
    assert (await endpoint.call("GET", f"{operations}/other"))[0] == 404
    request = {"allowOverwrite": True, "createdBeforeTime": "2020-01-01T00:00:00Z"}
    _, operation = await endpoint.call("POST", f"/storage/v1/b/{soft}/o/bulkRestore", json=request)
    assert operation["metadata"]["succeededCount"] == "0"
    bad = {"softDeletedBeforeTime": "yesterday"}
    assert (await endpoint.call("POST", f"/storage/v1/b/{soft}/o/bulkRestore", json=bad))[0] == 400


async def delete_bucket(endpoint, bucket):
    """Its generation."""
    _, answer = await endpoint.call("GET", f"/storage/v1/b/{bucket}")
    assert (await endpoint.call("DELETE", f"/storage/v1/b/{bucket}"))[0] == 204
    return answer["generation"]


async def test_a_deleted_bucket_is_restored_with_its_objects(endpoint, soft):
    generation = await put(endpoint, soft, "o", b"1")
    assert (await endpoint.call("DELETE", path(soft)))[0] == 204
    of_bucket = await delete_bucket(endpoint, soft)
    at, deleted = f"/storage/v1/b/{soft}", f"softDeleted=true&generation={of_bucket}"
    assert (await endpoint.call("GET", at))[0] == 404
    status, answer = await endpoint.call("GET", f"{at}?{deleted}")
    assert (status, "softDeleteTime" in answer, "hardDeleteTime" in answer) == (200, True, True)
    assert (await endpoint.call("GET", f"{at}?softDeleted=true"))[0] == 400
    _, answer = await endpoint.call("GET", f"/storage/v1/b?project=p&softDeleted=true&prefix={soft}")
    assert [bucket["name"] for bucket in answer["items"]] == [soft]
    assert (await endpoint.call("POST", f"{at}/restore?generation=1"))[0] == 404
    status, answer = await endpoint.call("POST", f"{at}/restore?generation={of_bucket}")
    assert (status, "softDeleteTime" in answer) == (200, False)
    assert (await endpoint.call("POST", f"{at}/restore?generation={of_bucket}"))[0] == 409
    for caller, refused in (("job", 403), ("", 401)):
        assert (await endpoint.call("POST", f"{at}/restore?generation={of_bucket}", caller=caller))[0] == refused
    assert (await endpoint.call("POST", f"{path(soft)}/restore?generation={generation}"))[0] == 200
    assert await endpoint.call("GET", f"/{soft}/o") == (200, b"1")


async def test_a_new_bucket_ends_the_former_of_its_name(endpoint, soft):
    generation = await put(endpoint, soft, "o", b"1")
    assert (await endpoint.call("DELETE", path(soft)))[0] == 204
    of_bucket = await delete_bucket(endpoint, soft)
    assert (await endpoint.call("POST", "/storage/v1/b", json={"name": soft}))[0] == 200
    assert (await endpoint.call("POST", f"/storage/v1/b/{soft}/restore?generation={of_bucket}"))[0] == 409
    assert (await endpoint.call("POST", f"{path(soft)}/restore?generation={generation}"))[0] == 400
    assert await listed(endpoint, soft, "softDeleted=true") == []
    assert not list((endpoint.service.server.root / soft).rglob("*"))


async def test_only_a_new_bucket_ends_the_former_of_its_name(endpoint, soft):
    of_bucket = await delete_bucket(endpoint, soft)
    uniform = {"uniformBucketLevelAccess": {"enabled": True}}
    bad = {"name": soft, "iamConfiguration": uniform, "acl": [{"entity": "allUsers", "role": "READER"}]}
    assert (await endpoint.call("POST", "/storage/v1/b", json=bad))[0] == 400
    assert (await endpoint.call("POST", f"/storage/v1/b/{soft}/restore?generation={of_bucket}"))[0] == 200


async def test_one_of_several_new_buckets_ends_the_former_of_its_name(endpoint, soft):
    for number in range(5):
        await put(endpoint, soft, f"o{number}", b"1")
        assert (await endpoint.call("DELETE", path(soft, f"o{number}")))[0] == 204
    await delete_bucket(endpoint, soft)
    create = [endpoint.call("POST", "/storage/v1/b", json={"name": soft}) for _ in range(4)]
    assert sorted([status for status, _ in await asyncio.gather(*create)]) == [200, 409, 409, 409]
    await put(endpoint, soft, "o", b"1")
    assert await endpoint.call("GET", f"/{soft}/o") == (200, b"1")


@pytest.mark.parametrize("seconds", [0, WEEK])
async def test_buckets_of_one_name_are_created_and_deleted_at_once(endpoint, bucket, seconds):
    name = bucket
    made = {"name": name, "softDeletePolicy": {"retentionDurationSeconds": seconds}}
    for _ in range(10):
        changes = [("DELETE", f"/storage/v1/b/{name}", None), ("POST", "/storage/v1/b", made)] * 3
        statuses = await asyncio.gather(*(endpoint.call(verb, place, json=body) for verb, place, body in changes))
        assert {status for status, _ in statuses} <= {200, 204, 404, 409}
        assert (await endpoint.call("POST", "/storage/v1/b", json=made))[0] in (200, 409)
        await put(endpoint, name, "o", b"1")
        assert await endpoint.call("GET", f"/{name}/o") == (200, b"1")
        assert (await endpoint.call("DELETE", path(name, "o")))[0] == 204


async def test_nothing_of_a_bucket_that_keeps_nothing_is_left(endpoint, bucket):
    await put(endpoint, bucket, "o", b"1")
    assert (await endpoint.call("DELETE", path(bucket)))[0] == 204
    await delete_bucket(endpoint, bucket)
    assert not (endpoint.service.server.root / bucket).exists()


async def test_versions_and_what_was_deleted_survive_a_restart(new_endpoint, tmp_path):
    async with new_endpoint(tmp_path) as endpoint:
        policy = {"versioning": {"enabled": True}, "softDeletePolicy": {"retentionDurationSeconds": str(WEEK)}}
        assert (await endpoint.call("POST", "/storage/v1/b", json={"name": "kept", **policy}))[0] == 200
        first, second = [await put(endpoint, "kept", "o", content) for content in (b"1", b"2")]
        assert (await endpoint.call("DELETE", f"{path('kept')}?generation={first}"))[0] == 204
        assert (await endpoint.call("DELETE", path("kept")))[0] == 204
    async with new_endpoint(tmp_path) as endpoint:
        assert await listed(endpoint, "kept") == []
        assert await listed(endpoint, "kept", "versions=true") == [("o", second)]
        assert await listed(endpoint, "kept", "softDeleted=true") == [("o", first)]
        assert (await endpoint.call("POST", f"{path('kept')}/restore?generation={first}"))[0] == 200
        assert await endpoint.call("GET", "/kept/o") == (200, b"1")
        assert await endpoint.call("GET", f"{path('kept')}?generation={second}&alt=media") == (200, b"2")
