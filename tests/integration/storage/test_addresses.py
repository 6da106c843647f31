"""The addresses that clients write, and the forms of errors that they read."""

import base64
import hashlib
import xml.etree.ElementTree as ET

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")


def digest(data):
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def fault(body):
    tree = ET.fromstring(body)  # noqa: S314 - our own
    return {child.tag: child.text for child in tree}


async def upload(endpoint, bucket, name="o", data=b"0123456789", query="", **headers):
    path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}{query}"
    return await endpoint.call("POST", path, data=data, headers=headers)


@pytest.mark.parametrize("root", ["/b", "//storage/v1/b", "/storage/v1/b"])
async def test_the_json_api_is_found_as_clients_write_it(endpoint, bucket, root):
    await upload(endpoint, bucket, "d%2F")
    for path in ("", "/", f"/{bucket}", f"/{bucket}/", f"/{bucket}/o", f"/{bucket}/o/d%2F"):
        status, found = await endpoint.call("GET", root + path)
        assert (status, found["kind"].startswith("storage#")) == (200, True), path
    assert await endpoint.call("GET", f"{root}/{bucket}/o/d%2F?alt=media") == (200, b"0123456789")
    for verb in ("GET", "DELETE"):
        status, answer = await endpoint.call(verb, f"{root}/{bucket}/o/")
        assert (status, answer["error"]["message"]) == (404, f"No such object: {bucket}/")
    assert (await endpoint.call("DELETE", f"{root}/{bucket}/o/d%2F"))[0] == 204
    assert (await endpoint.call("DELETE", f"{root}/{bucket}/"))[0] == 204


async def test_other_paths_of_clients_of_an_emulator(endpoint):
    status, found = await endpoint.call("GET", "/projects/my-project/serviceAccount")
    assert (status, found["kind"]) == (200, "storage#serviceAccount")
    status, refused = await endpoint.call("GET", "/v0/b/my-bucket/o/o")
    assert (status, "Firebase" in refused["error"]["message"]) == (403, True)
    assert (await endpoint.call("POST", "//batch/storage/v1", data=b"x"))[0] == 400


@pytest.mark.parametrize("name", ["access_token", "oauth_token"])
async def test_tokens_in_the_query(endpoint, name):
    path = f"/storage/v1/b?project=p&{name}="
    assert (await endpoint.call("GET", path + endpoint.tokens["owner"], caller=""))[0] == 200
    assert (await endpoint.call("GET", path + "ya29.other", caller=""))[0] == 401


@pytest.mark.parametrize("path", ["/storage/v1/b?project=p", "/no-such-bucket"])
async def test_an_empty_token_is_none(endpoint, path):
    without = await endpoint.call("GET", path, caller="")
    assert await endpoint.call("GET", path, caller="", headers={"Authorization": "Bearer "}) == without
    other = await endpoint.call("GET", path, caller="", headers={"Authorization": "Basic "})
    assert other != without
    assert other[0] == 401


@pytest.mark.parametrize(
    "form", ["/storage/v1/b/{}/o/{}?alt=media", "/download/storage/v1/b/{}/o/{}", "/b/{}/o/{}?alt=media"]
)
async def test_errors_of_downloads_are_bare_text(endpoint, bucket, form):
    reply = await endpoint.reply("GET", form.format(bucket, "no%2Fne"))
    text = f"No such object: {bucket}/no/ne"
    assert (reply.status, reply.content_type, await reply.text()) == (404, "text/plain", text)
    assert (await endpoint.call("GET", form.format(bucket, "o"), caller="job"))[1].startswith(b"service-7@")
    await upload(endpoint, bucket)
    reply = await endpoint.reply("GET", form.format(bucket, "o"), headers={"Range": "bytes=10-"})
    assert (reply.status, reply.headers["Content-Range"], await reply.text()) == (
        416,
        "bytes */10",
        "Request range not satisfiable",
    )


async def test_an_unsatisfiable_range_in_xml(endpoint, bucket):
    await upload(endpoint, bucket)
    status, body = await endpoint.call("GET", f"/{bucket}/o", headers={"Range": "bytes=10-"})
    assert (status, fault(body)["Code"], fault(body)["Message"]) == (
        416,
        "InvalidRange",
        "The requested range cannot be satisfied.",
    )


