"""Objects that HTML forms upload, with policies that google-cloud-storage has signed."""

import base64
import io
import json
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from cloud.engine.project.identities import ml_service_account, owner
from emulator_api.signed_requests import client_of, form_body

pytestmark = pytest.mark.asyncio(loop_scope="module")

JOB, OWNER = ml_service_account("my-project"), owner("my-project")


@pytest.fixture
def fields_of(endpoint, bucket):
    def sign(key="o", conditions=(), fields=None, signer=OWNER):
        made = client_of(signer, endpoint.keys).generate_signed_post_policy_v4(
            bucket, key, timedelta(hours=1), conditions=list(conditions), fields=fields
        )
        return made["fields"]

    return sign


async def post(endpoint, path, body, caller="", **headers):
    headers = {"Content-Type": "multipart/form-data; boundary=x", **headers}
    return await endpoint.reply("POST", path, caller=caller, data=body, headers=headers)


async def code_of(reply):
    text = (await reply.read()).decode()
    return reply.status, text.partition("<Code>")[2].partition("</Code>")[0]


async def test_a_signed_form_makes_an_object(endpoint, bucket, fields_of):
    described = {"Content-Type": "text/plain", "x-goog-meta-a": "ü", "Cache-Control": "no-store", "acl": "public-read"}
    fields = fields_of("d/ü", fields=described)
    reply = await post(endpoint, f"/{bucket}", form_body(fields | {"x-ignore-me": "x"}, b"hello\r\n--\r\n-x"))
    assert (reply.status, await reply.read()) == (204, b"")
    read = await endpoint.reply("GET", f"/{bucket}/d/%C3%BC", caller="")
    assert (read.status, await read.read()) == (200, b"hello\r\n--\r\n-x")
    assert (read.content_type, read.headers["Cache-Control"]) == ("text/plain", "no-store")
    assert read.headers["x-goog-meta-a"] == "ü"


async def test_one_of_version_2_too_at_the_buckets_own_host(endpoint, bucket):
    policy = {
        "expiration": "2999-06-16T11:11:11.000Z",
        "conditions": [["eq", "$key", "o"], {"bucket": bucket}, ["starts-with", "$Content-Type", "image/"]],
    }
    text = base64.b64encode(json.dumps(policy).encode())
    signature = base64.b64encode(endpoint.keys.sign(OWNER, text)[1]).decode()
    fields = {
        "key": "o",
        "bucket": bucket,
        "GoogleAccessId": OWNER.email,
        "policy": text.decode(),
        "signature": signature,
    }
    host = {"Host": f"{bucket}.storage.googleapis.com"}
    for kind, status in (("image/png", (204, "")), ("text/html", (400, "InvalidPolicyDocument"))):
        assert await code_of(await post(endpoint, "/", form_body(fields | {"Content-Type": kind}), **host)) == status
    assert await code_of(await post(endpoint, "/other", form_body(fields | {"Content-Type": "image/png"}))) == (
        400,
        "InvalidPolicyDocument",
    )


async def test_a_field_may_name_the_bucket(endpoint, bucket, fields_of):
    body = form_body(fields_of("by field") | {"bucket": bucket})
    assert (await post(endpoint, "/", body, Host="storage.googleapis.com")).status == 204
    assert (await endpoint.call("GET", f"/{bucket}/by%20field"))[0] == 200
    nameless = await post(endpoint, "/", form_body({"key": "o"}), "owner", Host="storage.googleapis.com")
    assert await code_of(nameless) == (404, "NoSuchBucket")


async def test_the_files_name_is_part_of_the_objects(endpoint, bucket, fields_of):
    fields = fields_of("up/${filename}")
    assert (await post(endpoint, f"/{bucket}/", form_body(fields, filename="a b.txt"))).status == 204
    assert (await endpoint.call("GET", f"/{bucket}/up/a%20b.txt"))[0] == 200


