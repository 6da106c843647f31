"""Rewrites request heads so that strict HTTP parsers accept them. Sans-IO.

TensorFlow's ``gs://`` client (libcurl with hand-set headers) frames requests twice. On an empty POST or PUT it sends
``Content-Length: 0`` and ``Transfer-Encoding: identity``, a coding that RFC 9112 no longer has (§7, appendix C.2.2)
and every current parser refuses. On uploads it sends ``Transfer-Encoding: chunked`` and ``Content-Length``; there
chunked wins and the length must be removed (RFC 9112 §6.1, §6.3). DuckDB sends the same ``Content-Type`` twice where
it has a token, which aiohttp refuses. Nothing else is changed; bodies never are.

``RequestStream`` tracks the framing of each message, so that every request of a kept-alive connection is rewritten and
no body byte is mistaken for a head. Once it meets framing that it does not understand, it passes everything through to
the end of the connection, for the HTTP parser to judge.
"""

import re
from enum import Enum, auto
from functools import lru_cache

from cloud.gateway.http2 import PREFACE

MAX_HEAD = 65_536
"""Bytes buffered for a head; a longer one is forwarded for the parser to refuse."""
_MAX_CACHED_HEAD = 4_096
"""Bytes of a head that is worth caching."""
_MAX_LINE = 4_096
"""Bytes of a chunk-size or trailer line."""

_NAMES = (b"transfer-encoding", b"content-length", b"upgrade")
_FRAMING = re.compile(rb"\r\n(transfer-encoding|content-length|upgrade):([^\r\n]*)", re.IGNORECASE)
_TYPE = re.compile(rb"\r\ncontent-type:([^\r\n]*)", re.IGNORECASE)
_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})(?:;[^\r\n]*)?\r\n")
_TRAILER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n]*\r\n")
_NOT_A_HEAD = (b"\r", b"\n", PREFACE[:4])
"""First bytes of data that is not an HTTP/1.1 request."""
_UNKNOWN = -1
_CHUNKED = -2


def find_end(received: bytes | bytearray, start: int = 0) -> int:
    """The index after the head's blank line in ``received``, searched from ``start``; -1 if there is none."""
    crlf = received.find(b"\n\r\n", start)
    bare = received.find(b"\n\n", start, crlf + 1 if crlf >= 0 else len(received))
    if bare >= 0:
        return bare + 2
    return crlf + 3 if crlf >= 0 else -1


def normalise(head: bytes) -> bytes:
    """``head`` (request line to blank line) with at most one framing; unchanged if it already is so."""
    return _normalise(head)[0]


def _normalise(head: bytes) -> tuple[bytes, int]:
    """The normalised head, and its body's framing: a length, ``_CHUNKED`` or ``_UNKNOWN``."""
    lower = head.lower()
    lines, names = lower.count(b"\r\n"), [name for name in _NAMES if name in lower]
    if not names and lower.count(b"\n") == lines:
        return head, 0
    # Parsers differ on bare line ends and folded lines (RFC 9112 §2.2, §5.2).
    if not lower.count(b"\n") == lower.count(b"\r") == lines or b"\r\n " in lower or b"\r\n\t" in lower:
        return head, _UNKNOWN
    if lower.count(b"\r\ncontent-type:") > 1:
        head = _without_repeated_type(head)
        lower = head.lower()
    if names == [b"content-length"] and lower.count(b"\r\ncontent-length:") == 1:  # most bodies
        return head, _length(lower.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0].strip(b" \t"))
    fields = [(match[1].lower(), match[2].strip(b" \t").lower(), match) for match in _FRAMING.finditer(head)]
    if not fields:
        return head, 0
    codings = [value for name, value, _ in fields if name == b"transfer-encoding"]
    dropped = b""
    if codings == [b"identity"]:
        dropped, codings = b"transfer-encoding", []
    elif codings == [b"chunked"]:
        dropped = b"content-length"
    for name, _, match in reversed(fields):
        if name == dropped:
            head = head[: match.start()] + head[match.end() :]
    lengths = {value for name, value, _ in fields if name == b"content-length" and name != dropped}
    if any(name == b"upgrade" for name, _, _ in fields) or len(lengths) > 1 or codings not in ([], [b"chunked"]):
        return head, _UNKNOWN
    if codings:
        return head, _CHUNKED
    return head, _length(lengths.pop()) if lengths else 0


def _without_repeated_type(head: bytes) -> bytes:
    """With one ``Content-Type``, if all are the same."""
    first, *others = _TYPE.finditer(head)
    if {match[1].strip(b" \t") for match in others} != {first[1].strip(b" \t")}:
        return head
    for match in reversed(others):
        head = head[: match.start()] + head[match.end() :]
    return head


@lru_cache(maxsize=256)
def _cached_length(head: bytes) -> int:
    """The body's length if ``head`` is one complete head that needs no change; else ``_UNKNOWN``.

    Cached, because a client that repeats a call sends the same head.
    """
    if head.startswith(_NOT_A_HEAD) or find_end(head) != len(head):
        return _UNKNOWN
    normalised, framing = _normalise(head)
    return framing if normalised == head and framing >= 0 else _UNKNOWN


