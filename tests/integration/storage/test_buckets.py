"""Buckets: their fields, default ACLs, and features they lack."""

from urllib.parse import quote

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")


def at(bucket, name):
    return f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}"


async def put(endpoint, bucket, name, data=b"x"):
    return await endpoint.call(
        "POST", f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(name)}", data=data
    )


async def test_default_acls_have_the_preconditions_of_their_bucket(endpoint, bucket):
    path = f"/storage/v1/b/{bucket}/defaultObjectAcl"
    assert (await endpoint.call("GET", f"{path}?ifMetagenerationMatch=1"))[0] == 200
    assert (await endpoint.call("GET", f"{path}?ifMetagenerationMatch=2"))[0] == 412
    assert (await endpoint.call("GET", f"{path}?ifMetagenerationNotMatch=1"))[0] == 304


async def test_no_bucket_is_soft_deleted(endpoint, bucket):
    assert (await endpoint.call("GET", f"/storage/v1/b/{bucket}?softDeleted=true&generation=1"))[0] == 404
    assert (await endpoint.call("GET", "/storage/v1/b?project=p&softDeleted=true"))[1]["items"] == []
    assert (await endpoint.call("GET", f"/storage/v1/b/{bucket}/o?softDeleted=true", caller="job"))[0] == 403


async def test_buckets(endpoint):
    labels = {"team": "taxi"}
    status, created = await endpoint.call(
        "POST", "/storage/v1/b?project=p", json={"name": "taxi-eu", "location": "europe-west1", "labels": labels}
    )
    assert (status, created["location"], created["labels"], created["projectNumber"]) == (
        200,
        "EUROPE-WEST1",
        labels,
        "7",
    )
    assert (await endpoint.call("GET", "/storage/v1/b/taxi-eu?fields=location"))[1] == {"location": "EUROPE-WEST1"}
    assert (await endpoint.call("POST", "/storage/v1/b", json={"name": "taxi-eu"}))[0] == 409
    for name in ("A", "google-x", "x", None):
        assert (await endpoint.call("POST", "/storage/v1/b", json={"name": name}))[0] == 400
    _, patched = await endpoint.call("PATCH", "/storage/v1/b/taxi-eu", json={"labels": {"team": None, "a": "b"}})
    assert (patched["labels"], patched["metageneration"], patched["timeCreated"]) == (
        {"a": "b"},
        "2",
        created["timeCreated"],
    )
    assert (await endpoint.call("PATCH", "/storage/v1/b/taxi-eu", json={"location": "us"}))[0] == 400
    assert "taxi-eu" in [item["name"] for item in (await endpoint.call("GET", "/storage/v1/b?project=p"))[1]["items"]]
    await put(endpoint, "taxi-eu", "o")
    status, error = await endpoint.call("DELETE", "/storage/v1/b/taxi-eu")
    assert (status, error["error"]["errors"][0]["reason"]) == (409, "conflict")
    await endpoint.call("DELETE", at("taxi-eu", "o"))
    assert (await endpoint.call("DELETE", "/storage/v1/b/taxi-eu"))[0] == 204
    assert (await endpoint.call("GET", "/storage/v1/b/taxi-eu"))[0] == 404
    assert (await put(endpoint, "taxi-eu", "o"))[0] == 404
    assert (await endpoint.call("GET", "/storage/v1/b/taxi-eu/o"))[0] == 404
    assert (await endpoint.call("POST", "/storage/v1/b", json={"name": "taxi-eu"}))[0] == 200


async def test_settings_without_effect_are_stored(tmp_path, new_endpoint):
    rules = {"rule": [{"action": {"type": "Delete"}, "condition": {"age": 3}}]}
    async with new_endpoint(tmp_path) as endpoint:
        created = {
            "name": "bkt-settings",
            "lifecycle": rules,
            "customPlacementConfig": {"dataLocations": ["US-EAST1", "US-WEST1"]},
        }
        _, answer = await endpoint.call("POST", "/storage/v1/b", json=created)
        assert (answer["lifecycle"], answer["locationType"]) == (rules, "dual-region")
        _, answer = await endpoint.call("PATCH", "/storage/v1/b/bkt-settings", json={"cors": [{"origin": ["*"]}]})
        assert answer["metageneration"] == "2"
    async with new_endpoint(tmp_path) as endpoint:
        _, answer = await endpoint.call("GET", "/storage/v1/b/bkt-settings")
        assert (answer["lifecycle"], answer["cors"]) == (rules, [{"origin": ["*"]}])
        _, answer = await endpoint.call("PUT", "/storage/v1/b/bkt-settings", json={"lifecycle": None})
        assert ("lifecycle" in answer, answer["cors"]) == (False, [{"origin": ["*"]}])
        assert (await endpoint.call("PATCH", "/storage/v1/b/bkt-settings", json={"lifecycle": []}))[0] == 400


async def test_there_are_no_managed_folders(endpoint, bucket):
    path = f"/storage/v1/b/{bucket}"
    assert (await endpoint.call("GET", f"{path}/managedFolders"))[0] == 412
    uniform = {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}}}
    assert (await endpoint.call("PATCH", path, json=uniform))[0] == 200
    assert await endpoint.call("GET", f"{path}/managedFolders") == (200, {"kind": "storage#managedFolders"})
    assert (await endpoint.call("GET", f"{path}/managedFolders", caller="job"))[0] == 403
    assert (await endpoint.call("POST", f"{path}/managedFolders", json={"name": "d/"}))[0] == 403
