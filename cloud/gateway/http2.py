"""What a client that speaks HTTP/2 without having agreed on it is told: to use HTTP/1.1. Pure.

Whoever offers both in the TLS handshake (ALPN) gets HTTP/1.1, and who offers nothing else ``grpc_refusal``: neither
comes here. The frames are those of RFC 9113.
"""

PREFACE = b"PRI * HTTP/2.0\r\n\r\n"
"""What an HTTP/2 connection begins with, made to look like a request to who speaks HTTP/1 only (§3.4)."""

REASON = "HTTP/1.1 is spoken here: offer it, too, or switch HTTP/2 and gRPC off"


def _frame(kind: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, 0]) + (0).to_bytes(4) + payload


_SETTINGS, _GOAWAY = 0x4, 0x7
_HTTP_1_1_REQUIRED = 0xD
REFUSAL = _frame(_SETTINGS, b"") + _frame(
    _GOAWAY, (0).to_bytes(4) + _HTTP_1_1_REQUIRED.to_bytes(4) + REASON.encode("ascii")
)
"""A server's preface, which is to come first (§3.4), and the end of the connection with the reason (§6.8, §7)."""