def _length(value: bytes) -> int:
    return int(value) if value.isdigit() and len(value) < 19 else _UNKNOWN


class _State(Enum):
    HEAD = auto()
    BODY = auto()
    CHUNK_SIZE = auto()
    CHUNK = auto()
    CHUNK_END = auto()
    TRAILER = auto()
    PASS_THROUGH = auto()
    DISCARD = auto()


_CHUNK_STATES = {_State.CHUNK_SIZE, _State.CHUNK, _State.CHUNK_END, _State.TRAILER}


class RequestStream:
    """One connection's bytes from client to server. Heads are buffered until complete, all else is forwarded at once.

    Args:
        once: discard everything after the first request.
    """

    def __init__(self, *, once: bool = False) -> None:
        self._state = _State.HEAD
        self._next_request = _State.DISCARD if once else _State.HEAD
        self._held = b""
        """The incomplete head, not yet forwarded; or the incomplete chunk-size or trailer line, already forwarded."""
        self._remaining = 0
        """Bytes left of the body or chunk."""
        self.is_http2 = False
        """The client speaks HTTP/2: nothing is forwarded."""
        self.is_garbled = False
        """A body's chunks are malformed: the server cannot tell where it ends."""

    @property
    def is_within_head(self) -> bool:
        return self._state is _State.HEAD and bool(self._held)

    @property
    def is_within_chunks(self) -> bool:
        return self._state in _CHUNK_STATES

    def feed(self, data: bytes) -> bytes:
        """The bytes to forward after receiving ``data``."""
        if self._state is _State.BODY and len(data) < self._remaining:
            self._remaining -= len(data)
            return data
        if self._state is _State.HEAD and self._is_one_request(data):
            return data
        out: list[bytes] = []
        position = 0
        while position < len(data):
            match self._state:
                case _State.HEAD:
                    position = self._head(data, position, out)
                case _State.BODY | _State.CHUNK:
                    position = self._body(data, position, out)
                case _State.CHUNK_SIZE | _State.CHUNK_END | _State.TRAILER:
                    position = self._line(data, position, out)
                case _State.PASS_THROUGH:
                    out.append(data[position:])
                    break
                case _State.DISCARD:
                    break
        return b"".join(out)

    def _is_one_request(self, data: bytes) -> bool:
        """Whether ``data`` is exactly one whole request that needs no change."""
        if self._held or self._next_request is not _State.HEAD:
            return False
        end = data.find(b"\r\n\r\n", 0, _MAX_CACHED_HEAD) + 4
        return end >= 4 and _cached_length(data[:end]) == len(data) - end

    def _head(self, data: bytes, position: int, out: list[bytes]) -> int:
        held = len(self._held)
        self._held += data[position:]
        if not held and self._held.startswith((b"\r", b"\n")):
            # Servers ignore empty lines before a request line (RFC 9112 §2.2): forward them.
            blank = len(self._held) - len(self._held.lstrip(b"\r\n"))
            out.append(self._held[:blank])
            self._held = b""
            return position + blank
        end = find_end(self._held, max(0, held - 3))
        if end < 0:
            if len(self._held) > MAX_HEAD:
                out.append(self._held)
                self._held, self._state = b"", _State.PASS_THROUGH
            return len(data)
        if self._held.startswith(PREFACE):
            self._held, self._state, self.is_http2 = b"", _State.DISCARD, True
            return len(data)
        head, framing = _normalise(self._held[:end])
        out.append(head)
        self._held = b""
        self._state = {_UNKNOWN: _State.PASS_THROUGH, _CHUNKED: _State.CHUNK_SIZE, 0: self._next_request}.get(
            framing, _State.BODY
        )
        self._remaining = max(0, framing)
        return position + end - held

    def _body(self, data: bytes, position: int, out: list[bytes]) -> int:
        end = min(len(data), position + self._remaining)
        out.append(data[position:end])
        self._remaining -= end - position
        if not self._remaining:
            self._state = self._next_request if self._state is _State.BODY else _State.CHUNK_END
        return end

    def _line(self, data: bytes, position: int, out: list[bytes]) -> int:
        end = data.find(b"\n", position) + 1
        out.append(data[position : end or len(data)])
        self._held += out[-1]
        if not end:
            if len(self._held) > _MAX_LINE:
                self._garbled()
            return len(data)
        line, self._held = self._held, b""
        if self._state is _State.CHUNK_SIZE and (size := _SIZE.fullmatch(line)):
            self._remaining = int(size[1], 16)
            self._state = _State.CHUNK if self._remaining else _State.TRAILER
        elif self._state is _State.TRAILER and (line == b"\r\n" or _TRAILER.fullmatch(line)):
            self._state = self._next_request if line == b"\r\n" else _State.TRAILER
        elif self._state is _State.CHUNK_END and line == b"\r\n":
            self._state = _State.CHUNK_SIZE
        else:
            self._garbled()
        return end

    def _garbled(self) -> None:
        self._held, self._state, self.is_garbled = b"", _State.PASS_THROUGH, True
