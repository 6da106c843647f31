"""What reads bring with them and are bound to: tags, times, custom metadata, and gzip."""

import base64
import gzip
import hashlib
from urllib.parse import quote

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = b"some text, " * 10_000


def at(bucket, name):
    return f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}"


async def put(door, bucket, name, data=b"x", query="", **headers):
    path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(name, safe='')}{query}"
    status, answer = await door.call("POST", path, data=data, headers=headers)
    assert status == 200
    return answer


async def got(door, path, **headers):
    reply = await door.reply("GET", path, headers=headers)
    return *await door.call("GET", path, headers=headers), reply.headers


async def test_a_tag_in_a_header_is_that_of_the_resource(door, bucket):
    tag = (await put(door, bucket, "o"))["etag"]
    for path in (at(bucket, "o"), at(bucket, "o") + "?alt=media"):
        assert (await door.reply("GET", path, headers={"If-None-Match": tag})).status == 304
        assert (await door.reply("GET", path, headers={"If-Match": tag})).status == 200
        assert (await door.reply("GET", path, headers={"If-Match": "CAE="})).status == 412
    assert (await door.reply("GET", at(bucket, "o") + "?alt=media")).headers["ETag"] == tag
    bucket_tag = (await door.call("GET", f"/storage/v1/b/{bucket}"))[1]["etag"]
    for header, status in (({"If-None-Match": bucket_tag}, 304), ({"If-Match": "CAE="}, 412)):
        assert (await door.reply("GET", f"/storage/v1/b/{bucket}", headers=header)).status == status


async def test_a_tag_of_the_xml_api_is_the_md5(door, bucket):
    tag = f'"{hashlib.md5(TEXT, usedforsecurity=False).hexdigest()}"'
    reply = await door.reply("PUT", f"/{bucket}/o", data=TEXT)
    assert reply.headers["ETag"] == tag
    reply = await door.reply("HEAD", f"/{bucket}/o")
    assert (reply.status, reply.headers["ETag"]) == (200, tag)
    conditions = (
        ({"If-None-Match": tag}, 304),
        ({"If-Match": '"x"'}, 412),
        ({"If-Modified-Since": reply.headers["Last-Modified"]}, 304),
        ({"If-Unmodified-Since": "Mon, 01 Jan 2024 00:00:00 GMT"}, 412),
    )
    for headers, status in conditions:
        assert (await door.reply("GET", f"/{bucket}/o", headers=headers)).status == status
    assert f"<ETag>{tag}</ETag>".encode() in (await door.call("GET", f"/{bucket}"))[1]


async def test_custom_metadata_comes_in_headers_where_it_can(door, bucket):
    headers = {"x-goog-meta-k": "v", "x-goog-storage-class": "NEARLINE"}
    reply = await door.reply("PUT", f"/{bucket}/o", data=b"x", headers=headers)
    assert (reply.headers["X-Goog-Storage-Class"], "X-Goog-Meta-k" in reply.headers) == ("NEARLINE", False)
    await door.call("PATCH", at(bucket, "o"), json={"metadata": {"a b": "c", "clé": "d", "lines": "e\r\nX-Other: f"}})
    for path in (f"/{bucket}/o", at(bucket, "o") + "?alt=media"):
        reply = await door.reply("GET", path)
        assert (reply.status, reply.headers["X-Goog-Storage-Class"]) == (200, "NEARLINE")
        assert [name for name in reply.headers if name.startswith("X-Goog-Meta-")] == ["X-Goog-Meta-k"]
        assert reply.headers["X-Goog-Meta-k"] == "v"


async def test_what_cannot_be_a_header_is_refused_before_it_is_kept(door, bucket):
    await put(door, bucket, "o")
    for field in ("contentType", "contentDisposition", "cacheControl"):
        assert (await door.call("PATCH", at(bucket, "o"), json={field: "a\r\nX-Other: b"}))[0] == 400
    assert await door.call("GET", f"/{bucket}/o") == (200, b"x")


async def test_gzip_is_decompressed_for_who_does_not_take_it(door, bucket):
    compressed = gzip.compress(TEXT)
    await put(door, bucket, "o", compressed, "&contentEncoding=gzip")
    md5 = base64.b64encode(hashlib.md5(compressed, usedforsecurity=False).digest()).decode()
    plain = {"Accept-Encoding": "identity"}
    for path in (f"/{bucket}/o", at(bucket, "o") + "?alt=media"):
        for headers in (plain, plain | {"Range": "bytes=5-9"}):
            status, body, told = await got(door, path, **headers)
            assert (status, body) == (200, TEXT)
            assert not {"Content-Encoding", "Content-Length", "Content-Range"} & told.keys()
            assert told["X-Goog-Stored-Content-Encoding"] == "gzip"
            assert f"md5={md5}" in told["X-Goog-Hash"]
        status, body, told = await got(door, path, **{"Accept-Encoding": "gzip"})
        assert (status, body, told["Content-Encoding"]) == (200, compressed, "gzip")
    reply = await door.reply("HEAD", f"/{bucket}/o", headers=plain)
    assert (reply.status, "Content-Length" in reply.headers) == (200, False)
    await door.call("PATCH", at(bucket, "o"), json={"cacheControl": "no-transform"})
    assert await door.call("GET", f"/{bucket}/o", headers=plain) == (200, compressed)


async def test_gzip_of_the_way_is_not_stored(door, bucket):
    """``gcloud storage cp --gzip-in-flight``; ranges of resumable uploads are of what was compressed."""
    sent = {"Content-Encoding": "gzip"}
    compressed = gzip.compress(TEXT)
    await put(door, bucket, "media", compressed, **sent)
    body = b'--b\r\n\r\n{"name": "multipart"}\r\n--b\r\n\r\n' + TEXT + b"\r\n--b--\r\n"
    kind = {"Content-Type": 'multipart/related; boundary="b"'}
    path = f"/upload/storage/v1/b/{bucket}/o?uploadType="
    assert (await door.call("POST", f"{path}multipart", data=gzip.compress(body), headers=kind | sent))[0] == 200
    begun = await door.reply("POST", f"{path}resumable", data=gzip.compress(b'{"name": "resumable"}'), headers=sent)
    span = {"Content-Range": f"bytes 0-{len(TEXT) - 1}/{len(TEXT)}"}
    assert (await door.reply("PUT", begun.headers["Location"], data=compressed, headers=sent | span)).status == 200
    for name in ("media", "multipart", "resumable"):
        assert await door.call("GET", f"/{bucket}/{name}") == (200, TEXT)
        assert "contentEncoding" not in (await door.call("GET", at(bucket, name)))[1]
    assert (await door.call("POST", f"{path}media&name=o", data=b"plain", headers=sent))[0] == 400
    # The XML API stores what it is sent.
    assert (await door.reply("PUT", f"/{bucket}/xml", data=compressed, headers=sent)).status == 200
    assert (await door.call("GET", at(bucket, "xml")))[1]["contentEncoding"] == "gzip"


async def test_what_only_says_that_it_is_gzip_is_served_as_it_is(door, bucket):
    for name, data in (("text", b"text"), ("empty", b"")):
        await put(door, bucket, name, data, "&contentEncoding=gzip")
        status, body, told = await got(door, f"/{bucket}/{name}", **{"Accept-Encoding": "identity"})
        assert (status, body, told["Content-Encoding"]) == (200, data, "gzip")
