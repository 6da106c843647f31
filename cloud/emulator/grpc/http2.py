"""``GrpcConnection``: HTTP/2 as gRPC uses it, https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import cast

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

from cloud.emulator.grpc.call import Call
from cloud.emulator.grpc.deadlines import Deadlines
from cloud.emulator.grpc.framing import frame
from cloud.emulator.grpc.status import DEADLINE_EXCEEDED, INTERNAL, OK, Status, StatusError

_log = logging.getLogger(__name__)

_WINDOW = 2**20
"""Bytes that a client may send on a stream before they are read."""
_STREAMS = 200
"""Calls at a time on one connection."""
_HOST = re.compile(r"(?:[\w.-]+|\[[0-9a-fA-F:.]+\])(?::\d+)?")
_GRPC_ONLY = b"HTTP/2 is supported for gRPC only: offer HTTP/1.1 as well\n"

Answer = Callable[[Call], Awaitable[bytes]]
"""Returns the message of the response.

Raises:
    StatusError: there is none.
"""


@dataclass(slots=True)
class _Stream:
    call: Call
    window: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the client has made room for more of the response."""
    task: asyncio.Task[None] | None = None
    is_half_closed: bool = False
    """Whether the client has sent all."""


class GrpcConnection(asyncio.Protocol):
    """Responds to the unary calls of one connection with ``answer``."""

    def __init__(self, answer: Answer, deadlines: Deadlines) -> None:
        self._answer, self._deadlines = answer, deadlines
        self._transport: asyncio.Transport
        self._streams: dict[int, _Stream] = {}
        self._writable = asyncio.Event()
        self._writable.set()
        # Headers stay bytes: h2 would fail for those that are no UTF-8. Those that are sent are made here, and right.
        configuration = H2Configuration(
            client_side=False,
            header_encoding=None,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
        self._http2 = H2Connection(configuration)
        # Not by update(): such values count only when the client has acknowledged them, and are not sent at first.
        self._http2.local_settings = Settings(
            client=False,
            initial_values={SettingCodes.MAX_CONCURRENT_STREAMS: _STREAMS, SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW},
        )
        self._timer: asyncio.TimerHandle | None = None
        """Ends a connection without calls."""

    # ---------------------------------------------------------------- called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._http2.initiate_connection()
        self._http2.increment_flow_control_window(_WINDOW)
        self._flush()
        self._end_after(self._deadlines.preface)

    def data_received(self, data: bytes) -> None:
        try:
            received = self._http2.receive_data(data)
        except ProtocolError as error:
            _log.info("a client broke HTTP/2: %s", error)
            self._flush()  # GOAWAY
            self._transport.close()
            return
        for event in received:
            self._handle(event)
        self._flush()

    def eof_received(self) -> None:
        return None

    def pause_writing(self) -> None:
        self._writable.clear()
        self._transport.pause_reading()  # what is received may demand a response: a ping, a setting

    def resume_writing(self) -> None:
        self._writable.set()
        self._transport.resume_reading()

    def connection_lost(self, _error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for stream in self._streams.values():
            if stream.task is not None:
                stream.task.cancel()

    # ---------------------------------------------------------------- HTTP/2

    def _handle(self, event: events.Event) -> None:
        match event:
            case events.RequestReceived(stream_id=int(number), headers=headers):
                # Names and values are bytes: see header_encoding.
                self._begin(number, {_text(name): _text(value) for name, value in headers or ()})
            case events.DataReceived(stream_id=int(number), data=data, flow_controlled_length=length):
                self._http2.acknowledge_received_data(length or 0, number)
                if (receiving := self._streams.get(number)) is not None:
                    receiving.call.receive(data or b"")
            case events.StreamEnded(stream_id=int(number)):
                if (ended := self._streams.get(number)) is not None:
                    ended.is_half_closed = True
                    ended.call.complete()
            case events.StreamReset(stream_id=int(number)):
                if (reset := self._streams.get(number)) is not None and reset.task is not None:
                    reset.task.cancel()
            case events.RemoteSettingsChanged() | events.WindowUpdated():
                for stream in self._streams.values():
                    stream.window.set()
                if not self._streams:
                    self._end_after(self._deadlines.idle)
            case events.ConnectionTerminated():
                self._transport.close()

    def _begin(self, number: int, headers: dict[str, str]) -> None:
        if not _HOST.fullmatch(headers.get(":authority", "")):
            self._http2.reset_stream(number, ErrorCodes.PROTOCOL_ERROR)
            return
        if not headers.get("content-type", "").startswith("application/grpc"):
            self._http2.send_headers(number, [(":status", "415"), ("content-type", "text/plain")])
            self._http2.send_data(number, _GRPC_ONLY, end_stream=True)
            self._http2.reset_stream(number, ErrorCodes.NO_ERROR)
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        stream = self._streams[number] = _Stream(Call(headers, self._deadlines.message))
        stream.task = asyncio.create_task(self._run(number, stream))
        stream.task.add_done_callback(lambda _: self._forget(number))

    def _forget(self, number: int) -> None:
        del self._streams[number]
        if not self._streams:
            self._end_after(self._deadlines.idle)

    def _end_after(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self._transport.is_closing():
            self._timer = asyncio.get_running_loop().call_later(seconds, self._end)

    def _end(self) -> None:
        self._http2.close_connection()
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if (data := self._http2.data_to_send()) and not self._transport.is_closing():
            self._transport.write(data)

    # ---------------------------------------------------------------- calls

    async def _run(self, number: int, stream: _Stream) -> None:
        try:
            try:
                message = await self._outcome(stream.call)
            except StatusError as error:
                self._http2.send_headers(number, [*_HEAD, *error.status.trailers()], end_stream=True)
            else:
                self._http2.send_headers(number, _HEAD)
                await self._send(number, stream, frame(message))
                self._http2.send_headers(number, Status(OK).trailers(), end_stream=True)
            if not stream.is_half_closed:
                # The client need not send the rest of its request (RFC 9113 §8.1).
                self._http2.reset_stream(number, ErrorCodes.NO_ERROR)
        except TimeoutError:
            self._http2.reset_stream(number, ErrorCodes.CANCEL)
        except ProtocolError as error:  # the client has ended the connection meanwhile
            _log.debug("stream %d cannot be answered: %s", number, error)
        self._flush()

    async def _outcome(self, call: Call) -> bytes:
        try:
            async with asyncio.timeout(call.timeout):
                return await self._answer(call)
        except StatusError:
            raise
        except TimeoutError:
            raise StatusError(Status(DEADLINE_EXCEEDED, "Deadline Exceeded")) from None
        except Exception as error:  # a fault of ours ends this call alone
            _log.error("%s failed", call.path, exc_info=error)
            raise StatusError(Status(INTERNAL, "Internal error encountered.")) from error

    async def _send(self, number: int, stream: _Stream, data: bytes) -> None:
        """Raises:
        TimeoutError: the client does not read.
        """
        rest = memoryview(data)
        while rest:
            size = min(self._http2.local_flow_control_window(number), self._http2.max_outbound_frame_size, len(rest))
            if size > 0:
                self._http2.send_data(number, bytes(rest[:size]))
                rest = rest[size:]
            if rest:
                self._flush()
                await self._writable.wait()
            if size <= 0:
                stream.window.clear()
                async with asyncio.timeout(self._deadlines.unread):
                    await stream.window.wait()


def _text(field: str | bytes) -> str:
    return field if isinstance(field, str) else field.decode(errors="replace")


_HEAD: Iterable[tuple[str, str]] = (
    (":status", "200"),
    ("content-type", "application/grpc"),
    ("grpc-accept-encoding", "identity,gzip,deflate"),
)
