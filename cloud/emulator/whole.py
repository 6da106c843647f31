"""Requests that come whole and are answered whole, as a JSON API's do, without what streams and large bodies need.

aiohttp's server makes a task, a stream, a writer and half a dozen futures for each request. Where the rest of the work
is small, as for a prediction, that is most of it.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache
from typing import cast

import httptools
from aiohttp import hdrs, web
from multidict import CIMultiDict, CIMultiDictProxy, MultiMapping
from yarl import URL

from cloud.emulator.http import method_override
from cloud.emulator.rest.responses import Answer, JsonAnswer

MAX_BODY = 2**18
"""Bytes; what is longer is better streamed."""
_MAX_HEAD = 8_000
"""Bytes; less than aiohttp's limits, so that it is aiohttp who refuses what is above them."""
_MAX_AHEAD = 2**16
_UNUSUAL = (hdrs.TRANSFER_ENCODING, hdrs.EXPECT, method_override.HEADER)
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_TARGET = re.compile(rb"/[!-\"$-~]*")
"""Visible ASCII but ``#``."""


@dataclass(slots=True)
class WholeRequest:
    """Has of ``aiohttp.web.Request`` what is used of a request that is not streamed."""

    method: str
    rel_url: URL
    host: str
    """As it was sent; nothing if it was not."""
    headers: MultiMapping[str]
    transport: asyncio.Transport
    content: bytes = field(repr=False)

    @property
    def path(self) -> str:
        return self.rel_url.path

    @property
    def query(self) -> MultiMapping[str]:
        return self.rel_url.query

    async def read(self) -> bytes:
        return self.content


class Connection(asyncio.Protocol):
    """One client. Its first request that is not to be answered whole, and all that follow, are another protocol's.

    Args:
        takes: whether what is asked of this host at this path, both as they were sent, is answered whole.
        answer: one request after the other.
        other: makes the other protocol, an HTTP server's.
        open_connections: this one is in it while it is open.
    """

    def __init__(
        self,
        takes: Callable[[str, str], bool],
        answer: Callable[[WholeRequest], Awaitable[Answer]],
        other: Callable[[], asyncio.Protocol],
        open_connections: set["Connection"],
    ) -> None:
        self._takes, self._answer, self._make_other = takes, answer, other
        self._open_connections = open_connections
        self._other: asyncio.Protocol | None = None
        self._transport: asyncio.Transport
        self._received: bytes | bytearray = b""
        """Of the request that is coming; while one is being answered, of those that were sent ahead."""
        self._head: _Head | None = None
        self._is_answering = self._is_finishing = False
        self._asked: asyncio.Future[WholeRequest | None] | None = None
        """What the task that answers waits for: the next request, or that there are no more."""
        self._writing_paused = self._reading_paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._loop = asyncio.get_running_loop()
        self._open_connections.add(self)

    def finish(self) -> "asyncio.Task[None] | None":
        """Take no further request; returns what is making the last answer, after which it ends. What is another
        protocol's is not touched."""
        self._is_finishing = self._other is None
        if self._is_answering:
            return self._task
        if self._is_finishing:
            self._end_answering()
            self._transport.close()
        return None

    def data_received(self, data: bytes) -> None:
        if self._other is not None:
            self._other.data_received(data)
            return
        if not self._received:
            self._received = data
        else:  # a copy, which is added to in place
            self._received = bytearray(self._received) if isinstance(self._received, bytes) else self._received
            self._received += data
        if not self._is_answering and not self._writing_paused:
            self._next()
        elif len(self._received) > _MAX_AHEAD and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool | None:
        return None if self._other is None else self._other.eof_received()

    def pause_writing(self) -> None:
        self._writing_paused = True
        if self._other is not None:
            self._other.pause_writing()

    def resume_writing(self) -> None:
        self._writing_paused = False
        if self._other is not None:
            self._other.resume_writing()
        elif not self._is_answering:
            self._next()

    def connection_lost(self, error: Exception | None) -> None:
        self._open_connections.discard(self)
        self._end_answering()
        if self._other is not None:
            self._other.connection_lost(error)

    # ---------------------------------------------------------------- one request

    def _next(self) -> None:
        """Begin to answer the first request that was received, if all of it was."""
        if self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()
        if not self._received or self._is_finishing:
            return
        if self._head is None:
            self._head = _read_head(self._received)
            if self._head is None or not self._takes(self._head.host, self._head.url.raw_path):
                self._hand_over()
                return
        head, end = self._head, self._head.size + self._head.length
        if len(self._received) < end:
            return
        content, self._received = bytes(self._received[head.size : end]), self._received[end:]
        request = WholeRequest(head.method, head.url, head.host, head.headers, self._transport, content)
        self._head, self._is_answering = None, True
        if self._asked is None:
            self._asked = self._loop.create_future()
            self._task = self._loop.create_task(self._answer_all(self._asked))
        self._asked.set_result(request)

    async def _answer_all(self, asked: "asyncio.Future[WholeRequest | None]") -> None:
        # One task for all requests of a connection: to make one takes longer than much of what it does.
        try:
            while (request := await asked) is not None:
                answer = await self._answer(request)
                if self._transport.is_closing():
                    return
                self._is_answering = False
                self._asked = asked = self._loop.create_future()
                self._transport.write(_encode(answer))
                if self._is_finishing:
                    self._transport.close()
                    return
                if not self._writing_paused:
                    self._next()
        except BaseException:  # also when cancelled: nobody else would tell the client
            self._transport.abort()
            raise

    def _end_answering(self) -> None:
        if self._asked is not None and not self._asked.done():
            self._asked.set_result(None)

    def _hand_over(self) -> None:
        self._end_answering()
        self._other = self._make_other()
        self._other.connection_made(self._transport)
        received, self._received = bytes(self._received), b""
        self._other.data_received(received)


