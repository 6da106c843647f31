"""What the server fills in, what it refuses, and changes that change nothing."""

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

BUCKETS = "/storage/v1/b"


async def made(endpoint, name, **fields):
    return await endpoint.call("POST", BUCKETS, json={"name": name, **fields})


async def put(endpoint, bucket, name, data=b"x", **fields):
    path = f"/upload/storage/v1/b/{bucket}/o?uploadType=resumable"
    begun = await endpoint.reply("POST", path, json={"name": name, **fields})
    if begun.status != 200:
        return begun.status, await begun.json()
    return await endpoint.call("PUT", begun.headers["Location"].removeprefix(endpoint.url), data=data)


async def test_what_the_server_adds(endpoint):
    _, multi = await made(endpoint, "bkt-added", autoclass={"enabled": True})
    assert multi["generation"].isdigit()
    assert (multi["rpo"], multi["locationType"]) == ("DEFAULT", "multi-region")
    since = multi["autoclass"]["toggleTime"]
    assert multi["autoclass"] == {
        "enabled": True,
        "toggleTime": since,
        "terminalStorageClass": "NEARLINE",
        "terminalStorageClassUpdateTime": since,
    }
    _, off = await endpoint.call(
        "PATCH", f"{BUCKETS}/bkt-added?projection=noAcl", json={"autoclass": {"enabled": False}}
    )
    assert (off["autoclass"]["enabled"], off["autoclass"]["toggleTime"] > since) == (False, True)
    assert off["generation"] == multi["generation"]
    assert (await endpoint.call("GET", f"{BUCKETS}/bkt-added?generation={multi['generation']}"))[1] == off
    assert (await endpoint.call("GET", f"{BUCKETS}/bkt-added?generation=1"))[0] == 404
    _, region = await made(endpoint, "bkt-region", location="us-east1")
    assert "rpo" not in region
    _, dual = await made(endpoint, "bkt-dual", location="nam4", rpo="ASYNC_TURBO")
    assert (dual["rpo"], dual["locationType"]) == ("ASYNC_TURBO", "dual-region")
    _, layout = await endpoint.call("GET", f"{BUCKETS}/bkt-dual/storageLayout")
    assert layout.keys() == {"kind", "bucket", "location", "locationType"}
    _, flat = await made(endpoint, "bkt-flat", hierarchicalNamespace={"enabled": False})
    assert flat["hierarchicalNamespace"] == {"enabled": False}


@pytest.mark.parametrize(
    ("field", "value", "place"),
    [
        ("location", "MOON", "location"),
        ("labels", {"A": "b"}, "labels"),
        ("rpo", "WRONG", "rpo"),
        ("cors", [5], "cors"),
        ("cors", [{"method": "GET"}], "cors.method"),
        ("storageClass", "FAST", "storageClass"),
        ("logging", {"logObjectPrefix": "x"}, "logging.logObjectPrefix"),
        ("website", {"mainPageSuffix": 1}, "website.mainPageSuffix"),
        ("autoclass", {"enabled": True, "terminalStorageClass": "STANDARD"}, "autoclass.terminalStorageClass"),
        ("ipFilter", {"mode": "Enabled"}, "ipFilter.mode"),
        ("hierarchicalNamespace", {"enabled": True}, "hierarchicalNamespace"),
        ("customPlacementConfig", {"dataLocations": ["US-EAST1"]}, "customPlacementConfig.dataLocations"),
    ],
)
async def test_values_that_are_no_use_are_refused(endpoint, bucket, field, value, place):
    status, answer = await made(endpoint, "bkt-refused", **{field: value})
    assert (status, answer["error"]["errors"][0]["location"]) == (400, place)
    assert (await endpoint.call("GET", f"{BUCKETS}/bkt-refused"))[0] == 404
    _, before = await endpoint.call("GET", f"{BUCKETS}/{bucket}")
    assert (await endpoint.call("PATCH", f"{BUCKETS}/{bucket}", json={field: value}))[0] == 400
    assert (await endpoint.call("GET", f"{BUCKETS}/{bucket}"))[1] == before


async def test_empty_patches_change_nothing_and_unchanged_values_count(endpoint, bucket):
    at = f"{BUCKETS}/{bucket}"
    _, before = await endpoint.call("GET", at)
    assert (await endpoint.call("PATCH", f"{at}?projection=noAcl", json={}))[1] == before
    assert (await endpoint.call("PATCH", f"{at}?projection=noAcl"))[1] == before
    assert (await endpoint.call("PATCH", f"{at}?ifMetagenerationMatch=5", json={}))[0] == 412
    assert (await endpoint.call("PATCH", at, json={}, caller="job"))[0] == 403
    assert (await endpoint.call("PATCH", at, json={"storageClass": "STANDARD"}))[1]["metageneration"] == "2"
    assert (await endpoint.call("PATCH", f"{at}?predefinedAcl=private", json={}))[1]["metageneration"] == "3"
    _, made = await put(endpoint, bucket, "o")
    assert (await endpoint.call("PATCH", f"{at}/o/o?projection=noAcl", json={}))[1] == made
    assert (await endpoint.call("PATCH", f"{at}/o/o?ifMetagenerationMatch=5", json={}))[0] == 412
    same = {"contentType": made.get("contentType")}
    assert (await endpoint.call("PATCH", f"{at}/o/o", json=same))[1]["metageneration"] == "2"
    assert (await endpoint.call("PUT", f"{at}/o/o", json={}))[1]["metageneration"] == "3"


