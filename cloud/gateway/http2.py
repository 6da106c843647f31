"""The response to HTTP/2 where it is not served: GOAWAY with HTTP_1_1_REQUIRED. Pure.

It is served if it was negotiated by ALPN or is the first that is received; not after other requests, nor over TLS
without ALPN, which RFC 9113 §3.2 forbids. Frames: RFC 9113.
"""

ALPN_PROTOCOL = "h2"
PREFACE = b"PRI * HTTP/2.0\r\n\r\n"
"""The first bytes of an HTTP/2 connection; to an HTTP/1 parser they look like a request (§3.4)."""

REASON = "HTTP/2 is supported for gRPC only, and over TLS by ALPN only: offer HTTP/1.1 as well"

_SETTINGS, _GOAWAY = 0x4, 0x7
_HTTP_1_1_REQUIRED = 0xD


def _frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    """One frame (§4.1)."""
    return len(payload).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + payload


_LAST_STREAM = 0
REFUSAL = _frame(_SETTINGS) + _frame(
    _GOAWAY, payload=_LAST_STREAM.to_bytes(4) + _HTTP_1_1_REQUIRED.to_bytes(4) + REASON.encode("ascii")
)
"""The server's preface, which must come first (§3.4), and GOAWAY with the reason (§6.8, §7)."""
