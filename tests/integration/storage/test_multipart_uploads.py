"""Multipart uploads of the XML API, as requests."""

import asyncio
import base64
import hashlib
import io
import xml.etree.ElementTree as ET
import zlib
from urllib.parse import quote

import aiohttp
import google_crc32c
import pytest

from cloud.emulator.storage_v1.lifecycle import rules_from_json
from cloud.engine.storage.lifecycle_run import LifecycleReport
from cloud.engine.storage.multipart_parts import MIN_PART
from full_disk import files_of_at_most
from integration.storage.conftest import JOB, OWNER

pytestmark = pytest.mark.asyncio(loop_scope="module")

BIG = bytes(range(256)) * (MIN_PART // 256)


def parsed(body):
    tree = ET.fromstring(body)  # noqa: S314 - our own
    for element in tree.iter():
        element.tag = element.tag.rpartition("}")[2]
    return tree


def texts(body, *names):
    tree = parsed(body)
    return tuple(tree.findtext(name) for name in names)


def md5(data):
    return hashlib.md5(data).hexdigest()  # noqa: S324 - an ETag


def address(bucket, name, query):
    return f"/{bucket}/{quote(name, safe='')}?{query}"


async def begin(endpoint, bucket, name, query="uploads", **headers):
    status, answered, body = await endpoint.send("POST", address(bucket, name, query), headers=headers)
    assert status == 200, body
    assert answered["Content-Type"].startswith("text/")  # or Node's client does not read it
    found = texts(body, "Bucket", "Key", "UploadId")
    assert found[:2] == (bucket, name)
    return found[2]


async def put(endpoint, bucket, name, upload, number, data, **headers):
    where = address(bucket, name, f"partNumber={number}&uploadId={upload}")
    return await endpoint.send("PUT", where, data=io.BytesIO(data), headers=headers)


async def complete(endpoint, bucket, name, upload, parts, **options):
    """``parts``: number and ETag."""
    listed = "".join(f"<Part><ETag>{tag}</ETag><PartNumber>{number}</PartNumber></Part>" for number, tag in parts)
    body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>"
    return await endpoint.send("POST", address(bucket, name, f"uploadId={upload}"), data=body, **options)


def error(answer):
    """Status and Code."""
    status, _, body = answer
    code, message, details = texts(body, "Code", "Message", "Details")
    assert message
    assert details
    return status, code


async def test_parts_in_any_order_become_an_object(endpoint, bucket):
    name = "a b/ü&%2F.bin"
    attributes = {"content-type": "application/x-taxi", "x-goog-meta-Reviewer": "jane", "content-encoding": "gzip"}
    upload = await begin(endpoint, bucket, name, **attributes)
    last, first, again = b"the end", BIG, BIG[::-1]
    for number, data in ((7, last), (2, first), (2, again), (9, b"not wanted")):
        status, headers, _ = await put(endpoint, bucket, name, upload, number, data, **attributes)
        assert (status, headers["ETag"]) == (200, f'"{md5(data)}"')
        hashes = headers.getall("X-Goog-Hash")
        assert f"md5={base64.b64encode(bytes.fromhex(md5(data))).decode()}" in hashes
    assert (await endpoint.call("GET", address(bucket, name, "")))[0] == 404
    parts = [(2, f'"{md5(again)}"'), (7, f"&quot;{md5(last)}&quot;")]
    # Google's client repeats the object's headers with each request.
    status, completed, body = await complete(endpoint, bucket, name, upload, parts, headers=attributes)
    assert status == 200, body
    assert texts(body, "Bucket", "Key") == (bucket, name)
    _, read, content = await endpoint.send("GET", address(bucket, name, ""))
    assert content == again + last
    assert (read["Content-Type"], read["X-Goog-Meta-reviewer"]) == ("application/x-taxi", "jane")
    assert read["X-Goog-Hash"] == completed["X-Goog-Hash"]
    assert read["ETag"] == texts(body, "ETag")[0]
    _, found = await endpoint.call("GET", f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}")
    assert "md5Hash" not in found
    assert found["generation"] == completed["X-Goog-Generation"]
    assert found["metadata"] == {"reviewer": "jane"}
    # A client that did not get the answer completes again.
    status, repeated, _ = await complete(endpoint, bucket, name, upload, parts)
    assert (status, repeated["X-Goog-Generation"]) == (200, found["generation"])
    for verb, query in (("PUT", "partNumber=1&"), ("GET", ""), ("DELETE", "")):
        answer = await endpoint.send(verb, address(bucket, name, f"{query}uploadId={upload}"), data=b"x")
        assert error(answer) == (404, "NoSuchUpload")


@pytest.mark.parametrize("data", [b"", b"small"])
async def test_one_part_of_any_size_is_enough(endpoint, bucket, data):
    upload = await begin(endpoint, bucket, "o", "uploads=")
    await put(endpoint, bucket, "o", upload, 1, data)
    status, _, body = await complete(endpoint, bucket, "o", upload, [(1, md5(data))])
    assert status == 200, body
    assert await endpoint.call("GET", f"/{bucket}/o") == (200, data)


async def test_an_objects_encoding_is_not_that_of_the_requests(endpoint, bucket):
    encoded = {"Content-Encoding": "gzip"}
    upload = await begin(endpoint, bucket, "o", **encoded)
    await put(endpoint, bucket, "o", upload, 1, b"x", **encoded)
    status, _, body = await complete(endpoint, bucket, "o", upload, [(1, md5(b"x"))], headers=encoded)
    assert status == 200, body
    assert (await endpoint.call("GET", f"/storage/v1/b/{bucket}/o/o"))[1]["contentEncoding"] == "gzip"


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ([], "MalformedCompleteMultipartUploadRequest"),
        ([(1, md5(BIG)), (1, md5(BIG))], "InvalidPartOrder"),
        ([(2, md5(b"y")), (1, md5(BIG))], "InvalidPartOrder"),
        ([(1, md5(b"y"))], "InvalidPart"),
        ([(1, md5(BIG)), (4, md5(b"y"))], "InvalidPart"),
        ([(2, md5(b"y")), (3, md5(b"z"))], "EntityTooSmall"),
        ([("x", md5(BIG))], "MalformedCompleteMultipartUploadRequest"),
        ([("1</PartNumber>", md5(BIG))], "MalformedCompleteMultipartUploadRequest"),
    ],
)
async def test_a_wrong_completion_leaves_the_upload_open(endpoint, bucket, parts, code):
    upload = await begin(endpoint, bucket, "o")
    for number, data in ((1, BIG), (2, b"y"), (3, b"z")):
        assert (await put(endpoint, bucket, "o", upload, number, data))[0] == 200
    assert error(await complete(endpoint, bucket, "o", upload, parts)) == (400, code)
    assert (await complete(endpoint, bucket, "o", upload, [(1, md5(BIG)), (3, md5(b"z"))]))[0] == 200


