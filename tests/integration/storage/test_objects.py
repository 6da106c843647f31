"""Objects, where fake-gcs-server deviates from Google (see test_upstream.py) and the emulator must not."""

import asyncio
import base64
import hashlib
import io
import json
from urllib.parse import quote

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

UPLOAD = "/upload/storage/v1/b/{}/o?uploadType=media&name={}"


def at(bucket, name):
    return f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}"


async def put(endpoint, bucket, name, data=b"x", query="", caller="owner"):
    path = UPLOAD.format(bucket, quote(name, safe="")) + query
    return await endpoint.call("POST", path, data=data, caller=caller, headers={"Content-Type": "text/plain"})


async def names(endpoint, bucket, query=""):
    status, answer = await endpoint.call("GET", f"/storage/v1/b/{bucket}/o?{query}")
    assert status == 200
    return [item["name"] for item in answer.get("items", [])], answer.get("prefixes", [])


UNUSUAL_NAMES = [
    "../../etc/passwd",
    "..",
    "a",
    "a/b",
    "a/",
    "a/../q",
    "a//b",
    "/a",
    "A",
    "é",
    "e\u0301",
    "name with spaces & ?query#fragment%2F",
    "x" * 1024,
    "ü" * 512,
    "a.metadata",
    "*[x]?",
    "\U0001f600\t\x01\x7f",
]


async def test_every_name_is_a_separate_object(endpoint, bucket, tmp_path_factory):
    wanted = [name for name in UNUSUAL_NAMES if name != ".."]
    for name in wanted:
        assert (await put(endpoint, bucket, name, name.encode()))[0] == 200
    assert (await put(endpoint, bucket, ".."))[0] == 400
    listed, _ = await names(endpoint, bucket)
    assert listed == sorted(wanted, key=str.encode)
    for name in wanted:
        assert await endpoint.call("GET", at(bucket, name) + "?alt=media") == (200, name.encode())
        assert await endpoint.call("GET", f"/{bucket}/{quote(name)}") == (200, name.encode())
        assert (await endpoint.call("GET", at(bucket, name)))[1]["name"] == name
    media = endpoint.service.server.root
    outside = [path for path in media.parent.rglob("*") if path.is_file() and media not in path.parents]
    assert {path.parent for path in outside} == {media.parent}
    assert not [path for path in outside if not path.name.startswith("storage.sqlite3")]
    for name in wanted:
        assert (await endpoint.call("DELETE", at(bucket, name)))[0] == 204
    assert await names(endpoint, bucket) == ([], [])


async def test_placeholders_are_listed(endpoint, bucket):
    """TensorFlow creates a folder as a zero-byte object and looks it up."""
    await put(endpoint, bucket, "dir/", b"")
    await put(endpoint, bucket, "dir/sub/x")
    assert await names(endpoint, bucket, "prefix=dir/") == (["dir/", "dir/sub/x"], [])
    assert await names(endpoint, bucket, "prefix=dir/&delimiter=/") == (["dir/"], ["dir/sub/"])
    assert await names(endpoint, bucket, "delimiter=/&includeTrailingDelimiter=true") == (["dir/"], ["dir/"])


async def test_listing(endpoint, bucket):
    await asyncio.gather(
        *(put(endpoint, bucket, f"d{number}/f.{kind}") for number in range(4) for kind in ("csv", "txt"))
    )
    assert (await names(endpoint, bucket, "delimiter=/"))[1] == ["d0/", "d1/", "d2/", "d3/"]
    assert (await names(endpoint, bucket, "matchGlob=**.csv"))[0] == [f"d{number}/f.csv" for number in range(4)]
    assert (await names(endpoint, bucket, "startOffset=d1/g&endOffset=d3"))[0] == ["d2/f.csv", "d2/f.txt"]
    found, token = [], ""
    while True:
        query = f"maxResults=3&fields=items/name,nextPageToken&pageToken={quote(token)}"
        _, page = await endpoint.call("GET", f"/storage/v1/b/{bucket}/o?{query}")
        assert page.keys() <= {"items", "nextPageToken"}
        assert all(item.keys() == {"name"} for item in page["items"])
        found += [item["name"] for item in page["items"]]
        token = page.get("nextPageToken")
        if not token:
            break
    assert len(found) == 8
    for query in ("maxResults=x", "pageToken=%25", "fields=items(", "matchGlob=%7Ba"):
        status, answer = await endpoint.call("GET", f"/storage/v1/b/{bucket}/o?{query}")
        assert status == 400
        assert answer["error"]["errors"][0]["reason"] == "invalid"


