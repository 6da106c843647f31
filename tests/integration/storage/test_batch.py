"""Several requests in one, at the front door."""

import io
import json
from email.message import Message
from email.parser import BytesParser

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")


def written(*requests, boundary="==b==", newline="\r\n"):
    """The body and its type: each request is its text, with LF, after the head of its part."""
    parts = []
    for number, request in enumerate(requests):
        head = f"--{boundary}\nContent-Type: application/http\nContent-ID: <abc + {number}>\n\n"
        parts.append(head + request + "\n")
    body = ("".join(parts) + f"--{boundary}--\n").replace("\n", newline)
    return {"data": io.BytesIO(body.encode()), "headers": {"Content-Type": f'multipart/mixed; boundary="{boundary}"'}}


async def batch(door, *requests, path="/batch/storage/v1", who="owner", newline="\r\n"):
    """Id, status, headers and JSON of each answer."""
    sent = written(*requests, newline=newline)
    status, body = await door.call("POST", path, who=who, **sent)
    assert status == 200, body
    boundary = body.partition(b"\r\n")[0].removeprefix(b"--")
    message = BytesParser().parsebytes(b"Content-Type: multipart/mixed; boundary=" + boundary + b"\r\n\r\n" + body)
    answers = []
    for part in message.get_payload():
        assert part.get_content_type() == "application/http"
        line, _, rest = part.get_payload(decode=True).partition(b"\r\n")
        inner: Message = BytesParser().parsebytes(rest)
        text = inner.get_payload()
        answers.append((part["Content-ID"], int(line.split()[1]), inner, json.loads(text) if text.strip() else None))
    return answers


async def put(door, bucket, name, who="owner"):
    await door.call("POST", f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}", data=b"x", who=who)


@pytest.mark.parametrize("newline", ["\r\n", "\n"])
async def test_each_part_has_its_own_status(door, bucket, newline):
    for name in ("a", "b"):
        await put(door, bucket, name)
    o = f"/storage/v1/b/{bucket}/o"
    change = json.dumps({"metadata": {"clé": "wert"}})
    answers = await batch(
        door,
        f"GET {o}/a?fields=name HTTP/1.1\nAccept: application/json\n",
        f"PATCH https://storage.googleapis.com{o}/b HTTP/1.1\nContent-Type: application/json\n\n{change}",
        f"DELETE {o}/nope HTTP/1.1\n",
        f"DELETE {o}/a?ifGenerationMatch=1\n\n",
        f"GET /storage/v1/b/{bucket}/notificationConfigs HTTP/1.1\n\n",
        newline=newline,
    )
    assert [status for _, status, _, _ in answers] == [200, 200, 404, 412, 501]
    assert [identity for identity, _, _, _ in answers] == [f"<response-abc + {number}>" for number in range(5)]
    assert answers[0][3] == {"name": "a"}
    assert answers[1][3]["metadata"] == {"clé": "wert"}
    assert answers[2][3]["error"]["errors"][0]["reason"] == "notFound"
    assert answers[1][2].get_content_type() == "application/json"
    (deleted,) = await batch(door, f"DELETE {o}/a HTTP/1.1\n", path="/batch")
    assert deleted[1] == 204
    assert (await door.call("GET", f"{o}/a"))[0] == 404


async def test_whoever_sends_the_batch_sends_its_parts(door, bucket):
    await put(door, bucket, "o")
    o = f"/storage/v1/b/{bucket}/o/o"
    own = f"GET {o} HTTP/1.1\nAuthorization: Bearer {door.tokens['owner']}\n"
    answers = await batch(
        door, f"GET {o} HTTP/1.1\n", own, "GET /storage/v1/b HTTP/1.1\nAuthorization: Bearer x\n", who="job"
    )
    assert [status for _, status, _, _ in answers] == [403, 200, 401]
    assert [status for _, status, _, _ in await batch(door, f"GET {o} HTTP/1.1\n", who="")] == [401]


async def test_bytes_do_not_travel_in_batches(door, bucket):
    await put(door, bucket, "o")
    answers = await batch(
        door,
        f"GET /storage/v1/b/{bucket}/o/o?alt=media HTTP/1.1\n",
        f"GET /download/storage/v1/b/{bucket}/o/o HTTP/1.1\n",
        f"POST /upload/storage/v1/b/{bucket}/o?uploadType=media&name=p HTTP/1.1\n\nx",
        "POST /batch/storage/v1 HTTP/1.1\n",
        f"GET /{bucket}/o HTTP/1.1\n",
        "GET http://[ HTTP/1.1\n",
    )
    assert [status for _, status, _, _ in answers] == [400] * 6
    assert (await door.call("GET", f"/storage/v1/b/{bucket}/o/p"))[0] == 404


@pytest.mark.parametrize(
    "sent",
    [
        {"data": b""},
        {"data": b"x", "headers": {"Content-Type": "multipart/mixed"}},
        {"data": b"x", "headers": {"Content-Type": "multipart/mixed; boundary=b"}},
        {"data": b"--b\n\nGET / HTTP/1.1\n--b--\n", "headers": {"Content-Type": "multipart/mixed; boundary=b"}},
        written("nonsense"),
        written(*["GET /storage/v1/b HTTP/1.1\n"] * 101),
        written("GET /storage/v1/b HTTP/1.1\n\n" + "x" * (11 << 20)),
    ],
    ids=["empty", "no boundary", "no part", "no http", "no request", "101 parts", "11 MB"],
)
async def test_what_is_no_batch_is_refused(door, sent):
    status, answer = await door.call("POST", "/batch/storage/v1", **sent)
    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "invalid")
    assert (await door.call("GET", "/batch/storage/v1"))[0] == 400
