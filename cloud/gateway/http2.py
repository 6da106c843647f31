"""The response to a client that speaks HTTP/2 without having negotiated it: GOAWAY with HTTP_1_1_REQUIRED. Pure.

Clients that negotiate by ALPN are handled elsewhere: one that offers HTTP/1.1 gets it, one that offers only HTTP/2 gets
``grpc_refusal``. Frames: RFC 9113.
"""

PREFACE = b"PRI * HTTP/2.0\r\n\r\n"
"""The first bytes of an HTTP/2 connection; to an HTTP/1 parser they look like a request (§3.4)."""

REASON = "only HTTP/1.1 is supported: offer it as well, or disable HTTP/2 and gRPC"


HEADERS, SETTINGS, PING, GOAWAY = 0x1, 0x4, 0x6, 0x7
_HTTP_1_1_REQUIRED = 0xD


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    """One frame (§4.1)."""
    return len(payload).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + payload


_LAST_STREAM = 0
REFUSAL = frame(SETTINGS) + frame(
    GOAWAY, payload=_LAST_STREAM.to_bytes(4) + _HTTP_1_1_REQUIRED.to_bytes(4) + REASON.encode("ascii")
)
"""The server's preface, which must come first (§3.4), and GOAWAY with the reason (§6.8, §7)."""