async def test_wrong_parts(endpoint, bucket):
    upload = await begin(endpoint, bucket, "o")
    for number in (0, 10_001, "x", ""):
        assert error(await put(endpoint, bucket, "o", upload, number, b"x")) == (400, "InvalidArgument")
    for headers, code in (
        ({"x-goog-hash": "crc32c=AAAAAA=="}, "CrcMismatch"),
        ({"x-goog-hash": "md5=1B2M2Y8AsgTpgAmY7PhCfg=="}, "BadDigest"),
        ({"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, "BadDigest"),
        ({"x-amz-checksum-crc32": "AAAAAA=="}, "BadDigest"),
        ({"x-amz-checksum-crc32c": "AAAAAA=="}, "CrcMismatch"),
        ({"x-amz-checksum-crc64nvme": "AAAAAA=="}, "InvalidArgument"),
        ({"Content-Encoding": "aws-chunked"}, "InvalidArgument"),
    ):
        assert error(await put(endpoint, bucket, "o", upload, 1, b"x", **headers)) == (400, code)
    status, _, body = await put(endpoint, bucket, "o", upload, 1, b"", **{"x-amz-copy-source": f"{bucket}/o"})
    assert (status, b"UploadPartCopy" in body) == (403, True)
    assert error(await put(endpoint, bucket, "other", upload, 1, b"x")) == (404, "NoSuchUpload")
    assert error(await put(endpoint, "no-such-bucket", "o", upload, 1, b"x")) == (404, "NoSuchBucket")
    _, listed = await endpoint.call("GET", address(bucket, "o", f"uploadId={upload}"))
    assert parsed(listed).findall("Part") == []
    good = {
        "x-goog-hash": "crc32c=" + base64.b64encode(google_crc32c.value(b"x").to_bytes(4)).decode(),
        "x-amz-checksum-crc32": base64.b64encode(zlib.crc32(b"x").to_bytes(4)).decode(),
    }
    assert (await put(endpoint, bucket, "o", upload, 1, b"x", **good))[0] == 200


async def test_preconditions_are_ignored_but_those_of_amazon_are_refused(endpoint, bucket):
    await endpoint.send("PUT", f"/{bucket}/o", data=b"old")
    upload = await begin(endpoint, bucket, "o", **{"x-goog-if-generation-match": "0"})
    await put(endpoint, bucket, "o", upload, 1, b"new")
    parts = [(1, md5(b"new"))]
    status, _, body = await complete(endpoint, bucket, "o", upload, parts, headers={"If-None-Match": "*"})
    assert (status, b"If-None-Match of a multipart upload" in body) == (403, True)
    assert await endpoint.call("GET", f"/{bucket}/o") == (200, b"old")
    headers = {"x-goog-if-generation-match": "0"}
    assert (await complete(endpoint, bucket, "o", upload, parts, headers=headers))[0] == 200
    assert await endpoint.call("GET", f"/{bucket}/o") == (200, b"new")


async def test_parts_are_listed_in_pages(endpoint, bucket):
    upload = await begin(endpoint, bucket, "a b")
    for number in (3, 1, 12, 7, 5):
        await put(endpoint, bucket, "a b", upload, number, b"x" * number)
    found, marker = [], 0
    for _ in range(5):
        query = f"uploadId={upload}&max-parts=2&part-number-marker={marker}&encoding-type=url"
        status, body = await endpoint.call("GET", address(bucket, "a b", query))
        assert status == 200
        found += [texts(ET.tostring(part), "PartNumber", "Size", "ETag") for part in parsed(body).findall("Part")]
        assert texts(body, "Key", "UploadId", "MaxParts") == ("a%20b", upload, "2")
        is_truncated, marker = texts(body, "IsTruncated", "NextPartNumberMarker")
        if is_truncated == "false":
            break
    assert marker == "0"
    assert found == [(str(number), str(number), f'"{md5(b"x" * number)}"') for number in (1, 3, 5, 7, 12)]


async def listed(endpoint, bucket, query=""):
    """Uploads and prefixes, by pages of two."""
    uploads, folders, markers = [], [], ""
    for _ in range(10):
        status, body = await endpoint.call("GET", f"/{bucket}?uploads&max-uploads=2&{query}{markers}")
        assert status == 200, body
        tree = parsed(body)
        uploads += [(each.findtext("Key"), each.findtext("UploadId")) for each in tree.findall("Upload")]
        folders += [each.findtext("Prefix") for each in tree.findall("CommonPrefixes")]
        if tree.findtext("IsTruncated") == "false":
            return uploads, folders
        name, upload = tree.findtext("NextKeyMarker"), tree.findtext("NextUploadIdMarker")
        markers = f"&key-marker={quote(name, safe='')}&upload-id-marker={upload}"
    raise AssertionError


async def test_uploads_are_listed_until_they_are_completed_or_aborted(endpoint, bucket):
    begun = [(name, await begin(endpoint, bucket, name)) for name in ("d/1", "d/2", "d/2", "d/2", "b", "z", "e/1/2")]
    begun.sort(key=lambda each: each[0])  # of one name in the order in which they began
    assert await listed(endpoint, bucket) == (begun, [])
    assert await listed(endpoint, bucket, "prefix=d/") == (begun[1:5], [])
    assert await listed(endpoint, bucket, "delimiter=/") == ([begun[0], begun[-1]], ["d/", "e/"])
    assert await listed(endpoint, bucket, "prefix=e/&delimiter=/") == ([], ["e/1/"])
    _, body = await endpoint.call("GET", f"/{bucket}?uploads&key-marker=d/2")
    assert [each.findtext("Key") for each in parsed(body).findall("Upload")] == ["e/1/2", "z"]
    await put(endpoint, bucket, "b", begun[0][1], 1, b"x")
    await complete(endpoint, bucket, "b", begun[0][1], [(1, md5(b"x"))])
    for name, upload in begun[1:]:
        where = address(bucket, name, f"uploadId={upload}")
        assert (await endpoint.send("DELETE", where))[0] == 204
        assert error(await endpoint.send("DELETE", where)) == (404, "NoSuchUpload")
    assert await listed(endpoint, bucket) == ([], [])


async def test_permissions(endpoint, bucket):
    upload = await begin(endpoint, bucket, "o")
    calls = {
        "create": ("POST", "/o?uploads"),
        "listParts": ("GET", f"/o?uploadId={upload}"),
        "abort": ("DELETE", f"/o?uploadId={upload}"),
        "list": ("GET", "?uploads"),
    }
    for verb, (method, path) in calls.items():
        status, _, body = await endpoint.send(method, f"/{bucket}{path}", caller="job")
        assert (status, f"storage.multipartUploads.{verb}".encode() in body) == (403, True)
    answer = await endpoint.send("PUT", f"/{bucket}/o?uploadId={upload}&partNumber=1", caller="job", data=b"x")
    assert answer[0] == 403
    grant = {"bindings": [{"role": "roles/storage.objectCreator", "members": [f"serviceAccount:{JOB.email}"]}]}
    assert (await endpoint.call("PUT", f"/storage/v1/b/{bucket}/iam", json=grant))[0] == 200
    answer = await endpoint.send("PUT", f"/{bucket}/o?uploadId={upload}&partNumber=1", caller="job", data=b"x")
    assert answer[0] == 200
    parts = [(1, md5(b"x"))]
    await endpoint.send("PUT", f"/{bucket}/o", data=b"old")
    # To replace an object, it must be allowed to delete it.
    status, _, body = await complete(endpoint, bucket, "o", upload, parts, caller="job")
    assert (status, b"storage.objects.delete" in body) == (403, True)
    assert (await complete(endpoint, bucket, "o", upload, parts))[0] == 200


async def test_completion_while_a_part_is_sent(endpoint, bucket):
    upload = await begin(endpoint, bucket, "o")
    await put(endpoint, bucket, "o", upload, 1, b"x")
    going_on, go_on = asyncio.Event(), asyncio.Event()

    async def slowly():
        yield b"late"
        going_on.set()
        await go_on.wait()
        yield b"r"

    where = address(bucket, "o", f"partNumber=1&uploadId={upload}")
    late = asyncio.create_task(endpoint.send("PUT", where, data=slowly()))
    await going_on.wait()
    assert (await complete(endpoint, bucket, "o", upload, [(1, md5(b"x"))]))[0] == 200
    go_on.set()
    assert error(await late) == (404, "NoSuchUpload")
    assert await endpoint.call("GET", f"/{bucket}/o") == (200, b"x")


async def test_completions_at_the_same_time(endpoint, bucket):
    upload = await begin(endpoint, bucket, "o")
    await put(endpoint, bucket, "o", upload, 1, BIG)
    await put(endpoint, bucket, "o", upload, 2, b"x")
    parts = [(1, md5(BIG)), (2, md5(b"x"))]
    answers = await asyncio.gather(*(complete(endpoint, bucket, "o", upload, parts) for _ in range(4)))
    assert {status for status, _, _ in answers} == {200}
    assert len({headers["X-Goog-Generation"] for _, headers, _ in answers}) == 1


async def test_uploads_survive_a_restart_and_leave_no_bytes(tmp_path, new_endpoint):
    media = tmp_path / "media" / "bkt"

    def stored():
        return sum(path.stat().st_size for path in media.rglob("*") if path.is_file())

    async with new_endpoint(tmp_path) as endpoint:
        assert (await endpoint.call("POST", "/storage/v1/b", json={"name": "bkt"}))[0] == 200
        kept, dropped = [await begin(endpoint, "bkt", name) for name in ("kept", "dropped")]
        for data in (b"replaced", b"once"):
            await put(endpoint, "bkt", "kept", kept, 1, data)
        await put(endpoint, "bkt", "dropped", dropped, 1, b"dropped")
    async with new_endpoint(tmp_path) as endpoint:
        assert await listed(endpoint, "bkt") == ([("dropped", dropped), ("kept", kept)], [])
        assert stored() == len(b"once" + b"dropped")
        await endpoint.send("DELETE", address("bkt", "dropped", f"uploadId={dropped}"))
        await put(endpoint, "bkt", "kept", kept, 2, b"unused")
        assert (await complete(endpoint, "bkt", "kept", kept, [(1, md5(b"once"))]))[0] == 200
    async with new_endpoint(tmp_path) as endpoint:
        assert await endpoint.call("GET", "/bkt/kept") == (200, b"once")
        assert stored() == len(b"once")
        await begin(endpoint, "bkt", "left")
        await endpoint.call("DELETE", "/storage/v1/b/bkt/o/kept")
        assert (await endpoint.call("DELETE", "/storage/v1/b/bkt"))[0] == 204
        assert (await endpoint.call("POST", "/storage/v1/b", json={"name": "bkt"}))[0] == 200
        assert await listed(endpoint, "bkt") == ([], [])


async def test_a_full_disk_in_the_middle_of_a_part(endpoint, bucket):
    upload = await begin(endpoint, bucket, "o")
    await put(endpoint, bucket, "o", upload, 1, BIG)
    with files_of_at_most(MIN_PART // 2):
        for number in (1, 2):
            status, _, body = await put(endpoint, bucket, "o", upload, number, BIG[::-1])
            assert (status, b"no room left on the disk" in body) == (429, True)
    _, body = await endpoint.call("GET", address(bucket, "o", f"uploadId={upload}"))
    assert [part.findtext("ETag") for part in parsed(body).findall("Part")] == [f'"{md5(BIG)}"']
    assert (await put(endpoint, bucket, "o", upload, 2, b"end"))[0] == 200
    assert (await complete(endpoint, bucket, "o", upload, [(1, md5(BIG)), (2, md5(b"end"))]))[0] == 200
    assert await endpoint.call("GET", f"/{bucket}/o") == (200, BIG + b"end")


async def test_a_connection_that_breaks_within_a_part_leaves_none(endpoint, bucket):
    upload = await begin(endpoint, bucket, "o")

    async def broken():
        yield b"half"
        raise RuntimeError

    where = address(bucket, "o", f"partNumber=1&uploadId={upload}")
    with pytest.raises((aiohttp.ClientError, RuntimeError)):
        await endpoint.send("PUT", where, data=broken())
    _, body = await endpoint.call("GET", address(bucket, "o", f"uploadId={upload}"))
    assert parsed(body).findall("Part") == []


async def test_lifecycle_aborts_uploads_and_holds_refuse_their_completion(endpoint, bucket):
    old, new = await begin(endpoint, bucket, "old/o"), await begin(endpoint, bucket, "o")
    for name, upload in (("old/o", old), ("o", new)):
        assert (await put(endpoint, bucket, name, upload, 1, b"x"))[0] == 200
    abort = {"type": "AbortIncompleteMultipartUpload"}
    wanted = {"rule": [{"action": abort, "condition": {"age": 0, "matchesPrefix": ["old/"]}}]}
    report = await endpoint.service.lifecycle.run(OWNER, bucket, rules_from_json(wanted))
    assert report == LifecycleReport(aborted=1)
    assert await listed(endpoint, bucket) == ([("o", new)], [])
    await endpoint.send("PUT", f"/{bucket}/o", data=b"held")
    held = f"/storage/v1/b/{bucket}/o/o"
    assert (await endpoint.call("PATCH", held, json={"temporaryHold": True}))[0] == 200
    parts = [(1, md5(b"x"))]
    assert error(await complete(endpoint, bucket, "o", new, parts)) == (403, "ObjectUnderActiveHold")
    assert (await endpoint.call("PATCH", held, json={"temporaryHold": False}))[0] == 200
    assert (await complete(endpoint, bucket, "o", new, parts))[0] == 200
