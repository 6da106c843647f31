"""Signed URLs, made by google-cloud-storage and used by any HTTP client."""

import functools
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from cloud.engine.project.identities import ml_service_account, owner
from emulator_api.signed_requests import client_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

BARE = {"skip_auto_headers": ["Content-Type"]}
"""aiohttp would add a header that is not signed."""
JOB, OWNER = ml_service_account("my-project"), owner("my-project")


@pytest.fixture(params=["v2", "v4"])
def sign(endpoint, bucket, request):
    """Makes a signed path: sign("GET", "name")."""

    def url_of(method, name="o", signer=OWNER, **options):
        blob = client_of(signer, endpoint.keys).bucket(bucket).blob(name)
        given = {"version": request.param, "expiration": timedelta(hours=1), "method": method, **options}
        parts = urlsplit(blob.generate_signed_url(api_access_endpoint=endpoint.url, **given))
        return f"{parts.path}?{parts.query}"

    return url_of


async def test_an_object_is_written_read_and_deleted(endpoint, bucket, sign):
    name = "a b/ü+.txt"
    put = await endpoint.reply(
        "PUT",
        sign("PUT", name, content_type="text/plain"),
        caller="",
        data=b"hello",
        headers={"Content-Type": "text/plain"},
    )
    assert (put.status, await put.read()) == (200, b"")
    read = await endpoint.reply("GET", sign("GET", name), caller="", headers={"Range": "bytes=1-2"})
    assert (read.status, await read.read(), read.content_type) == (206, b"el", "text/plain")
    assert (await endpoint.reply("HEAD", sign("HEAD", name), caller="")).status == 200
    assert (await endpoint.call("HEAD", sign("GET", name), caller=""))[0] == 403
    assert (await endpoint.call("DELETE", sign("GET", name), caller=""))[0] == 403
    assert (await endpoint.call("DELETE", sign("DELETE", name), caller=""))[0] == 204
    status, body = await endpoint.call("GET", sign("GET", name), caller="")
    assert (status, b"<Code>NoSuchKey</Code>" in body) == (404, True)


async def test_its_signers_grants_count_when_it_is_used(endpoint, bucket, sign):
    url = sign("PUT", signer=JOB)
    status, body = await endpoint.call("PUT", url, caller="", data=b"x", **BARE)
    assert (status, b"<Code>AccessDenied</Code>" in body, JOB.email.encode() in body) == (403, True, True)
    policy = {"bindings": [{"role": "roles/storage.objectAdmin", "members": [f"serviceAccount:{JOB.email}"]}]}
    assert (await endpoint.call("PUT", f"/storage/v1/b/{bucket}/iam", json=policy))[0] == 200
    assert (await endpoint.call("PUT", url, caller="", data=b"x", **BARE))[0] == 200
    assert (await endpoint.call("PUT", f"/storage/v1/b/{bucket}/iam", json={"bindings": []}))[0] == 200
    assert (await endpoint.call("PUT", url, caller="", data=b"x", **BARE))[0] == 403


async def test_the_answers_headers_may_be_signed(endpoint, bucket, sign):
    await endpoint.call("PUT", sign("PUT"), caller="", data=b"x", **BARE)
    wanted = 'attachment; filename="ü .txt"'
    url = sign("GET", response_disposition=wanted, response_type="text/x")
    read = await endpoint.reply("GET", url, caller="")
    assert (read.headers["Content-Disposition"], read.headers["Content-Type"]) == (wanted, "text/x")
    status, body = await endpoint.call("GET", sign("GET", response_type="a\r\nb: c"), caller="")
    assert (status, b"without control characters" in body) == (400, True)


async def test_who_signs_says_how_large_an_object_may_be(endpoint, bucket, sign):
    headers = {"x-goog-content-length-range": "2,4"}
    url = sign("PUT", headers=dict(headers))
    for size, status, code in ((1, 400, b"EntityTooSmall"), (3, 200, b""), (5, 400, b"EntityTooLarge")):
        found = await endpoint.call("PUT", url, caller="", data=b"x" * size, headers=headers, **BARE)
        assert (found[0], code in found[1]) == (status, True)
    assert (await endpoint.call("PUT", url, caller="", data=b"x" * 3, **BARE))[0] in (400, 403)


