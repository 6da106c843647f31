"""Uploads that stop, drip or are garbled on their way; and those that are slow, which go on."""

import asyncio
import json
from contextlib import suppress

import pytest
import pytest_asyncio

from integration.storage.conftest import open_endpoint

LIMIT = 0.5
"""Seconds."""
SOON = 15.0
UPLOAD = "/upload/storage/v1/b/stalled/o?uploadType="
CHUNKED, SIZED = "Transfer-Encoding: chunked", "Content-Length: 900000"
MULTIPART = (
    b'--x\r\nContent-Type: application/json\r\n\r\n{"name": "parts"}\r\n--x\r\nContent-Type: text/plain\r\n\r\nabc'
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def patient(tmp_path_factory):
    async with open_endpoint(tmp_path_factory.mktemp("state"), body_limit=LIMIT) as endpoint:
        assert (await endpoint.call("POST", "/storage/v1/b", json={"name": "stalled"}))[0] == 200
        yield endpoint


class Upload:
    """One connection with the head of a request sent."""

    def __init__(self, endpoint, verb, path, *fields):
        self._endpoint = endpoint
        token = f"Authorization: Bearer {endpoint.tokens['owner']}"
        self._head = "\r\n".join((f"{verb} {path} HTTP/1.1", "Host: localhost", token, *fields, "", "")).encode()

    async def __aenter__(self):
        self._reader, self.writer = await asyncio.open_connection(
            *self._endpoint.url.removeprefix("http://").split(":")
        )
        self.writer.write(self._head)
        return self

    async def __aexit__(self, *_):
        self.writer.transport.abort()

    async def response(self):
        """Status and JSON; the connection is closed after it."""
        async with asyncio.timeout(SOON):
            head, _, body = (await self._reader.read()).partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body) if body.startswith(b"{") else body


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("verb", "path", "fields", "sent"),
    [
        ("POST", UPLOAD + "media&name=a", [SIZED], b"abc"),
        ("POST", UPLOAD + "media&name=a", [SIZED], bytes(500_000)),
        ("POST", UPLOAD + "media&name=a", [CHUNKED], b"3\r\nabc\r\n"),
        ("POST", UPLOAD + "media&name=a", [CHUNKED], b"3"),
        ("POST", UPLOAD + "media&name=a", [CHUNKED], b"3\r\nabc\r\n0\r\n"),
        ("POST", UPLOAD + "multipart", [SIZED, "Content-Type: multipart/related; boundary=x"], MULTIPART),
        ("PUT", "/stalled/a", [SIZED], b"abc"),
        ("POST", "/storage/v1/b", [SIZED], b'{"name": '),
        ("POST", "/batch/storage/v1", [SIZED, "Content-Type: multipart/mixed; boundary=x"], b"--x"),
    ],
)
async def test_a_body_that_does_not_come_gets_408_and_makes_nothing(patient, verb, path, fields, sent):
    async with Upload(patient, verb, path, *fields) as upload:
        upload.writer.write(sent)
        check(await upload.response(), 408, "did not come within 0.5 seconds")
    assert await names(patient) == []


@pytest.mark.asyncio(loop_scope="module")
async def test_a_body_that_drips_is_ended(patient):
    async def drip(writer):
        while not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(0.02)

    async with Upload(patient, "POST", UPLOAD + "media&name=a", SIZED) as upload:
        dripping = asyncio.create_task(drip(upload.writer))
        with suppress(ConnectionResetError):  # what drips after the response may reset the connection before it is read
            check(await upload.response(), 408, "did not come within 0.5 seconds")
        dripping.cancel()
    assert await names(patient) == []


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("path", [UPLOAD + "media&name=a", "/storage/v1/b"])
async def test_a_body_that_ends_too_early_gets_400(patient, path):
    async with Upload(patient, "POST", path, SIZED) as upload:
        upload.writer.write(b"abc")
        await asyncio.sleep(0.1)  # the request is in progress
        upload.writer.write_eof()
        check(await upload.response(), 400, "malformed or incomplete")
    assert await names(patient) == []


@pytest.mark.asyncio(loop_scope="module")
async def test_the_response_to_a_whole_request_is_sent_to_a_client_that_sends_no_more(patient):
    async with Upload(patient, "GET", "/storage/v1/b/stalled") as upload:
        upload.writer.write_eof()
        status, bucket = await upload.response()
    assert (status, bucket["name"]) == (200, "stalled")


@pytest.mark.asyncio(loop_scope="module")
async def test_a_stalled_part_of_a_resumable_upload_can_be_continued(patient):
    reply = await patient.reply("POST", UPLOAD + "resumable&name=whole")
    path = reply.headers["Location"].removeprefix(patient.url)
    async with Upload(patient, "PUT", path, SIZED, "Content-Range: bytes 0-899999/900000") as upload:
        upload.writer.write(bytes(500_000))
        check(await upload.response(), 408, "did not come")
    status = await patient.reply("PUT", path, headers={"Content-Range": "bytes */900000"})
    assert status.status == 308
    start = int(status.headers["Range"].removeprefix("bytes=0-")) + 1 if "Range" in status.headers else 0
    rest = {"Content-Range": f"bytes {start}-899999/900000"}
    assert (await patient.reply("PUT", path, headers=rest, data=bytes(900_000 - start))).status == 200
    await patient.call("DELETE", "/storage/v1/b/stalled/o/whole")


@pytest.mark.asyncio(loop_scope="module")
async def test_an_upload_that_is_slow_but_steady_goes_on(patient):
    async with Upload(patient, "POST", UPLOAD + "media&name=steady", CHUNKED, "Connection: close") as upload:
        for _ in range(int(3 * LIMIT / 0.1)):
            upload.writer.write(b"400\r\n" + bytes(0x400) + b"\r\n")
            await asyncio.sleep(0.1)
        upload.writer.write(b"0\r\n\r\n")
        status, made = await upload.response()
    assert (status, made["size"]) == (200, str(15 * 0x400))
    await patient.call("DELETE", "/storage/v1/b/stalled/o/steady")


def check(response, status, text):
    assert response[0] == status
    assert text in (json.dumps(response[1]) if isinstance(response[1], dict) else response[1].decode())


async def names(endpoint):
    return [each["name"] for each in (await endpoint.call("GET", "/storage/v1/b/stalled/o"))[1].get("items", [])]
