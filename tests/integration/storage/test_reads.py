"""Headers and conditions of reads: ETags, times, custom metadata, and gzip."""

import base64
import gzip
import hashlib
from urllib.parse import quote

import google_crc32c
import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = b"some text, " * 10_000


def at(bucket, name):
    return f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}"


async def put(endpoint, bucket, name, data=b"x", query="", **headers):
    path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(name, safe='')}{query}"
    status, answer = await endpoint.call("POST", path, data=data, headers=headers)
    assert status == 200
    return answer


async def get(endpoint, path, **headers):
    reply = await endpoint.reply("GET", path, headers=headers)
    return *await endpoint.call("GET", path, headers=headers), reply.headers


async def test_an_etag_in_a_header_is_that_of_the_resource(endpoint, bucket):
    tag = (await put(endpoint, bucket, "o"))["etag"]
    for path in (at(bucket, "o"), at(bucket, "o") + "?alt=media"):
        assert (await endpoint.reply("GET", path, headers={"If-None-Match": tag})).status == 304
        assert (await endpoint.reply("GET", path, headers={"If-Match": tag})).status == 200
        assert (await endpoint.reply("GET", path, headers={"If-Match": "CAE="})).status == 412
    assert (await endpoint.reply("GET", at(bucket, "o") + "?alt=media")).headers["ETag"] == tag
    bucket_tag = (await endpoint.call("GET", f"/storage/v1/b/{bucket}"))[1]["etag"]
    for header, status in (({"If-None-Match": bucket_tag}, 304), ({"If-Match": "CAE="}, 412)):
        assert (await endpoint.reply("GET", f"/storage/v1/b/{bucket}", headers=header)).status == status


async def test_an_etag_of_the_xml_api_is_the_md5(endpoint, bucket):
    tag = f'"{hashlib.md5(TEXT, usedforsecurity=False).hexdigest()}"'
    reply = await endpoint.reply("PUT", f"/{bucket}/o", data=TEXT)
    assert reply.headers["ETag"] == tag
    reply = await endpoint.reply("HEAD", f"/{bucket}/o")
    assert (reply.status, reply.headers["ETag"]) == (200, tag)
    conditions = (
        ({"If-None-Match": tag}, 304),
        ({"If-Match": '"x"'}, 412),
        ({"If-Modified-Since": reply.headers["Last-Modified"]}, 304),
        ({"If-Unmodified-Since": "Mon, 01 Jan 2024 00:00:00 GMT"}, 412),
    )
    for headers, status in conditions:
        assert (await endpoint.reply("GET", f"/{bucket}/o", headers=headers)).status == status
    assert f"<ETag>{tag}</ETag>".encode() in (await endpoint.call("GET", f"/{bucket}"))[1]


async def test_custom_metadata_is_in_headers_if_valid_there(endpoint, bucket):
    headers = {"x-goog-meta-k": "v", "x-goog-storage-class": "NEARLINE"}
    reply = await endpoint.reply("PUT", f"/{bucket}/o", data=b"x", headers=headers)
    assert (reply.headers["X-Goog-Storage-Class"], "X-Goog-Meta-k" in reply.headers) == ("NEARLINE", False)
    await endpoint.call(
        "PATCH", at(bucket, "o"), json={"metadata": {"a b": "c", "clé": "d", "lines": "e\r\nX-Other: f"}}
    )
    for path in (f"/{bucket}/o", at(bucket, "o") + "?alt=media"):
        reply = await endpoint.reply("GET", path)
        assert (reply.status, reply.headers["X-Goog-Storage-Class"]) == (200, "NEARLINE")
        assert [name for name in reply.headers if name.startswith("X-Goog-Meta-")] == ["X-Goog-Meta-k"]
        assert reply.headers["X-Goog-Meta-k"] == "v"


async def test_a_browser_does_not_run_what_an_object_holds(endpoint, bucket):
    await put(endpoint, bucket, "page.html", b"<script>1</script>", **{"Content-Type": "text/html"})
    media = at(bucket, "page.html") + "?alt=media"
    for path in (media, f"/download{media}", f"/{bucket}/page.html"):
        reply = await endpoint.reply("GET", path)
        assert reply.headers["Content-Type"] == "text/html"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Content-Security-Policy"] == "sandbox"
        assert reply.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert not {"Content-Disposition", "Access-Control-Allow-Origin"} & reply.headers.keys()


async def test_no_preflight_is_answered(endpoint, bucket):
    """It would let a page send the header that tells Google's clients from pages."""
    await put(endpoint, bucket, "o")
    asked = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-goog-api-client",
    }
    upload = f"/upload/storage/v1/b/{bucket}/o?uploadType=resumable&name=o"
    for path in (at(bucket, "o"), f"/b/{bucket}/o", upload, f"/{bucket}/o", f"/{bucket}/o?X-Goog-Signature=1"):
        reply = await endpoint.reply("OPTIONS", path, headers=asked)
        assert reply.status >= 400
        assert not [name for name in reply.headers if name.lower().startswith("access-control-")]


