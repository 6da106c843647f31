"""HTTP/2 as far as it takes to tell a gRPC client, in its own form, that it is not served here.

A client that offers nothing but HTTP/2 speaks gRPC. Were it turned away before that, it would repeat itself for a
minute, and then tell of a connection that failed; an answer ends the call at once. Framing: RFC 9113; headers: RFC 7541
(none is read, and those written use no table); form of the answer: "Trailers-Only" of
https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md.
"""

import asyncio
from typing import cast
from urllib.parse import quote

from cloud.gateway.http2 import PREFACE

PROTOCOL = "h2"
"""Its name in TLS."""
MESSAGE = (
    'gRPC is not served here, only REST: in the Vertex AI SDK aiplatform.init(..., api_transport="rest"), in other '
    'clients of Google\'s transport="rest"'
)
_PREFACE = PREFACE + b"SM\r\n\r\n"
_HEAD = 9
"""Bytes before a frame's payload."""
_HEADERS, _SETTINGS, _PING = 1, 4, 6
_ACK, _END_STREAM, _END_HEADERS = 1, 1, 4
_LARGEST = 16_384
"""Bytes of a payload, as long as nothing else was agreed upon."""
_UNIMPLEMENTED = "12"
_STATUS_200, _CONTENT_TYPE = 8, 31
"""Places in HPACK's static table."""


class GrpcRefusal(asyncio.Protocol):
    """Answers every call on one connection."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._received = bytearray()
        self._is_greeted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(_frame(_SETTINGS, 0, 0))

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._is_greeted:
            if len(self._received) < len(_PREFACE):
                return
            if not self._received.startswith(_PREFACE):
                self._transport.abort()
                return
            del self._received[: len(_PREFACE)]
            self._is_greeted = True
        while len(self._received) >= _HEAD:
            size = int.from_bytes(self._received[:3], "big")
            if size > _LARGEST:
                self._transport.abort()
                return
            if len(self._received) < _HEAD + size:
                return
            kind, flags = self._received[3], self._received[4]
            stream = int.from_bytes(self._received[5:_HEAD], "big") & 0x7FFF_FFFF
            payload = bytes(self._received[_HEAD : _HEAD + size])
            del self._received[: _HEAD + size]
            self._answer(kind, flags, stream, payload)

    def _answer(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == _HEADERS and stream:
            self._transport.write(_frame(_HEADERS, _END_STREAM | _END_HEADERS, stream, _TRAILERS))
        elif kind == _SETTINGS and not flags & _ACK:
            self._transport.write(_frame(_SETTINGS, _ACK, 0))
        elif kind == _PING and not flags & _ACK:
            self._transport.write(_frame(_PING, _ACK, 0, payload))


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def _integer(value: int, bits: int, first: int = 0) -> bytes:
    """``value`` in the last ``bits`` of an octet that begins as ``first`` does, and in further ones (RFC 7541 §5.1)."""
    most = (1 << bits) - 1
    if value < most:
        return bytes((first | value,))
    written = [first | most]
    value -= most
    while value >= 128:
        written.append(value % 128 + 128)
        value //= 128
    return bytes((*written, value))


def _text(value: str) -> bytes:
    return _integer(len(value), 7) + value.encode()


_TRAILERS = (
    _integer(_STATUS_200, 7, 0x80)
    + _integer(_CONTENT_TYPE, 4)
    + _text("application/grpc")
    + b"".join(
        b"\0" + _text(name) + _text(value)
        for name, value in (("grpc-status", _UNIMPLEMENTED), ("grpc-message", quote(MESSAGE, safe=" ,:;=()'\"/.")))
    )
)