async def test_preconditions_of_every_method(endpoint, bucket):
    _, first = await put(endpoint, bucket, "o", b"1")
    generation = int(first["generation"])
    for query in ("ifGenerationMatch=0", f"ifGenerationNotMatch={generation}", "ifMetagenerationMatch=9"):
        assert (await put(endpoint, bucket, "o", b"2", "&" + query))[0] == 412
        assert (await endpoint.call("DELETE", f"{at(bucket, 'o')}?{query}"))[0] == 412
        assert (await endpoint.call("PATCH", f"{at(bucket, 'o')}?{query}", json={"metadata": {"a": "b"}}))[0] == 412
        copied = f"{at(bucket, 'o')}/rewriteTo/b/{bucket}/o/o?{query}"
        assert (await endpoint.call("POST", copied))[0] == 412
    assert (await endpoint.call("GET", f"{at(bucket, 'o')}?ifGenerationMatch=1"))[0] == 412
    assert (await endpoint.call("GET", f"{at(bucket, 'o')}?ifGenerationNotMatch={generation}"))[0] == 304
    assert (await endpoint.call("GET", f"{at(bucket, 'o')}?alt=media&ifGenerationNotMatch={generation}"))[0] == 304
    assert (await endpoint.call("GET", f"{at(bucket, 'o')}?generation=1"))[0] == 404
    assert await endpoint.call("GET", f"{at(bucket, 'o')}?alt=media") == (200, b"1")
    status, second = await put(endpoint, bucket, "o", b"2", f"&ifGenerationMatch={generation}")
    assert status == 200
    assert int(second["generation"]) > generation


async def test_of_many_concurrent_creations_one_wins(endpoint, bucket):
    results = await asyncio.gather(*(put(endpoint, bucket, "o", b"%d" % n, "&ifGenerationMatch=0") for n in range(16)))
    assert sorted(status for status, _ in results) == [200] + [412] * 15
    [winner] = [number for number, (status, _) in enumerate(results) if status == 200]
    assert await endpoint.call("GET", at(bucket, "o") + "?alt=media") == (200, b"%d" % winner)


async def test_a_patch_changes_the_metadata_and_not_the_generation(endpoint, bucket):
    _, first = await put(endpoint, bucket, "o", b"1")
    _, patched = await endpoint.call("PATCH", at(bucket, "o"), json={"contentType": "text/csv", "metadata": {"k": "v"}})
    assert (patched["generation"], patched["metageneration"]) == (first["generation"], "2")
    assert (patched["contentType"], patched["metadata"]) == ("text/csv", {"k": "v"})
    _, patched = await endpoint.call("PATCH", at(bucket, "o"), json={"metadata": {"k": None, "l": "w"}})
    assert patched["metadata"] == {"l": "w"}
    _, updated = await endpoint.call("PUT", at(bucket, "o"), json={"contentType": "text/x"})
    assert "metadata" not in updated
    assert (await endpoint.call("PATCH", at(bucket, "o"), json={"metadata": {"k": [1]}}))[0] == 400


async def test_reads_by_range(endpoint, bucket):
    await put(endpoint, bucket, "o", bytes(range(100)))
    for path in (f"/{bucket}/o", at(bucket, "o") + "?alt=media", f"/download{at(bucket, 'o')}?alt=media"):
        reply = await endpoint.reply("GET", path, headers={"Range": "bytes=10-19"})
        assert (reply.status, reply.headers["Content-Range"]) == (206, "bytes 10-19/100")
        assert (await endpoint.call("GET", path, headers={"Range": "bytes=-10"}))[1] == bytes(range(90, 100))
        reply = await endpoint.reply("GET", path, headers={"Range": "bytes=100-200"})
        assert (reply.status, reply.headers["Content-Range"]) == (416, "bytes */100")
    reply = await endpoint.reply("HEAD", f"/{bucket}/o")
    assert (reply.status, reply.headers["Content-Length"]) == (200, "100")
    await put(endpoint, bucket, "empty", b"")
    assert await endpoint.call("GET", f"/{bucket}/empty") == (200, b"")
    assert (await endpoint.call("GET", f"/{bucket}/empty", headers={"Range": "bytes=0-9"}))[0] == 416