async def test_invalid_header_values_are_refused(endpoint, bucket):
    await put(endpoint, bucket, "o")
    for field in ("contentType", "contentDisposition", "cacheControl"):
        assert (await endpoint.call("PATCH", at(bucket, "o"), json={field: "a\r\nX-Other: b"}))[0] == 400
    assert await endpoint.call("GET", f"/{bucket}/o") == (200, b"x")


async def test_gzip_is_decompressed_for_clients_that_do_not_accept_it(endpoint, bucket):
    compressed = gzip.compress(TEXT)
    await put(endpoint, bucket, "o", compressed, "&contentEncoding=gzip")
    md5 = base64.b64encode(hashlib.md5(compressed, usedforsecurity=False).digest()).decode()
    plain = {"Accept-Encoding": "identity"}
    for path in (f"/{bucket}/o", at(bucket, "o") + "?alt=media"):
        for headers in (plain, plain | {"Range": "bytes=5-9"}):
            status, body, response_headers = await get(endpoint, path, **headers)
            assert (status, body) == (200, TEXT)
            assert not {"Content-Encoding", "Content-Length", "Content-Range"} & response_headers.keys()
            assert response_headers["X-Goog-Stored-Content-Encoding"] == "gzip"
            assert f"md5={md5}" in ",".join(response_headers.getall("X-Goog-Hash"))
        status, body, response_headers = await get(endpoint, path, **{"Accept-Encoding": "gzip"})
        assert (status, body, response_headers["Content-Encoding"]) == (200, compressed, "gzip")
    reply = await endpoint.reply("HEAD", f"/{bucket}/o", headers=plain)
    assert (reply.status, "Content-Length" in reply.headers) == (200, False)
    await endpoint.call("PATCH", at(bucket, "o"), json={"cacheControl": "no-transform"})
    assert await endpoint.call("GET", f"/{bucket}/o", headers=plain) == (200, compressed)


async def test_gzip_in_flight_is_not_stored(endpoint, bucket):
    """``gcloud storage cp --gzip-in-flight``; ranges of resumable uploads count decompressed bytes."""
    sent = {"Content-Encoding": "gzip"}
    compressed = gzip.compress(TEXT)
    await put(endpoint, bucket, "media", compressed, **sent)
    body = b'--b\r\n\r\n{"name": "multipart"}\r\n--b\r\n\r\n' + TEXT + b"\r\n--b--\r\n"
    kind = {"Content-Type": 'multipart/related; boundary="b"'}
    path = f"/upload/storage/v1/b/{bucket}/o?uploadType="
    assert (await endpoint.call("POST", f"{path}multipart", data=gzip.compress(body), headers=kind | sent))[0] == 200
    begun = await endpoint.reply("POST", f"{path}resumable", data=gzip.compress(b'{"name": "resumable"}'), headers=sent)
    span = {"Content-Range": f"bytes 0-{len(TEXT) - 1}/{len(TEXT)}"}
    assert (await endpoint.reply("PUT", begun.headers["Location"], data=compressed, headers=sent | span)).status == 200
    for name in ("media", "multipart", "resumable"):
        assert await endpoint.call("GET", f"/{bucket}/{name}") == (200, TEXT)
        assert "contentEncoding" not in (await endpoint.call("GET", at(bucket, name)))[1]
    assert (await endpoint.call("POST", f"{path}media&name=o", data=b"plain", headers=sent))[0] == 400
    # The XML API stores the body as sent.
    assert (await endpoint.reply("PUT", f"/{bucket}/xml", data=compressed, headers=sent)).status == 200
    assert (await endpoint.call("GET", at(bucket, "xml")))[1]["contentEncoding"] == "gzip"


async def test_content_that_is_not_gzip_is_served_unchanged(endpoint, bucket):
    for name, data in (("text", b"text"), ("empty", b"")):
        await put(endpoint, bucket, name, data, "&contentEncoding=gzip")
        status, body, response_headers = await get(endpoint, f"/{bucket}/{name}", **{"Accept-Encoding": "identity"})
        assert (status, body, response_headers["Content-Encoding"]) == (200, data, "gzip")


@pytest.mark.parametrize("verb", ["GET", "HEAD"])
async def test_the_xml_api_has_a_header_for_each_hash_and_the_json_api_one_for_both(endpoint, bucket, verb):
    """Google's client for Go verifies no checksum that is joined to another by a comma, that for Python reads none
    behind a comma and a space."""
    await put(endpoint, bucket, "o", b"x")
    md5 = base64.b64encode(hashlib.md5(b"x", usedforsecurity=False).digest()).decode()
    crc32c = base64.b64encode(google_crc32c.value(b"x").to_bytes(4)).decode()
    hashes = [f"crc32c={crc32c}", f"md5={md5}"]
    for written_or_read in (("PUT", f"/{bucket}/o"), (verb, f"/{bucket}/o")):
        reply = await endpoint.reply(*written_or_read, data=b"x" if written_or_read[0] == "PUT" else None)
        assert reply.headers.getall("X-Goog-Hash") == hashes
    reply = await endpoint.reply("PUT", f"/{bucket}/copied", headers={"x-goog-copy-source": f"{bucket}/o"})
    assert reply.headers.getall("X-Goog-Hash") == hashes
    reply = await endpoint.reply("GET", at(bucket, "o") + "?alt=media")
    assert reply.headers.getall("X-Goog-Hash") == [",".join(hashes)]