async def test_preconditions_name_their_header(endpoint, bucket):
    text = "At least one of the pre-conditions you specified did not hold."
    await upload(endpoint, bucket)
    for query, location in (("&ifGenerationMatch=0", "If-Match"), ("&ifMetagenerationNotMatch=1", "If-None-Match")):
        status, answer = await upload(endpoint, bucket, query=query)
        [error] = answer["error"]["errors"]
        assert (status, answer["error"]["message"]) == (412, text)
        about = {"reason": "conditionNotMet", "locationType": "header", "location": location}
        assert error == {"message": text, "domain": "global", **about}
    headers = {"x-goog-if-generation-match": "0"}
    status, body = await endpoint.call("PUT", f"/{bucket}/o", data=b"x", headers=headers)
    assert (status, fault(body)["Code"], fault(body)["Message"]) == (412, "PreconditionFailed", text)
    assert fault(body)["Details"].startswith("ifGenerationMatch=0, but the current value is ")


@pytest.mark.parametrize(
    ("header", "code", "text"),
    [
        ({"Content-MD5": digest(b"y")}, "BadDigest", "Provided MD5 hash"),
        (
            {"X-Goog-Hash": "crc32c=AAAAAA=="},
            "CrcMismatch",
            'Provided CRC32C "AAAAAA==" doesn\'t match calculated CRC32C "',
        ),
        ({"X-Goog-Hash": f"crc32c=AAAAAA==,md5={digest(b'x')}"}, "CrcMismatch", "Provided CRC32C"),
        ({"X-Goog-Hash": "md5=none"}, "InvalidDigest", 'Provided MD5 hash "none"'),
        ({"Content-MD5": digest(b"x"), "X-Goog-Hash": f"md5={digest(b'y')}"}, "BadDigest", "Provided MD5 hash"),
    ],
)
async def test_wrong_checksums_have_codes(endpoint, bucket, header, code, text):
    status, body = await endpoint.call("PUT", f"/{bucket}/o", data=b"x", headers=header)
    assert (status, fault(body)["Code"]) == (400, code)
    assert fault(body)["Details"].startswith(text)
    status, answer = await upload(endpoint, bucket, data=b"x", **header)
    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "invalid")
    assert answer["error"]["message"].startswith(text)


async def test_checksums_in_the_resource_and_in_a_header_must_both_hold(endpoint, bucket):
    right, wrong = digest(b"x"), digest(b"y")
    path = f"/upload/storage/v1/b/{bucket}/o?uploadType="

    async def multipart(resource, **headers):
        body = f'--q\r\nContent-Type: application/json\r\n\r\n{{"name": "m", {resource}}}\r\n--q\r\n\r\nx\r\n--q--'
        headers = {"Content-Type": "multipart/related; boundary=q", **headers}
        return (await endpoint.call("POST", f"{path}multipart", data=body.encode(), headers=headers))[0]

    async def resumable(at_start, at_end):
        begun = await endpoint.reply("POST", f"{path}resumable", json={"name": "r", "md5Hash": right}, headers=at_start)
        if begun.status != 200:
            return begun.status
        return (await endpoint.reply("PUT", begun.headers["Location"], data=b"x", headers=at_end)).status

    assert await multipart(f'"md5Hash": "{right}"', **{"X-Goog-Hash": f"md5={right}"}) == 200
    assert await multipart(f'"md5Hash": "{right}"', **{"X-Goog-Hash": f"md5={wrong}"}) == 400
    assert await multipart(f'"md5Hash": "{wrong}"', **{"X-Goog-Hash": f"md5={right}"}) == 400
    assert await multipart('"crc32c": "AAAAAA=="', **{"Content-MD5": right}) == 400
    assert await multipart('"contentType": "text/x"', **{"Content-MD5": wrong}) == 400
    assert await resumable({}, {"X-Goog-Hash": "crc32c=AAAAAA=="}) == 400
    assert await resumable({"X-Goog-Hash": "crc32c=AAAAAA=="}, {}) == 400
    assert await resumable({"X-Goog-Hash": f"md5={wrong}"}, {}) == 400
    assert await resumable({"Content-MD5": right}, {"Content-MD5": right}) == 200