async def test_a_copy_has_its_sources_attributes_unless_it_is_given_some(endpoint, bucket):
    await put(endpoint, bucket, "o")
    await endpoint.call("PATCH", at(bucket, "o"), json={"metadata": {"k": "v"}})
    copy = f"{at(bucket, 'o')}/rewriteTo/b/{bucket}/o/copy"
    # Google's client for Node sends its own options, too (flydrive's copy).
    for nothing in ({}, {"metadata": {}}, {"metadata": None, "private": True, "resumable": False}, {"acl": []}):
        _, answer = await endpoint.call("POST", copy, json=nothing)
        assert (answer["resource"]["contentType"], answer["resource"]["metadata"]) == ("text/plain", {"k": "v"})
    for given in ({"metadata": {"l": "w"}}, {"cacheControl": "no-store"}):
        _, answer = await endpoint.call("POST", copy, json=given)
        assert given.items() <= answer["resource"].items()
        assert "contentType" not in answer["resource"]


async def test_copy_and_compose(endpoint, bucket):
    await put(endpoint, bucket, "a", b"1")
    await put(endpoint, bucket, "b", b"23")
    _, answer = await endpoint.call("POST", f"{at(bucket, 'a')}/rewriteTo/b/{bucket}/o/d%2Fc")
    assert (answer["done"], answer["resource"]["contentType"]) == (True, "text/plain")
    _, answer = await endpoint.call("POST", f"{at(bucket, 'a')}/copyTo/b/{bucket}/o/e", json={"contentType": "x/y"})
    assert answer["contentType"] == "x/y"
    sources = {"sourceObjects": [{"name": "a"}, {"name": "b"}, {"name": "a"}]}
    _, answer = await endpoint.call("POST", f"{at(bucket, 'abc')}/compose", json=sources)
    assert (answer["componentCount"], answer["size"], "md5Hash" in answer) == (3, "4", False)
    assert await endpoint.call("GET", f"/{bucket}/abc") == (200, b"1231")
    there = f"{at(bucket, 'a')}/rewriteTo/b/{bucket}/o/near"
    assert (await endpoint.call("POST", there, json={"storageClass": "NEARLINE"}))[0] == 200
    mixed = {"sourceObjects": [{"name": "near"}, {"name": "b"}]}
    assert (await endpoint.call("POST", f"{at(bucket, 'abc')}/compose", json=mixed))[0] == 400
    _, answer = await endpoint.call("POST", f"{at(bucket, 'n')}/compose", json={"sourceObjects": [{"name": "near"}]})
    assert answer["storageClass"] == "NEARLINE"
    for bad in ({}, {"sourceObjects": []}, {"sourceObjects": [{"name": "a"}] * 33}, {"sourceObjects": [{}]}):
        assert (await endpoint.call("POST", f"{at(bucket, 'abc')}/compose", json=bad))[0] == 400
    missing = {"sourceObjects": [{"name": "nope"}]}
    assert (await endpoint.call("POST", f"{at(bucket, 'abc')}/compose", json=missing))[0] == 404
    assert (await endpoint.call("POST", f"{at(bucket, 'nope')}/rewriteTo/b/{bucket}/o/x"))[0] == 404