class _Unusual(Exception):
    """Something that the other protocol knows more of."""


class _Head:
    """What the parser says of a request's head.

    Raises:
        HttpParserError, HttpParserUpgrade: it is none, or asks for another protocol.
        _Unusual: it is not a plain request of a small body.
    """

    def __init__(self, head: bytes) -> None:
        self.size = len(head)
        headers: CIMultiDict[str] = CIMultiDict()
        self.headers = CIMultiDictProxy(headers)
        self._add = headers.add
        self._target = b""
        parser = httptools.HttpRequestParser(self)
        parser.feed_data(head)
        self.method = parser.get_method().decode()
        self.length = int(self.headers.get(hdrs.CONTENT_LENGTH, 0))  # the parser makes sure that it is a number
        self.url = _url(self._target)
        self.host = self.headers.get(hdrs.HOST, "")
        if parser.get_http_version() != "1.1" or self.method not in _METHODS or self.length > MAX_BODY:
            raise _Unusual
        if any(name in self.headers for name in _UNUSUAL) or not _is_kept(self.headers):
            raise _Unusual

    def on_url(self, part: bytes) -> None:
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self._add(name.decode(), value.decode("utf-8", "surrogateescape"))


def _read_head(received: bytes | bytearray) -> _Head | None:
    """The head at the beginning of what was received; None if it is not all there, or the other protocol's."""
    end = received.find(b"\r\n\r\n", 0, _MAX_HEAD) + 4
    return None if end < 4 else _parsed(bytes(received[:end]))


@lru_cache(maxsize=256)
def _parsed(head: bytes) -> _Head | None:
    # A client that asks an API the same sends the same head again and again.
    try:
        return _Head(head)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade, _Unusual):
        return None


@lru_cache(maxsize=256)
def _url(target: bytes) -> URL:
    """Raises:
    _Unusual: not the usual form of a target, or not of visible ASCII.
    """
    if not _TARGET.fullmatch(target):
        raise _Unusual
    path, _, query = target.decode().partition("?")
    return URL.build(path=path, query_string=query, encoded=True)


def _is_kept(headers: MultiMapping[str]) -> bool:
    return all(value.lower() == "keep-alive" for value in headers.getall(hdrs.CONNECTION, ()))


def _encode(answer: Answer) -> bytes:
    if isinstance(answer, JsonAnswer):
        head, body = _json_head(answer.status), answer.body
    else:
        assert isinstance(answer, web.Response)  # noqa: S101 - mounts that take whole requests do not stream
        head = _head(answer.status, answer.reason, answer.headers)
        body = bytes(answer.body) if isinstance(answer.body, bytes | bytearray) else b""
    return b"%sContent-Length: %d\r\nDate: %s\r\n\r\n%s" % (head, len(body), _date(int(time.time())), body)


@lru_cache(maxsize=64)
def _json_head(status: int) -> bytes:
    like = JsonAnswer(b"", status).response()
    return _head(status, like.reason, like.headers)


def _head(status: int, reason: str | None, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers.items()), ""]
    return "\r\n".join(lines).encode()


@lru_cache(maxsize=1)
def _date(seconds: int) -> bytes:
    return formatdate(seconds, usegmt=True).encode()
