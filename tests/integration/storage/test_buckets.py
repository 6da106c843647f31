"""Buckets: what is kept of them, what is listed in them, and what they do not have."""

from urllib.parse import quote

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")


def at(bucket, name):
    return f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}"


async def put(door, bucket, name, data=b"x"):
    return await door.call("POST", f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(name)}", data=data)


async def test_default_lists_have_the_preconditions_of_their_bucket(door, bucket):
    path = f"/storage/v1/b/{bucket}/defaultObjectAcl"
    assert (await door.call("GET", f"{path}?ifMetagenerationMatch=1"))[0] == 200
    assert (await door.call("GET", f"{path}?ifMetagenerationMatch=2"))[0] == 412
    assert (await door.call("GET", f"{path}?ifMetagenerationNotMatch=1"))[0] == 304


async def test_nothing_is_kept_that_was_deleted(door, bucket):
    await put(door, bucket, "o")
    assert await door.call("GET", f"/storage/v1/b/{bucket}/o?softDeleted=true") == (200, {"kind": "storage#objects"})
    assert (await door.call("GET", f"{at(bucket, 'o')}?softDeleted=true"))[0] == 404
    assert (await door.call("GET", f"/storage/v1/b/{bucket}?softDeleted=true"))[0] == 404
    assert (await door.call("GET", "/storage/v1/b?project=p&softDeleted=true"))[1]["items"] == []
    assert (await door.call("GET", f"/storage/v1/b/{bucket}/o?softDeleted=true", who="job"))[0] == 403


async def test_buckets(door):
    labels = {"team": "taxi"}
    status, made = await door.call(
        "POST", "/storage/v1/b?project=p", json={"name": "taxi-eu", "location": "europe-west1", "labels": labels}
    )
    assert (status, made["location"], made["labels"], made["projectNumber"]) == (200, "EUROPE-WEST1", labels, "7")
    assert (await door.call("GET", "/storage/v1/b/taxi-eu?fields=location"))[1] == {"location": "EUROPE-WEST1"}
    assert (await door.call("POST", "/storage/v1/b", json={"name": "taxi-eu"}))[0] == 409
    for name in ("A", "google-x", "x", None):
        assert (await door.call("POST", "/storage/v1/b", json={"name": name}))[0] == 400
    _, patched = await door.call("PATCH", "/storage/v1/b/taxi-eu", json={"labels": {"team": None, "a": "b"}})
    assert (patched["labels"], patched["metageneration"], patched["timeCreated"]) == (
        {"a": "b"},
        "2",
        made["timeCreated"],
    )
    assert (await door.call("PATCH", "/storage/v1/b/taxi-eu", json={"location": "us"}))[0] == 400
    assert "taxi-eu" in [item["name"] for item in (await door.call("GET", "/storage/v1/b?project=p"))[1]["items"]]
    await put(door, "taxi-eu", "o")
    status, refusal = await door.call("DELETE", "/storage/v1/b/taxi-eu")
    assert (status, refusal["error"]["errors"][0]["reason"]) == (409, "conflict")
    await door.call("DELETE", at("taxi-eu", "o"))
    assert (await door.call("DELETE", "/storage/v1/b/taxi-eu"))[0] == 204
    assert (await door.call("GET", "/storage/v1/b/taxi-eu"))[0] == 404
    assert (await put(door, "taxi-eu", "o"))[0] == 404
    assert (await door.call("GET", "/storage/v1/b/taxi-eu/o"))[0] == 404
    assert (await door.call("POST", "/storage/v1/b", json={"name": "taxi-eu"}))[0] == 200


async def test_settings_without_effect_are_kept(tmp_path, front_door):
    rules = {"rule": [{"action": {"type": "Delete"}, "condition": {"age": 3}}]}
    async with front_door(tmp_path) as door:
        made = {"name": "bkt-settings", "lifecycle": rules, "customPlacementConfig": {"dataLocations": ["A", "B"]}}
        _, answer = await door.call("POST", "/storage/v1/b", json=made)
        assert (answer["lifecycle"], answer["locationType"]) == (rules, "dual-region")
        _, answer = await door.call("PATCH", "/storage/v1/b/bkt-settings", json={"cors": [{"origin": ["*"]}]})
        assert answer["metageneration"] == "2"
    async with front_door(tmp_path) as door:
        _, answer = await door.call("GET", "/storage/v1/b/bkt-settings")
        assert (answer["lifecycle"], answer["cors"]) == (rules, [{"origin": ["*"]}])
        _, answer = await door.call("PUT", "/storage/v1/b/bkt-settings", json={"lifecycle": None})
        assert ("lifecycle" in answer, answer["cors"]) == (False, [{"origin": ["*"]}])
        assert (await door.call("PATCH", "/storage/v1/b/bkt-settings", json={"lifecycle": []}))[0] == 400


async def test_there_are_no_managed_folders(door, bucket):
    path = f"/storage/v1/b/{bucket}"
    assert (await door.call("GET", f"{path}/managedFolders"))[0] == 412
    uniform = {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}}}
    assert (await door.call("PATCH", path, json=uniform))[0] == 200
    assert await door.call("GET", f"{path}/managedFolders") == (200, {"kind": "storage#managedFolders"})
    assert (await door.call("GET", f"{path}/managedFolders", who="job"))[0] == 403
    assert (await door.call("POST", f"{path}/managedFolders", json={"name": "d/"}))[0] == 501
