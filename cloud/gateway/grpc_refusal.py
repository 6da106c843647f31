"""Just enough HTTP/2 to answer every gRPC call with UNIMPLEMENTED.

A client that offers only HTTP/2 speaks gRPC. If its connection were refused, it would retry for a minute and then
report a failed connection; a response ends the call at once. Framing: RFC 9113; headers: RFC 7541 (none are parsed, and
those sent use no dynamic table); form of the response: "Trailers-Only" of
https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md.
"""

import asyncio
from typing import cast
from urllib.parse import quote

from cloud.gateway.deadlines import Deadlines
from cloud.gateway.http2 import HEADERS, PING, PREFACE, SETTINGS, frame

ALPN_PROTOCOL = "h2"
MESSAGE = (
    'gRPC is not served here, only REST: in the Vertex AI SDK aiplatform.init(..., api_transport="rest"), in other '
    'clients of Google\'s transport="rest"'
)
_PREFACE = PREFACE + b"SM\r\n\r\n"
_FRAME_HEADER = 9
"""Bytes."""
_ACK, _END_STREAM, _END_HEADERS = 1, 1, 4
_MAX_FRAME_SIZE = 16_384
"""Bytes of a payload; the initial SETTINGS_MAX_FRAME_SIZE (RFC 9113 §6.5.2)."""
_UNIMPLEMENTED = "12"
_STATUS_200, _CONTENT_TYPE = 8, 31
"""Indices in HPACK's static table."""


class GrpcRefusal(asyncio.Protocol):
    """Answers every call on one connection with UNIMPLEMENTED."""

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._timer: asyncio.TimerHandle
        self._is_active = False
        """Whether a whole frame was received since the timer was set."""
        self._transport: asyncio.Transport
        self._received = bytearray()
        self._has_preface = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(frame(SETTINGS))
        self._wait(self._deadlines.head)

    def connection_lost(self, _error: Exception | None) -> None:
        self._timer.cancel()

    def pause_writing(self) -> None:
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()

    def _wait(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._check)

    def _check(self) -> None:
        if self._is_active:
            self._is_active = False
            self._wait(self._deadlines.idle_http2)
        else:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._has_preface:
            if len(self._received) < len(_PREFACE):
                return
            if not self._received.startswith(_PREFACE):
                self._transport.abort()
                return
            del self._received[: len(_PREFACE)]
            self._has_preface = True
        while len(self._received) >= _FRAME_HEADER:
            size = int.from_bytes(self._received[:3], "big")
            if size > _MAX_FRAME_SIZE:
                self._transport.abort()
                return
            if len(self._received) < _FRAME_HEADER + size:
                return
            kind, flags = self._received[3], self._received[4]
            stream = int.from_bytes(self._received[5:_FRAME_HEADER], "big") & 0x7FFF_FFFF
            payload = bytes(self._received[_FRAME_HEADER : _FRAME_HEADER + size])
            del self._received[: _FRAME_HEADER + size]
            self._handle_frame(kind, flags, stream, payload)

    def _handle_frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        self._is_active = True
        if kind == HEADERS and stream:
            self._transport.write(frame(HEADERS, _END_STREAM | _END_HEADERS, stream, _TRAILERS))
        elif kind == SETTINGS and not flags & _ACK:
            self._transport.write(frame(SETTINGS, _ACK))
        elif kind == PING and not flags & _ACK:
            self._transport.write(frame(PING, _ACK, payload=payload))


def _integer(value: int, bits: int, first: int = 0) -> bytes:
    """``value`` as an integer with a prefix of ``bits`` (RFC 7541 §5.1); ``first`` holds the octet's other bits."""
    largest = (1 << bits) - 1
    if value < largest:
        return bytes((first | value,))
    written = [first | largest]
    value -= largest
    while value >= 128:
        written.append(value % 128 + 128)
        value //= 128
    return bytes((*written, value))


def _string(value: str) -> bytes:
    return _integer(len(value), 7) + value.encode()


_TRAILERS = (
    _integer(_STATUS_200, 7, 0x80)
    + _integer(_CONTENT_TYPE, 4)
    + _string("application/grpc")
    + b"".join(
        b"\0" + _string(name) + _string(value)
        for name, value in (("grpc-status", _UNIMPLEMENTED), ("grpc-message", quote(MESSAGE, safe=" ,:;=()'\"/.")))
    )
)
