"""Several requests in one: ``multipart/mixed`` in, ``multipart/mixed`` out, each part with a status of its own.

https://cloud.google.com/storage/docs/batch. Every part is handled as if it were sent alone.
"""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser

from aiohttp import hdrs, web
from aiohttp.http import HttpVersion11, RawRequestMessage
from aiohttp.streams import StreamReader
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from cloud.emulator.rest.errors import error_response
from cloud.engine.principal import Principal
from cloud.errors import InvalidArgument

MAX_PARTS = 100
MAX_BYTES = 10 * 2**20
_REQUEST_LINE = re.compile(rb"([A-Z]{1,20})[ \t]+(\S+)(?:[ \t]+HTTP/\d\.\d)?[ \t]*\r?\n?")
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_INHERITED = (hdrs.HOST, hdrs.AUTHORIZATION, "X-Forwarded-Proto")
_NOT_OF_A_PART = (hdrs.EXPECT, hdrs.TRANSFER_ENCODING, hdrs.CONNECTION, hdrs.CONTENT_LENGTH, hdrs.HOST)


@dataclass(frozen=True, slots=True)
class Part:
    content_id: str
    verb: str
    url: str
    """As it was written: a path, or a whole address."""
    headers: CIMultiDict[str]
    body: bytes


class Batch:
    """Batches for Cloud Storage.

    Args:
        answer: handles one request, and never raises a ``CloudError``.
        takes: whether a batch may hold a request for this address.
    """

    def __init__(
        self, answer: Callable[[web.Request], Awaitable[web.StreamResponse]], takes: Callable[[URL], bool]
    ) -> None:
        self._answer = answer
        self._takes = takes

    def method_id(self, _: web.Request) -> str:
        return "storage.batch"

    async def handle(self, request: web.Request, _: Principal) -> web.StreamResponse:
        """Raises:
        InvalidArgument: not a batch, or one that is too long.
        """
        if request.method != "POST":
            raise InvalidArgument(f"a batch is sent by POST, not by {request.method}")
        body = bytearray()
        async for block in request.content.iter_any():
            body += block
            if len(body) > MAX_BYTES:
                raise InvalidArgument(f"The batch has more than {MAX_BYTES} bytes.")
        parts = read_parts(request.headers.get(hdrs.CONTENT_TYPE, ""), bytes(body))
        boundary = f"batch_{secrets.token_urlsafe(24)}"
        out = bytearray()
        for part in parts:
            out += _written(part, await self._one(request, part), boundary)
        out += f"--{boundary}--\r\n".encode()
        return web.Response(body=bytes(out), headers={hdrs.CONTENT_TYPE: f"multipart/mixed; boundary={boundary}"})

    async def _one(self, outer: web.Request, part: Part) -> web.Response:
        try:
            # Two slashes would begin a host.
            url = URL(re.sub(r"^/+", "/", part.url), encoded=True)
            url = url.relative() if url.absolute else url
        except ValueError:
            url = URL("/")
        if not self._takes(url):
            wrong = f"{part.verb} {part.url[:300]} cannot be part of a batch: neither uploads nor downloads can"
            return error_response(InvalidArgument(wrong))
        response = await self._answer(_request(outer, part, url))
        if not isinstance(response, web.Response):
            raise TypeError(f"{part.verb} {url.raw_path} streams its answer")
        return response


def read_parts(content_type: str, body: bytes) -> list[Part]:
    """The requests in a body; lines may end in CR LF or (as Google's Python clients write them) in LF.

    Raises:
        InvalidArgument: it is no batch, or has more than ``MAX_PARTS`` requests.
    """
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    message = BytesParser().parsebytes(head + body)
    if not message.is_multipart() or message.defects:
        raise InvalidArgument("Failed to parse batch request, error: no multipart/mixed body.", field="body")
    parts = message.get_payload()
    assert isinstance(parts, list)  # noqa: S101 - for the type checker
    if len(parts) > MAX_PARTS:
        raise InvalidArgument(f"The batch has more than {MAX_PARTS} requests: {len(parts)}.", field="body")
    return [_part(part) for part in parts if isinstance(part, Message)]


def _part(message: Message) -> Part:
    text = bytes(message.get_payload(decode=True) or b"").lstrip()
    line = _REQUEST_LINE.match(text)
    if line is None or message.get_content_type() != "application/http":
        raise InvalidArgument("Failed to parse batch request, error: a part is no application/http.", field="body")
    # The newline stands for that of the request line: a part may have no headers.
    head, body, *_ = *_BLANK_LINE.split(b"\n" + text[line.end() :], maxsplit=1), b""
    headers = CIMultiDict[str]()
    for name, value in BytesParser().parsebytes(head.lstrip(), headersonly=True).items():
        if name.title() not in _NOT_OF_A_PART:
            headers.add(name, re.sub(r"\s+", " ", str(value)).strip())
    return Part(message.get("Content-ID", "").strip(), line[1].decode(), line[2].decode("latin-1"), headers, body)


def _request(outer: web.Request, part: Part, url: URL) -> web.Request:
    headers = CIMultiDict((name, outer.headers[name]) for name in _INHERITED if name in outer.headers)
    headers.update(part.headers)
    headers[hdrs.CONTENT_LENGTH] = str(len(part.body))
    loop = asyncio.get_running_loop()
    payload = StreamReader(outer.protocol, len(part.body) + 1, loop=loop)
    payload.feed_data(part.body)
    payload.feed_eof()
    raw = tuple((name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in headers.items())
    message = RawRequestMessage(
        part.verb,
        str(url),
        HttpVersion11,
        CIMultiDictProxy(headers),
        raw,
        should_close=False,
        compression=None,
        upgrade=False,
        chunked=False,
        url=url,
    )
    inherited = (outer.protocol, outer.writer, outer.task, loop)
    return web.Request(message, payload, *inherited, client_max_size=MAX_BYTES, state={**outer})


def _written(part: Part, response: web.Response, boundary: str) -> bytes:
    body = response.body if isinstance(response.body, bytes) else b""
    head = [f"--{boundary}", "Content-Type: application/http"]
    if part.content_id:
        head.append(f"Content-ID: <response-{part.content_id.removeprefix('<')}")
    head += ["", f"HTTP/1.1 {response.status} {response.reason}"]
    head += [f"{name}: {value}" for name, value in response.headers.items() if name != hdrs.CONTENT_LENGTH]
    head += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(head).encode() + body + b"\r\n"
