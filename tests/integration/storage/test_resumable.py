"""Resumable uploads, as TensorFlow and Google's clients resume them over broken connections."""

import asyncio
import base64
import hashlib
import os
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

DATA = os.urandom(100_000)
UNIT = 2**16
"""Bytes; four units are the smallest chunk that is not the last."""


def units(letters):
    """As many units of bytes as there are letters."""
    return b"".join(letter.encode() * UNIT for letter in letters)


def span(first, last, total):
    """``Content-Range`` of units."""
    return f"bytes {first * UNIT}-{(last + 1) * UNIT - 1}/{total if total == '*' else total * UNIT}"


def until(last):
    """``Range`` of the bytes received."""
    return f"bytes=0-{(last + 1) * UNIT - 1}"


async def begin(endpoint, bucket, name="o", query="", **options):
    path = f"/upload/storage/v1/b/{bucket}/o?uploadType=resumable&name={name}{query}"
    reply = await endpoint.reply("POST", path, **options)
    assert reply.status == 200
    return reply.headers["Location"]


async def send(endpoint, location, content_range, data=b""):
    headers = {"Content-Range": content_range} if content_range else {}
    reply = await endpoint.reply("PUT", location, data=data, headers=headers)
    return reply.status, reply.headers.get("Range")


async def until_received(endpoint, location, count):
    async with asyncio.timeout(10):
        while (await send(endpoint, location, "bytes */*"))[1] != f"bytes=0-{count - 1}":  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def stored(endpoint, bucket, name="o"):
    return await endpoint.call("GET", f"/{bucket}/{name}")


async def test_as_tensorflow_writes(endpoint, bucket):
    """The whole file in one PUT, after a status query as in its retries."""
    location = await begin(endpoint, bucket, headers={"X-Upload-Content-Length": str(len(DATA))})
    assert await send(endpoint, location, f"bytes */{len(DATA)}") == (308, None)
    assert (await send(endpoint, location, f"bytes 0-{len(DATA) - 1}/{len(DATA)}", DATA))[0] == 200
    assert await stored(endpoint, bucket) == (200, DATA)


@pytest.mark.parametrize("query", [f"bytes */{6 * UNIT}", "bytes */*"])
async def test_status_queries_change_nothing(endpoint, bucket, query):
    location = await begin(endpoint, bucket)
    assert await send(endpoint, location, span(0, 3, 6), units("abcd")) == (308, until(3))
    for _ in range(3):
        assert await send(endpoint, location, query) == (308, until(3))
    assert (await stored(endpoint, bucket))[0] == 404
    assert (await send(endpoint, location, span(4, 5, 6), units("ef")))[0] == 200
    assert await stored(endpoint, bucket) == (200, units("abcdef"))
    # The response may have been lost: a repeated request returns it again.
    assert (await send(endpoint, location, query))[0] == 200
    assert (await send(endpoint, location, span(4, 5, 6), units("ef")))[0] == 200


async def test_chunks_may_repeat_and_overlap_but_leave_no_gap(endpoint, bucket):
    location = await begin(endpoint, bucket)
    assert await send(endpoint, location, span(0, 3, 8), units("abcd")) == (308, until(3))
    assert await send(endpoint, location, span(0, 3, 8), units("abcd")) == (308, until(3))
    assert await send(endpoint, location, span(2, 5, 8), units("cdef")) == (308, until(5))
    assert (await send(endpoint, location, span(7, 7, 8), units("h")))[0] == 503
    assert await send(endpoint, location, span(0, 3, 8), units("abcd")) == (308, until(5))
    assert (await send(endpoint, location, span(4, 7, 8), units("efgh")))[0] == 200
    assert await stored(endpoint, bucket) == (200, units("abcdefgh"))


async def test_a_client_that_does_not_know_the_size(endpoint, bucket):
    location = await begin(endpoint, bucket)
    assert await send(endpoint, location, span(0, 3, "*"), units("abcd")) == (308, until(3))
    assert await send(endpoint, location, span(4, 8, "*"), units("efghi")) == (308, until(8))
    assert (await send(endpoint, location, f"bytes */{9 * UNIT}"))[0] == 200
    assert await stored(endpoint, bucket) == (200, units("abcdefghi"))


