"""Batches of requests."""

import io
import json
from email.message import Message
from email.parser import BytesParser

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")


def batch_body(*requests, boundary="==b==", newline="\r\n"):
    """The body and content type of a batch: each request is text with LF."""
    parts = []
    for number, request in enumerate(requests):
        head = f"--{boundary}\nContent-Type: application/http\nContent-ID: <abc + {number}>\n\n"
        parts.append(head + request + "\n")
    body = ("".join(parts) + f"--{boundary}--\n").replace("\n", newline)
    return {"data": io.BytesIO(body.encode()), "headers": {"Content-Type": f'multipart/mixed; boundary="{boundary}"'}}


async def batch(endpoint, *requests, path="/batch/storage/v1", caller="owner", newline="\r\n"):
    """Id, status, headers and JSON of each response."""
    sent = batch_body(*requests, newline=newline)
    status, body = await endpoint.call("POST", path, caller=caller, **sent)
    assert status == 200, body
    boundary = body.partition(b"\r\n")[0].removeprefix(b"--")
    message = BytesParser().parsebytes(b"Content-Type: multipart/mixed; boundary=" + boundary + b"\r\n\r\n" + body)
    responses = []
    for part in message.get_payload():
        assert part.get_content_type() == "application/http"
        line, _, rest = part.get_payload(decode=True).partition(b"\r\n")
        inner: Message = BytesParser().parsebytes(rest)
        text = inner.get_payload()
        responses.append((part["Content-ID"], int(line.split()[1]), inner, json.loads(text) if text.strip() else None))
    return responses


async def put(endpoint, bucket, name, caller="owner"):
    await endpoint.call(
        "POST", f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}", data=b"x", caller=caller
    )


@pytest.mark.parametrize("newline", ["\r\n", "\n"])
async def test_each_part_has_its_own_status(endpoint, bucket, newline):
    for name in ("a", "b"):
        await put(endpoint, bucket, name)
    o = f"/storage/v1/b/{bucket}/o"
    change = json.dumps({"metadata": {"clé": "wert"}})
    responses = await batch(
        endpoint,
        f"GET {o}/a?fields=name HTTP/1.1\nAccept: application/json\n",
        f"PATCH https://storage.googleapis.com{o}/b HTTP/1.1\nContent-Type: application/json\n\n{change}",
        f"DELETE {o}/nope HTTP/1.1\n",
        f"DELETE {o}/a?ifGenerationMatch=1\n\n",
        f"GET /storage/v1/b/{bucket}/notificationConfigs HTTP/1.1\n\n",
        newline=newline,
    )
    assert [status for _, status, _, _ in responses] == [200, 200, 404, 412, 403]
    assert [identity for identity, _, _, _ in responses] == [f"<response-abc + {number}>" for number in range(5)]
    assert responses[0][3] == {"name": "a"}
    assert responses[1][3]["metadata"] == {"clé": "wert"}
    assert responses[2][3]["error"]["errors"][0]["reason"] == "notFound"
    assert responses[1][2].get_content_type() == "application/json"
    (deleted,) = await batch(endpoint, f"DELETE {o}/a HTTP/1.1\n", path="/batch")
    assert deleted[1] == 204
    assert (await endpoint.call("GET", f"{o}/a"))[0] == 404


async def test_parts_have_the_batchs_credentials(endpoint, bucket):
    await put(endpoint, bucket, "o")
    o = f"/storage/v1/b/{bucket}/o/o"
    own = f"GET {o} HTTP/1.1\nAuthorization: Bearer {endpoint.tokens['owner']}\n"
    responses = await batch(
        endpoint, f"GET {o} HTTP/1.1\n", own, "GET /storage/v1/b HTTP/1.1\nAuthorization: Bearer x\n", caller="job"
    )
    assert [status for _, status, _, _ in responses] == [403, 200, 401]
    assert [status for _, status, _, _ in await batch(endpoint, f"GET {o} HTTP/1.1\n", caller="")] == [401]


async def test_batches_carry_no_media(endpoint, bucket):
    await put(endpoint, bucket, "o")
    responses = await batch(
        endpoint,
        f"GET /storage/v1/b/{bucket}/o/o?alt=media HTTP/1.1\n",
        f"GET /download/storage/v1/b/{bucket}/o/o HTTP/1.1\n",
        f"POST /upload/storage/v1/b/{bucket}/o?uploadType=media&name=p HTTP/1.1\n\nx",
        "POST /batch/storage/v1 HTTP/1.1\n",
        f"GET /{bucket}/o HTTP/1.1\n",
        "GET http://[ HTTP/1.1\n",
    )
    assert [status for _, status, _, _ in responses] == [400] * 6
    assert (await endpoint.call("GET", f"/storage/v1/b/{bucket}/o/p"))[0] == 404


@pytest.mark.parametrize(
    "sent",
    [
        {"data": b""},
        {"data": b"x", "headers": {"Content-Type": "multipart/mixed"}},
        {"data": b"x", "headers": {"Content-Type": "multipart/mixed; boundary=b"}},
        {"data": b"--b\n\nGET / HTTP/1.1\n--b--\n", "headers": {"Content-Type": "multipart/mixed; boundary=b"}},
        batch_body("nonsense"),
        batch_body(*["GET /storage/v1/b HTTP/1.1\n"] * 101),
        batch_body("GET /storage/v1/b HTTP/1.1\n\n" + "x" * (11 << 20)),
    ],
    ids=["empty", "no boundary", "no part", "no http", "no request", "101 parts", "11 MB"],
)
async def test_invalid_batches_are_refused(endpoint, sent):
    status, answer = await endpoint.call("POST", "/batch/storage/v1", **sent)
    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "invalid")
    assert (await endpoint.call("GET", "/batch/storage/v1"))[0] == 400


@pytest.mark.parametrize("root", ["//storage/v1/b", "/b", "{url}//storage/v1/b"])
async def test_addresses_as_clients_write_them(endpoint, bucket, root):
    """Google's client for Python, where STORAGE_EMULATOR_HOST ends in a slash, writes two."""
    await put(endpoint, bucket, "o")
    where = f"{root.format(url=endpoint.url)}/{bucket}/o/o"
    [(_, status, _, found)] = await batch(endpoint, f"GET {where}\n", path="//batch/storage/v1")
    assert (status, found["name"]) == (200, "o")