async def test_custom_times_go_forward_only(endpoint, bucket):
    at = f"{BUCKETS}/{bucket}/o/o"
    status, answer = await put(endpoint, bucket, "o", customTime="tomorrow")
    assert (status, answer["error"]["errors"][0]["location"]) == (400, "customTime")
    _, made = await put(endpoint, bucket, "o", customTime="2026-01-01T00:00:00+01:00")
    assert made["customTime"] == "2025-12-31T23:00:00Z"
    for wrong in ("2025-12-31T22:59:59Z", "never", None):
        assert (await endpoint.call("PATCH", at, json={"customTime": wrong}))[0] == 400
    _, later = await endpoint.call("PATCH", at, json={"customTime": "2026-06-01T00:00:00.123Z"})
    assert later["customTime"] == "2026-06-01T00:00:00.123Z"
    assert (await endpoint.call("PUT", at, json={"contentType": "text/x"}))[1]["customTime"] == later["customTime"]
    reply = await endpoint.reply("PUT", f"/{bucket}/o", data=b"x", headers={"X-Goog-Custom-Time": "soon"})
    assert reply.status == 400


@pytest.mark.parametrize(
    "query",
    ["matchGlob={a,b", "matchGlob=%5Ba", "matchGlob=a*&delimiter=-", "filter=contexts.%22a%22:*", "maxResults=-1"],
)
async def test_lists_that_cannot_be_made_are_refused(endpoint, bucket, query):
    assert (await endpoint.call("GET", f"{BUCKETS}/{bucket}/o?{query}"))[0] == 400


async def test_globs_and_folders_go_together(endpoint, bucket):
    for name in ("a/x", "a/y", "b"):
        await put(endpoint, bucket, name)
    _, page = await endpoint.call("GET", f"{BUCKETS}/{bucket}/o?matchGlob=**x&delimiter=/")
    assert page["prefixes"] == ["a/"]


async def test_composed_sources_are_deleted_if_asked(endpoint, bucket):
    at = f"{BUCKETS}/{bucket}/o"
    for name in ("a", "b", "kept"):
        await put(endpoint, bucket, name, name.encode())
    request = {"sourceObjects": [{"name": "a"}, {"name": "b"}], "deleteSourceObjects": True}
    assert (await endpoint.call("POST", f"{at}/joined/compose", json=request))[0] == 200
    assert [item["name"] for item in (await endpoint.call("GET", at))[1]["items"]] == ["joined", "kept"]
    request["sourceObjects"] = [{"name": "kept"}, {"name": "joined"}]
    assert (await endpoint.call("POST", f"{at}/kept/compose", json=request))[0] == 200
    assert [item["name"] for item in (await endpoint.call("GET", at))[1]["items"]] == ["kept"]
    assert (await endpoint.call("GET", f"{at}/kept?alt=media"))[1] == b"keptab"
    request["sourceObjects"] = [{"name": "kept"}, {"name": "none"}]
    assert (await endpoint.call("POST", f"{at}/new/compose", json=request))[0] == 404
    assert (await endpoint.call("GET", f"{at}/kept"))[0] == 200


async def test_a_composed_version_that_was_named_is_deleted_for_good(endpoint, bucket):
    at = f"{BUCKETS}/{bucket}"
    await endpoint.call("PATCH", at, json={"versioning": {"enabled": True}})
    _, named = await put(endpoint, bucket, "named")
    await put(endpoint, bucket, "unnamed")
    sources = [{"name": "named", "generation": named["generation"]}, {"name": "unnamed"}]
    request = {"sourceObjects": sources, "deleteSourceObjects": True}
    assert (await endpoint.call("POST", f"{at}/o/joined/compose", json=request))[0] == 200
    _, page = await endpoint.call("GET", f"{at}/o?versions=true")
    assert [(item["name"], "timeDeleted" in item) for item in page["items"]] == [("joined", False), ("unnamed", True)]


async def test_a_bucket_that_takes_no_encryption_of_googles_takes_nothing(endpoint):
    name = "googleManagedEncryptionEnforcementConfig"
    restricted = {name: {"restrictionMode": "FullyRestricted"}}
    _, bucket = await made(endpoint, "bkt-encryption", encryption=restricted)
    assert bucket["encryption"][name].keys() == {"restrictionMode", "effectiveTime"}
    status, answer = await put(endpoint, "bkt-encryption", "o")
    assert (status, name in answer["error"]["message"]) == (412, True)
    _, bucket = await endpoint.call("PATCH", f"{BUCKETS}/bkt-encryption", json={"encryption": {name: None}})
    assert "encryption" not in bucket
    assert (await put(endpoint, "bkt-encryption", "o"))[0] == 200