@pytest.mark.parametrize("total", ["*", "262144"])
async def test_only_the_last_chunk_may_be_small(endpoint, bucket, total):
    for last in (99, 262142):
        location = await begin(endpoint, bucket)
        headers = {"Content-Range": f"bytes 0-{last}/{total}"}
        reply = await endpoint.reply("PUT", location, data=b"x" * (last + 1), headers=headers)
        message = (
            "Invalid request.  The number of bytes uploaded is required to be equal or greater than 262144, except for "
            "the final request (it's recommended to be the exact multiple of 262144).  The received request contained "
            f"{last + 1} bytes, which does not meet this requirement."
        )
        assert (reply.status, reply.content_type, await reply.text()) == (400, "text/plain", message)
        assert await send(endpoint, location, "bytes */*") == (308, None)
        # The upload is lost: the answer to a good chunk is the same.
        reply = await endpoint.reply("PUT", location, data=b"x", headers={"Content-Range": "bytes 0-0/1"})
        assert (reply.status, await reply.text()) == (400, message)


async def test_a_hash_sent_with_the_last_chunk_is_checked(endpoint, bucket):
    """As google-cloud-storage sends it."""
    md5 = base64.b64encode(hashlib.md5(b"abc", usedforsecurity=False).digest()).decode()
    location = await begin(endpoint, bucket)
    headers = {"Content-Range": "bytes 0-2/3", "X-Goog-Hash": "crc32c=AAAAAA=="}
    assert (await endpoint.reply("PUT", location, data=b"abc", headers=headers)).status == 400
    assert (await stored(endpoint, bucket))[0] == 404
    headers["X-Goog-Hash"] = f"md5={md5}"
    assert (await endpoint.reply("PUT", location, data=b"abc", headers=headers)).status == 200
    assert await stored(endpoint, bucket) == (200, b"abc")


@pytest.mark.parametrize("content_range", [None, "bytes */0"])
async def test_an_empty_object(endpoint, bucket, content_range):
    location = await begin(endpoint, bucket)
    assert (await send(endpoint, location, content_range))[0] == 200
    assert await stored(endpoint, bucket) == (200, b"")


async def test_one_chunk_without_a_range(endpoint, bucket):
    location = await begin(endpoint, bucket, query="", headers={"X-Upload-Content-Type": "text/csv"})
    reply = await endpoint.reply("PUT", location, data=DATA)
    assert reply.status == 200
    assert (await endpoint.call("GET", f"/storage/v1/b/{bucket}/o/o"))[1]["contentType"] == "text/csv"


async def test_a_broken_connection_loses_nothing_received(endpoint, bucket):
    location = await begin(endpoint, bucket)
    size, half = len(DATA), len(DATA) // 2
    url = urlsplit(location)
    _, writer = await asyncio.open_connection(url.hostname, url.port)
    head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\n"
    head += f"Authorization: Bearer {endpoint.tokens['owner']}\r\n"
    head += f"Content-Range: bytes 0-{size - 1}/{size}\r\nContent-Length: {size}\r\n\r\n"
    writer.write(head.encode() + DATA[:half])
    await writer.drain()
    await until_received(endpoint, location, half)
    writer.transport.abort()
    assert await send(endpoint, location, f"bytes */{size}") == (308, f"bytes=0-{half - 1}")
    assert (await send(endpoint, location, f"bytes {half}-{size - 1}/{size}", DATA[half:]))[0] == 200
    assert await stored(endpoint, bucket) == (200, DATA)