async def test_unsupported_methods_and_features(endpoint, bucket):
    status, answer = await endpoint.call("GET", f"/storage/v1/b/{bucket}/notificationConfigs")
    message = "storage.notifications.list is not emulated: there is no Pub/Sub to notify."
    assert (status, answer["error"]["message"]) == (403, message)
    for feature in ({"billing": {"requesterPays": True}}, {"ipFilter": {"mode": "Enabled"}}):
        status, answer = await endpoint.call("PATCH", f"/storage/v1/b/{bucket}", json=feature)
        assert (status, answer["error"]["errors"][0]["reason"]) == (400, "invalid")
    assert (await endpoint.call("PATCH", f"/storage/v1/b/{bucket}", json={"versioning": {"enabled": False}}))[0] == 200
    assert (await endpoint.call("GET", "/storage/v1/nothing"))[0] == 404
    for feature in ({"contexts": {"custom": {}}}, {"kmsKeyName": "k"}):
        assert (await endpoint.call("POST", f"/storage/v1/b/{bucket}/o", json={"name": "o"} | feature))[0] == 400
    own_key = {"x-goog-encryption-algorithm": "AES256", "x-goog-encryption-key": "k"}
    assert (await endpoint.call("PUT", f"/{bucket}/o", data=b"x", headers=own_key))[0] == 400
    status, body = await endpoint.call("PUT", f"/{bucket}")
    assert (status, b"<Details>METHOD_NOT_EMULATED</Details>" in body) == (403, True)
    status, body = await endpoint.call("GET", "/no-such-bucket/o")
    assert (status, b"<Code>NoSuchBucket</Code>" in body) == (404, True)


async def test_bad_bodies_are_refused(endpoint, bucket):
    for body in (b"{", b"[]", b'"x"', b"\xff", b"{" * 100_000):
        status, answer = await endpoint.call("POST", "/storage/v1/b", data=body)
        assert (status, answer["error"]["errors"][0]["location"]) == (400, "body")
    assert (await endpoint.call("POST", "/storage/v1/b", data=io.BytesIO(b" " * (2 << 20))))[0] == 400
    for kind in ("", "?uploadType=x", "?uploadType=media", "?uploadType=multipart"):
        assert (await endpoint.call("POST", f"/upload/storage/v1/b/{bucket}/o{kind}", data=b"x"))[0] == 400


async def test_announced_hashes_are_checked(endpoint, bucket):
    digest = base64.b64encode(hashlib.md5(b"x", usedforsecurity=False).digest()).decode()
    path = UPLOAD.format(bucket, "o")
    assert (await endpoint.call("POST", path, data=b"x", headers={"Content-MD5": digest}))[0] == 200
    status, answer = await endpoint.call("POST", path, data=b"y", headers={"X-Goog-Hash": f"md5={digest}"})
    assert (status, "doesn't match" in answer["error"]["message"]) == (400, True)
    assert await endpoint.call("GET", f"/{bucket}/o") == (200, b"x")


async def test_a_slow_upload_blocks_no_other_request(endpoint, bucket):
    go_on = asyncio.Event()

    async def slow():
        yield b"a" * 100
        await go_on.wait()
        yield b"b"

    upload = asyncio.create_task(put(endpoint, bucket, "slow", slow()))
    async with asyncio.timeout(10):
        await put(endpoint, bucket, "quick", b"1")
        assert await endpoint.call("GET", f"/{bucket}/quick") == (200, b"1")
        assert await names(endpoint, bucket) == (["quick"], [])
    go_on.set()
    assert (await upload)[1]["size"] == "101"


async def test_readers_see_the_old_or_the_new_object_whole(endpoint, bucket):
    size = 300_000
    await put(endpoint, bucket, "o", b"0" * size)
    all_have_read = asyncio.Barrier(5)
    done = False

    async def first_byte():
        status, body = await endpoint.call("GET", f"/{bucket}/o")
        assert (status, len(body), len(set(body))) == (200, size, 1)
        return body[:1]

    async def read():
        seen = {await first_byte()}
        await all_have_read.wait()
        while not done:
            seen.add(await first_byte())
        return seen, await first_byte()

    readers = [asyncio.create_task(read()) for _ in range(4)]
    await all_have_read.wait()
    for number in range(10):
        await put(endpoint, bucket, "o", b"%d" % number * size)
    done = True
    for seen, last in await asyncio.gather(*readers):
        assert (b"0" in seen, last) == (True, b"9")


