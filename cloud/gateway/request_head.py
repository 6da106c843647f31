"""Request heads put into a form that strict HTTP parsers accept. Sans-IO.

TensorFlow's ``gs://`` client (libcurl with hand-set headers) frames requests twice. On an empty POST or PUT it sends
``Content-Length: 0`` and ``Transfer-Encoding: identity``, a coding that RFC 9112 no longer has (§7, appendix C.2.2)
and every current parser refuses. On uploads it sends ``Transfer-Encoding: chunked`` and ``Content-Length``; there
chunked wins and the length must go (RFC 9112 §6.1, §6.3). Nothing else is changed, and bodies never.

``RequestStream`` follows the framing of each message, so that every request on a kept connection is covered and no
byte of a body can be taken for a head. What it cannot follow it hands on untouched, from there to the end of the
connection: judging it is the HTTP parser's business.
"""

import re
from enum import Enum, auto
from functools import lru_cache

from cloud.gateway.http2 import PREFACE

MAX_HEAD = 65_536
"""Bytes of a head held back at most; a longer one is handed on for the parser to refuse."""
_MAX_USUAL_HEAD = 4_096
"""Bytes of a head that is worth remembering."""
_MAX_LINE = 4_096
"""Bytes of a chunk-size or trailer line."""

_NAMES = (b"transfer-encoding", b"content-length", b"upgrade")
_FRAMING = re.compile(rb"\r\n(transfer-encoding|content-length|upgrade):([^\r\n]*)", re.IGNORECASE)
_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})[ \t]*(?:;[^\n]*)?\r\n")
_NO_HEAD = (b"\r", b"\n", PREFACE[:4])
"""How what begins is no request of HTTP/1.1."""
_UNKNOWN = -1
_CHUNKED = -2


def find_end(received: bytes | bytearray, start: int = 0) -> int:
    """Where the head in ``received`` ends, its blank line included; -1 if that is not there. Looks from ``start``."""
    usual = received.find(b"\n\r\n", start)
    bare = received.find(b"\n\n", start, usual + 1 if usual >= 0 else len(received))
    if bare >= 0:
        return bare + 2
    return usual + 3 if usual >= 0 else -1


def normalise(head: bytes) -> bytes:
    """``head`` (request line to blank line) with one framing at most; unchanged if it needs no mending."""
    return _normalise(head)[0]


def _normalise(head: bytes) -> tuple[bytes, int]:
    """The mended head, and its body's framing: a length, ``_CHUNKED`` or ``_UNKNOWN``."""
    lower = head.lower()
    lines, names = lower.count(b"\r\n"), [name for name in _NAMES if name in lower]
    if not names and lower.count(b"\n") == lines:
        return head, 0
    # Line ends and folded lines (RFC 9112 §2.2, §5.2) on whose meaning parsers differ.
    if not lower.count(b"\n") == lower.count(b"\r") == lines or b"\r\n " in lower or b"\r\n\t" in lower:
        return head, _UNKNOWN
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


@lru_cache(maxsize=256)
def _usual_length(head: bytes) -> int:
    """Of the body that follows a head, if that is all there is to say of it; else ``_UNKNOWN``.

    For heads that may come again: a client that asks an API the same sends the same.
    """
    if head.startswith(_NO_HEAD) or find_end(head) != len(head):
        return _UNKNOWN
    mended, framing = _normalise(head)
    return framing if mended == head and framing >= 0 else _UNKNOWN


def _length(value: bytes) -> int:
    return int(value) if value.isdigit() and len(value) < 19 else _UNKNOWN


class _At(Enum):
    HEAD = auto()
    BODY = auto()
    CHUNK_SIZE = auto()
    CHUNK_END = auto()
    TRAILER = auto()
    UNFOLLOWED = auto()
    OVER = auto()


class RequestStream:
    """One connection's bytes from client to server. Heads are held until complete, all else goes straight through.

    Args:
        once: drop what follows the first request.
    """

    def __init__(self, *, once: bool = False) -> None:
        self._at = _At.HEAD
        self._next_request = _At.OVER if once else _At.HEAD
        self._held = b""
        """The incomplete head, not yet handed on; or a copy of the incomplete line, which is."""
        self._remaining = 0
        """Bytes of the body or chunk yet to come, a chunk's line end included."""
        self.is_http2 = False
        """The client speaks HTTP/2: nothing it says is handed on."""

    def feed(self, data: bytes) -> bytes:
        """The bytes to hand on now that ``data`` has come."""
        if self._at is _At.BODY and len(data) < self._remaining:
            self._remaining -= len(data)
            return data
        if self._at is _At.HEAD and self._is_one_request(data):
            return data
        out: list[bytes] = []
        position = 0
        while position < len(data):
            match self._at:
                case _At.HEAD:
                    position = self._head(data, position, out)
                case _At.BODY | _At.CHUNK_END:
                    position = self._body(data, position, out)
                case _At.CHUNK_SIZE | _At.TRAILER:
                    position = self._line(data, position, out)
                case _At.UNFOLLOWED:
                    out.append(data[position:])
                    break
                case _At.OVER:
                    break
        return b"".join(out)

    def _is_one_request(self, data: bytes) -> bool:
        """Whether this is one whole request that needs no mending, and no more."""
        if self._held or self._next_request is not _At.HEAD:
            return False
        end = data.find(b"\r\n\r\n", 0, _MAX_USUAL_HEAD) + 4
        return end >= 4 and _usual_length(data[:end]) == len(data) - end

    def _head(self, data: bytes, position: int, out: list[bytes]) -> int:
        held = len(self._held)
        self._held += data[position:]
        if not held and self._held.startswith((b"\r", b"\n")):
            # Empty lines before a request line are to be ignored (RFC 9112 §2.2): handed on, and no head begun.
            blank = len(self._held) - len(self._held.lstrip(b"\r\n"))
            out.append(self._held[:blank])
            self._held = b""
            return position + blank
        end = find_end(self._held, max(0, held - 3))
        if end < 0:
            if len(self._held) > MAX_HEAD:
                out.append(self._held)
                self._held, self._at = b"", _At.UNFOLLOWED
            return len(data)
        if self._held.startswith(PREFACE):
            self._held, self._at, self.is_http2 = b"", _At.OVER, True
            return len(data)
        head, framing = _normalise(self._held[:end])
        out.append(head)
        self._held = b""
        self._at = {_UNKNOWN: _At.UNFOLLOWED, _CHUNKED: _At.CHUNK_SIZE, 0: self._next_request}.get(framing, _At.BODY)
        self._remaining = max(0, framing)
        return position + end - held

    def _body(self, data: bytes, position: int, out: list[bytes]) -> int:
        end = min(len(data), position + self._remaining)
        out.append(data[position:end])
        self._remaining -= end - position
        if not self._remaining:
            self._at = self._next_request if self._at is _At.BODY else _At.CHUNK_SIZE
        return end

    def _line(self, data: bytes, position: int, out: list[bytes]) -> int:
        end = data.find(b"\n", position) + 1
        out.append(data[position : end or len(data)])
        self._held += out[-1]
        if not end:
            if len(self._held) > _MAX_LINE:
                self._held, self._at = b"", _At.UNFOLLOWED
            return len(data)
        line, self._held = self._held, b""
        if self._at is _At.TRAILER:
            self._at = self._next_request if line == b"\r\n" else _At.TRAILER
        elif size := _SIZE.fullmatch(line):
            self._remaining = int(size[1], 16) + 2
            self._at = _At.CHUNK_END if self._remaining > 2 else _At.TRAILER
        else:
            self._at = _At.UNFOLLOWED
        return end