async def test_the_form_says_how_success_is_answered(endpoint, bucket, fields_of):
    for status in ("200", "201", "204", "999"):
        reply = await post(endpoint, f"/{bucket}", form_body(fields_of(fields={"success_action_status": status})))
        body = await reply.read()
        assert reply.status == (204 if status == "999" else int(status))
        assert (b"<PostResponse><Location>" in body, b"<Key>o</Key>" in body) == ((status == "201"),) * 2
    to = "https://example.com/done?a=1"
    reply = await post(endpoint, f"/{bucket}", form_body(fields_of(fields={"success_action_redirect": to})))
    found = urlsplit(reply.headers["Location"])
    assert (reply.status, found.netloc, found.path) == (303, "example.com", "/done")
    assert parse_qs(found.query) == {"a": ["1"], "bucket": [bucket], "key": ["o"], "etag": [reply.headers["ETag"]]}
    reply = await post(endpoint, f"/{bucket}", form_body(fields_of(fields={"success_action_redirect": "javascript:x"})))
    assert reply.status == 204


async def test_a_file_of_another_size_is_refused_and_leaves_nothing(endpoint, bucket, fields_of):
    fields = fields_of("sized", [["content-length-range", 2, 4]])
    for size, expected in ((1, (400, "EntityTooSmall")), (5, (400, "EntityTooLarge"))):
        assert await code_of(await post(endpoint, f"/{bucket}", form_body(fields, b"x" * size))) == expected
    assert (await endpoint.call("GET", f"/{bucket}/sized"))[0] == 404
    assert (await post(endpoint, f"/{bucket}", form_body(fields, b"x" * 4))).status == 204


async def test_the_signer_needs_the_grants(endpoint, bucket, fields_of):
    reply = await post(endpoint, f"/{bucket}", form_body(fields_of(signer=JOB)))
    assert await code_of(reply) == (403, "AccessDenied")


async def test_out_of_its_policy_it_is_refused(endpoint, bucket, fields_of):
    fields = fields_of()
    for changed, expected in (
        ({"key": "p"}, (400, "InvalidPolicyDocument")),
        ({"acl": "public-read"}, (400, "InvalidPolicyDocument")),
        ({"bucket": "another"}, (400, "InvalidArgument")),
        ({"x-goog-signature": "00"}, (403, "SignatureDoesNotMatch")),
        ({"x-goog-signature": ""}, (400, "MalformedSecurityHeader")),
        ({"policy": ""}, (400, "MalformedSecurityHeader")),
    ):
        # Whoever sends it: the policy decides.
        for caller in ("", "owner"):
            assert await code_of(await post(endpoint, f"/{bucket}", form_body(fields | changed), caller)) == expected
    invalid = fields_of(fields={"x-goog-random": "x"})
    assert await code_of(await post(endpoint, f"/{bucket}", form_body(invalid))) == (400, "InvalidArgument")


async def test_a_form_without_a_policy_is_its_senders(endpoint, bucket):
    body = form_body({"key": "plain"})
    assert (await post(endpoint, f"/{bucket}", body)).status == 403
    assert (await post(endpoint, f"/{bucket}", body, "owner")).status == 204
    assert (await post(endpoint, f"/{bucket}", body, "", Origin="http://evil.example")).status == 403


async def test_a_large_file_is_streamed(endpoint, bucket, fields_of):
    content = bytes(range(256)) * (1 << 16)
    assert (await post(endpoint, f"/{bucket}", io.BytesIO(form_body(fields_of("large"), content)))).status == 204
    assert (await endpoint.call("GET", f"/{bucket}/large"))[1] == content


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"no form", "Missing end boundary"),
        (b"", "Missing end boundary"),
        (form_body({"key": "o"}, None), "no field file"),
        (form_body({"policy": "x"})[:60], "Missing end boundary"),
        (form_body({"key": "o"})[:-8], "Missing end boundary"),
        (form_body({"policy": "x" * 70_000}), "more than 65536 bytes"),
        (form_body({str(number): "" for number in range(700)}), "more than 65536 bytes"),
        (form_body({}), "no field key"),
        (form_body({"key": "o"}).replace(b"name=", b"nom="), "has no name"),
        (form_body({"key": "o"}, None)[:-7] + form_body({"key": "p"}), "the field 'key' twice"),
        (b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\n\xff\r\n--x--\r\n', "is not UTF-8"),
    ],
)
async def test_a_malformed_form_is_refused_in_words(endpoint, bucket, body, text):
    reply = await post(endpoint, f"/{bucket}", body, "owner")
    answer = (await reply.read()).decode()
    assert (reply.status, text in answer) == (400, True), answer