async def test_a_new_connection_takes_over_from_a_stuck_one(endpoint, bucket):
    location = await begin(endpoint, bucket)
    stuck, size = asyncio.Event(), len(DATA)

    async def slow():
        yield DATA[:1000]
        await stuck.wait()
        yield b"x" * (size - 1000)

    first = asyncio.create_task(send(endpoint, location, f"bytes 0-{size - 1}/{size}", slow()))
    await until_received(endpoint, location, 1000)
    async with asyncio.timeout(10):
        assert await send(endpoint, location, f"bytes 1000-{size - 1}/{size}", DATA[1000:2000]) == (308, "bytes=0-1999")
    stuck.set()
    assert (await first)[0] == 503
    assert await send(endpoint, location, f"bytes */{size}") == (308, "bytes=0-1999")


async def test_concurrent_final_chunks_create_one_object(endpoint, bucket):
    location = await begin(endpoint, bucket)
    answers = await asyncio.gather(
        *(endpoint.call("PUT", location.removeprefix(endpoint.url), data=b"abc") for _ in range(8))
    )
    good = [answer["generation"] for status, answer in answers if status == 200]
    assert good
    assert len(set(good)) == 1


async def test_conditions_are_checked_at_start_and_end(endpoint, bucket):
    location = await begin(endpoint, bucket, query="&ifGenerationMatch=0")
    other = await begin(endpoint, bucket, query="&ifGenerationMatch=0")
    assert (await send(endpoint, other, None, b"1"))[0] == 200
    assert (await send(endpoint, location, None, b"2"))[0] == 412
    assert await stored(endpoint, bucket) == (200, b"1")
    path = f"/upload/storage/v1/b/{bucket}/o?uploadType=resumable&name=o&ifGenerationMatch=0"
    assert (await endpoint.call("POST", path))[0] == 412


async def test_unknown_sessions(endpoint, bucket):
    location = await begin(endpoint, bucket)
    assert (await endpoint.reply("DELETE", location)).status == 499
    assert (await send(endpoint, location, "bytes */*"))[0] == 404
    assert (await send(endpoint, f"{endpoint.url}/upload/storage/v1/b/{bucket}/o?upload_id=../../x", None, b"x"))[
        0
    ] == 404
    assert (await endpoint.call("PUT", f"/upload/storage/v1/b/{bucket}/o", data=b"x"))[0] == 404


@pytest.mark.parametrize(
    ("content_range", "data"), [("bytes 0-2/2", b"abc"), ("bytes 0-1/2", b"abc"), ("octets 0-1/2", b"ab")]
)
async def test_wrong_ranges_are_refused(endpoint, bucket, content_range, data):
    location = await begin(endpoint, bucket)
    assert (await send(endpoint, location, content_range, data))[0] == 400
    assert (await stored(endpoint, bucket))[0] == 404


async def test_a_body_shorter_than_its_range_is_not_the_end(endpoint, bucket):
    location = await begin(endpoint, bucket)
    assert await send(endpoint, location, "bytes 0-5/6", b"abc") == (308, "bytes=0-2")
    assert (await send(endpoint, location, "bytes 3-5/6", b"def"))[0] == 200
    assert await stored(endpoint, bucket) == (200, b"abcdef")


async def test_clients_that_do_not_support_308(endpoint, bucket):
    location = await begin(endpoint, bucket)
    headers = {"Content-Range": span(0, 3, 6), "X-GUploader-No-308": "yes"}
    reply = await endpoint.reply("PUT", location, data=units("abcd"), headers=headers)
    assert (reply.status, reply.headers["X-HTTP-Status-Code-Override"]) == (200, "308")


async def test_uploads_require_the_permission_to_create(endpoint, bucket):
    path = f"/upload/storage/v1/b/{bucket}/o?uploadType=resumable&name=o"
    assert (await endpoint.call("POST", path, caller="job"))[0] == 403
    assert (await endpoint.call("POST", path, caller=""))[0] == 401


async def test_the_path_that_gsutil_uses(endpoint, bucket):
    path = f"/resumable/upload/storage/v1/b/{bucket}/o?uploadType=resumable"
    reply = await endpoint.reply("POST", path, json={"name": "o"})
    assert reply.status == 200
    assert (await send(endpoint, reply.headers["Location"], "bytes 0-2/3", b"abc"))[0] == 200
    assert await stored(endpoint, bucket) == (200, b"abc")