@pytest.mark.parametrize("verb", ["POST", "PUT"])
async def test_the_start_of_a_resumable_upload_is_signed_and_the_rest_is_not(endpoint, bucket, sign, verb):
    headers = {"x-goog-resumable": "start", "Content-Type": "text/plain", "x-goog-meta-a": "b"}
    url = sign(verb, "d/ü", content_type="text/plain", headers={"x-goog-resumable": "start", "x-goog-meta-a": "b"})
    begun = await endpoint.reply(verb, url, caller="", headers=headers)
    assert (begun.status, await begun.read()) == (201, b"")
    session = begun.headers["Location"]
    assert session.startswith(f"{endpoint.url}/{bucket}/d/%C3%BC?upload_id=")
    first = b"x" * (1 << 18)
    more = await endpoint.reply("PUT", session, caller="", data=first, headers={"Content-Range": "bytes 0-262143/*"})
    assert (more.status, more.headers["Range"]) == (308, "bytes=0-262143")
    asked = await endpoint.reply("PUT", session, caller="", headers={"Content-Range": "bytes */262147"})
    assert asked.status == 308
    done = await endpoint.reply(
        "PUT", session, caller="", data=b"end", headers={"Content-Range": "bytes 262144-262146/262147"}
    )
    assert (done.status, await done.read(), "X-Goog-Hash" in done.headers) == (200, b"", True)
    assert (await endpoint.reply("PUT", session, caller="", data=b"")).status == 200
    read = await endpoint.reply("GET", sign("GET", "d/ü"), caller="")
    assert (await read.read(), read.content_type) == (first + b"end", "text/plain")
    assert read.headers["x-goog-meta-a"] == "b"


async def test_a_resumable_upload_needs_a_signature_or_a_token_to_start(endpoint, bucket):
    start = {"x-goog-resumable": "start"}
    assert (await endpoint.call("POST", f"/{bucket}/o", caller="", headers=start))[0] == 403
    begun = await endpoint.reply("POST", f"/{bucket}/o", headers=start)
    assert begun.status == 201
    assert (await endpoint.reply("DELETE", begun.headers["Location"], caller="")).status == 499
    assert (await endpoint.reply("PUT", begun.headers["Location"], caller="", data=b"x", **BARE)).status == 404
    # A session's id serves nothing else.
    for verb, path in (("GET", f"/{bucket}/o?upload_id=x"), ("PUT", f"/{bucket}/o?upload_id=x")):
        assert (await endpoint.call(verb, path, caller=""))[0] in (403, 404)
    for headers in ({"x-goog-resumable": "go"}, start | {"x-goog-content-length-range": "0,1"}):
        status, body = await endpoint.call("POST", f"/{bucket}/o", headers=headers)
        assert (status, b"<Code>InvalidArgument</Code>" in body) == (400, True)


async def test_a_bucket_is_listed(endpoint, bucket):
    await endpoint.call("PUT", f"/{bucket}/d/o", data=b"x")
    for version in ("v2", "v4"):
        signed = client_of(OWNER, endpoint.keys).bucket(bucket)
        url = signed.generate_signed_url(
            timedelta(hours=1), version=version, api_access_endpoint=endpoint.url, query_parameters={"prefix": "d/"}
        )
        reply = await endpoint.reply("GET", url, caller="")
        assert (reply.status, b"<Key>d/o</Key>" in await reply.read()) == (200, True)


async def test_a_multipart_upload_of_signed_requests(endpoint, bucket, sign):
    # Of version 2 the client writes the parameters' names in lower case, which are others.
    sign = functools.partial(sign, version="v4")
    begun = await endpoint.call("POST", sign("POST", query_parameters={"uploads": None}), caller="", **BARE)
    upload = {"uploadId": begun[1].partition(b"<UploadId>")[2].partition(b"</UploadId>")[0].decode()}
    part = sign("PUT", query_parameters={"partNumber": "1", **upload})
    sent = await endpoint.reply("PUT", part, caller="", data=b"part", **BARE)
    assert sent.status == 200
    assert (await endpoint.call("PUT", part.replace("partNumber=1", "partNumber=2"), caller="", **BARE))[0] == 403
    tag = sent.headers["ETag"]
    done = (
        f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part></CompleteMultipartUpload>"
    )
    assert (await endpoint.call("POST", sign("POST", query_parameters=upload), caller="", data=done, **BARE))[0] == 200
    assert (await endpoint.call("GET", sign("GET"), caller=""))[1] == b"part"


async def test_a_copy_is_made_only_of_what_was_signed(endpoint, bucket, sign):
    for name in ("mine", "theirs"):
        assert (await endpoint.call("PUT", f"/{bucket}/{name}", data=name.encode()))[0] == 200
    headers = {"x-goog-copy-source": f"{bucket}/mine"}
    url = sign("PUT", "copy", headers=dict(headers))
    assert (await endpoint.call("PUT", url, caller="", headers=headers, **BARE))[0] == 200
    assert (await endpoint.call("GET", sign("GET", "copy"), caller=""))[1] == b"mine"
    for plain, other in (
        (url, {"x-goog-copy-source": f"{bucket}/theirs"}),
        (url, headers | {"x-amz-copy-source": f"{bucket}/theirs"}),
        (sign("PUT", "copy"), {"x-goog-copy-source": f"{bucket}/theirs"}),
        (sign("PUT", "copy"), {"x-amz-copy-source": f"{bucket}/theirs"}),
    ):
        assert (await endpoint.call("PUT", plain, caller="", headers=other, **BARE))[0] in (400, 403)
    assert (await endpoint.call("GET", sign("GET", "copy"), caller=""))[1] == b"mine"
