"""The response to a client that speaks HTTP/2 without having negotiated it: GOAWAY with HTTP_1_1_REQUIRED. Pure.

Clients that negotiate by ALPN are handled elsewhere: one that offers HTTP/1.1 gets it, one that offers only HTTP/2 gets
``grpc_refusal``. Frames: RFC 9113.
"""

PREFACE = b"PRI * HTTP/2.0\r\n\r\n"
"""The first bytes of an HTTP/2 connection; to an HTTP/1 parser they look like a request (§3.4)."""

REASON = "only HTTP/1.1 is supported: offer it as well, or disable HTTP/2 and gRPC"


def _frame(kind: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, 0]) + (0).to_bytes(4) + payload


_SETTINGS, _GOAWAY = 0x4, 0x7
_HTTP_1_1_REQUIRED = 0xD
REFUSAL = _frame(_SETTINGS, b"") + _frame(
    _GOAWAY, (0).to_bytes(4) + _HTTP_1_1_REQUIRED.to_bytes(4) + REASON.encode("ascii")
)
"""The server's preface, which must come first (§3.4), and GOAWAY with the reason (§6.8, §7)."""