async def test_xml_writes(endpoint, bucket):
    headers = {"Content-Type": "text/csv", "x-goog-meta-k": "v", "x-goog-if-generation-match": "0"}
    assert (await endpoint.call("PUT", f"/{bucket}/d/o", data=b"1", headers=headers))[0] == 200
    _, found = await endpoint.call("GET", at(bucket, "d/o"))
    assert (found["contentType"], found["metadata"]) == ("text/csv", {"k": "v"})
    status, body = await endpoint.call("PUT", f"/{bucket}/d/o", data=b"1", headers=headers)
    assert (status, b"<Code>PreconditionFailed</Code>" in body) == (412, True)
    host = {"Host": f"{bucket}.storage.googleapis.com"}
    assert await endpoint.call("GET", "/d/o", headers=host) == (200, b"1")
    assert (await endpoint.call("DELETE", f"/{bucket}/d/o"))[0] == 204
    assert (await endpoint.call("GET", f"/{bucket}/d/o"))[0] == 404


async def test_multipart_uploads(endpoint, bucket):
    head = json.dumps({"name": "m/o", "metadata": {"k": "v"}}).encode()
    body = b"--b\r\nContent-Type: application/json\r\n\r\n" + head
    body += b"\r\n--b\r\nContent-Type: text/csv\r\n\r\n" + b"1,2\r\n--\r\n" + b"\r\n--b--\r\n"
    path = f"/upload/storage/v1/b/{bucket}/o?uploadType=multipart"
    kind = {"Content-Type": 'multipart/related; boundary="b"'}
    status, answer = await endpoint.call("POST", path, data=body, headers=kind)
    assert (status, answer["contentType"], answer["metadata"]) == (200, "text/csv", {"k": "v"})
    assert await endpoint.call("GET", f"/{bucket}/m/o") == (200, b"1,2\r\n--\r\n")
    assert (await endpoint.call("POST", path, data=body[:-8], headers=kind))[0] == 400


async def test_links_have_the_callers_host(endpoint, bucket):
    headers = {"Host": "storage.googleapis.com", "X-Forwarded-Proto": "https"}
    _, answer = await endpoint.call("POST", UPLOAD.format(bucket, "o"), data=b"1", headers=headers)
    assert answer["selfLink"] == f"https://storage.googleapis.com{at(bucket, 'o')}"
    path = f"/upload/storage/v1/b/{bucket}/o?uploadType=resumable&name=o"
    reply = await endpoint.reply("POST", path, headers=headers)
    assert reply.headers["Location"].startswith(f"https://storage.googleapis.com/upload/storage/v1/b/{bucket}/o?")


async def test_the_layout_that_tensorflow_asks_for(endpoint, bucket):
    status, answer = await endpoint.call("GET", f"/storage/v1/b/{bucket}/storageLayout")
    # A flat bucket has no word on a hierarchical namespace.
    assert (status, answer["location"], "hierarchicalNamespace" in answer) == (200, "US", False)
    assert (await endpoint.call("GET", f"/storage/v1/b/{bucket}/storageLayout", caller="job"))[0] == 403


async def test_the_service_account_of_cloud_storage(endpoint):
    _, answer = await endpoint.call("GET", "/storage/v1/projects/p/serviceAccount")
    assert answer["email_address"] == "service-7@gs-project-accounts.iam.gserviceaccount.com"


async def test_moving(endpoint, bucket):
    _, made = await put(endpoint, bucket, "a/b", b"1")
    _, other = await put(endpoint, bucket, "c", b"2")
    to_c = f"{at(bucket, 'a/b')}/moveTo/o/c"
    for query in (
        "ifGenerationMatch=0",
        "ifSourceGenerationMatch=1",
        "ifSourceMetagenerationMatch=2",
        f"ifGenerationNotMatch={other['generation']}",
    ):
        assert (await endpoint.call("POST", f"{to_c}?{query}"))[0] == 412
    assert (await endpoint.call("POST", to_c, caller="job"))[0] == 403
    status, moved = await endpoint.call("POST", f"{to_c}?ifSourceGenerationMatch={made['generation']}")
    assert (status, moved["name"], moved["contentType"]) == (200, "c", "text/plain")
    assert int(moved["generation"]) > int(other["generation"])
    assert await names(endpoint, bucket) == (["c"], [])
    assert await endpoint.call("GET", f"/{bucket}/c") == (200, b"1")
    assert (await endpoint.call("POST", to_c))[0] == 404
    assert (await endpoint.call("POST", f"{at(bucket, 'c')}/moveTo/o/c"))[0] == 400
