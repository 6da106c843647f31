"""``Connection``: one connection of a client of the gateway."""

import asyncio
import logging
import socket
from typing import Protocol, cast

from cloud.gateway import hosts, http2, proxy_request
from cloud.gateway.certs import CertificateAuthority
from cloud.gateway.deadlines import Deadlines
from cloud.gateway.listener import Listener
from cloud.gateway.request_head import MAX_HEAD, RequestStream, find_end

_log = logging.getLogger(__name__)

_FOREIGN = "this cloud is another user's"
_LINGERING = 64
"""Connections too many that stay for a while, so that their clients can read why."""


class Gateway(Protocol):
    """What a connection needs of its gateway; see ``tunnel.Gateway``."""

    authority: CertificateAuthority
    deadlines: Deadlines

    @property
    def excess(self) -> int: ...
    def refuse_excess(self) -> str: ...
    def admits(self, listener: Listener, connection: socket.socket) -> bool: ...
    def opened(self, connection: "Connection") -> None: ...
    def closed(self, connection: "Connection") -> None: ...
    def refuse(self, listener: Listener, host: str, port: int) -> None: ...
    def handshake_done(self, host: str, user_agent: str) -> None: ...
    def handshake_failed(self, host: str, user_agent: str, error: OSError) -> None: ...


class Connection(asyncio.Protocol):
    """One connection: reads the first head, then filters the bytes from transport (plain or TLS) to HTTP server."""

    def __init__(self, gateway: Gateway, listener: Listener) -> None:
        self._gateway, self.listener = gateway, listener
        self._transport: asyncio.Transport
        self._socket: asyncio.Transport
        """Below TLS."""
        self._resumed = 0
        """How often the buffer of what is to be sent became small."""
        self._received = bytearray()
        """Bytes not yet forwarded: the first head, or plaintext that arrived before ``start_tls`` returned."""
        self._timer: asyncio.TimerHandle
        self._awaits_head = False
        """Of a request but the first."""
        self._handshake: asyncio.Task[None] | None = None
        self._refused = False
        self._lost = False
        self._http: asyncio.Protocol | None = None
        self._requests: RequestStream | None = None

    # ---------------------------------------------------------------- called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = self._socket = cast(asyncio.Transport, transport)
        self._gateway.opened(self)
        self._await_head()
        if not self._gateway.admits(self.listener, transport.get_extra_info("socket")):
            self._respond(f"403 {_FOREIGN}", _FOREIGN)
        elif self._gateway.excess > 0:
            self._respond("503 Service Unavailable", self._gateway.refuse_excess())
        if self._gateway.excess > _LINGERING:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._http is not None:
            self._forward(self._http, data)
        elif self._handshake is not None:
            self._received += data
        else:
            self._read_first_head(data)

    def eof_received(self) -> bool:
        stays = self._http is not None and bool(self._http.eof_received())
        return stays and self._transport is self._socket  # TLS cannot be closed one way

    def pause_writing(self) -> None:
        if self._http is not None:
            self._http.pause_writing()

    def resume_writing(self) -> None:
        self._resumed += 1
        if self._http is not None:
            self._http.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        self._lost = True
        self._timer.cancel()
        if self._http is not None:
            self._http.connection_lost(error)
        if self._handshake is None:
            self._gateway.closed(self)

    def abort(self) -> None:
        if self._handshake is not None:
            self._handshake.cancel()
        self._transport.abort()

    def unsent(self) -> tuple[int, int]:
        """See ``deadlines.Writer``."""
        return self._socket.get_write_buffer_size(), self._resumed

    # ---------------------------------------------------------------- the first head

    def _read_first_head(self, data: bytes) -> None:
        searched = max(0, len(self._received) - 3)
        self._received += data
        end = find_end(self._received, searched)
        if end < 0 and len(self._received) <= MAX_HEAD:
            return
        self._timer.cancel()
        if not 0 <= end <= MAX_HEAD:
            self._respond("431 Request Header Fields Too Large", f"a request head has at most {MAX_HEAD} bytes")
            return
        match proxy_request.parse(bytes(self._received[:end])):
            case proxy_request.Tunnel() as request:
                self._open_tunnel(request, early=len(self._received) > end)
            case proxy_request.Serve(once):
                self._serve(self._transport, once=once)
            case proxy_request.Refuse(host, port):
                self._gateway.refuse(self.listener, host, port)
                reason = hosts.why_refused(host, port)
                # Most clients show only the reason phrase of a response to CONNECT.
                self._respond(f"403 {reason}", reason)
            case proxy_request.Http2():
                self._serve_http2(self._transport)
            case proxy_request.Malformed(reason):
                self._respond("400 Bad Request", reason)

    def _await_head(self) -> None:
        seconds = self._gateway.deadlines.head
        reason = f"no complete request head within {seconds:g} s"
        self._timer = asyncio.get_running_loop().call_later(seconds, self._end_input, "408 Request Timeout", reason)

    def _end_input(self, status: str, reason: str) -> None:
        """No use can be made of what will come. The HTTP server is told as at an end of file: true if it responds."""
        if self._http is None or not self._http.eof_received():
            self._respond(status, reason)

    def _respond(self, status: str, reason: str) -> None:
        if self._transport.is_closing():
            return
        body = f"{reason}\n".encode()
        self._write_last(
            f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n".encode()
            + body
        )
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:  # TLS: it goes on receiving until the client closes, too
            self._transport.close()

    def _refuse_http2(self) -> None:
        _log.warning("refused a client that speaks HTTP/2 only: %s", http2.REASON)
        self._write_last(http2.REFUSAL)

    def _write_last(self, data: bytes) -> None:
        """Write ``data``, ignore what is received from now on, and close after a delay."""
        self._refused = True
        self._received.clear()
        self._timer.cancel()
        self._transport.write(data)
        self._timer = asyncio.get_running_loop().call_later(self._gateway.deadlines.linger, self._transport.abort)

    # ---------------------------------------------------------------- serving

    def _open_tunnel(self, request: proxy_request.Tunnel, *, early: bool) -> None:
        if early:
            # start_tls() reads only from the socket: a ClientHello sent along with CONNECT would be lost.
            self._respond("400 Bad Request", "wait for the response to CONNECT before sending more")
            return
        self._received.clear()
        self._handshake = asyncio.create_task(self._terminate_tls(request), name=f"TLS for {request.host}")
        self._handshake.add_done_callback(self._handshake_done)

    async def _terminate_tls(self, request: proxy_request.Tunnel) -> None:
        self._transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            transport = await asyncio.get_running_loop().start_tls(
                self._transport,
                self,
                self._gateway.authority.context_for(request.host),
                server_side=True,
                ssl_handshake_timeout=self._gateway.deadlines.handshake,
                ssl_shutdown_timeout=self._gateway.deadlines.tls_close,
            )
        except OSError as error:
            self._gateway.handshake_failed(request.host, request.user_agent, error)
            self._transport.abort()
        else:
            self._gateway.handshake_done(request.host, request.user_agent)
            if transport is not None and not self._lost:
                self._transport = transport
                if transport.get_extra_info("ssl_object").selected_alpn_protocol() != http2.ALPN_PROTOCOL:
                    self._serve(transport, once=False)
                else:
                    self._serve_http2(transport)

    def _handshake_done(self, _task: asyncio.Task[None]) -> None:
        # connection_lost() is not called if the handshake failed, and at most once if it succeeded.
        self._handshake = None
        if self._http is None or self._lost:
            self._gateway.closed(self)

    def _serve(self, transport: asyncio.Transport, *, once: bool) -> None:
        if once:
            self._received[:] = self._received.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        self._requests = RequestStream(once=once)
        self._attach(self.listener.protocol_factory(), transport)

    def _serve_http2(self, transport: asyncio.Transport) -> None:
        if self.listener.http2_factory is None:
            self._refuse_http2()
        else:
            self._attach(self.listener.http2_factory(), transport)

    def _attach(self, protocol: asyncio.Protocol, transport: asyncio.Transport) -> None:
        """Forward this connection to ``protocol``, beginning with the bytes received so far."""
        first, self._received = bytes(self._received), bytearray()
        self._http = protocol
        self._http.connection_made(transport)
        if first:
            self._forward(self._http, first)

    def _forward(self, http: asyncio.Protocol, data: bytes) -> None:
        requests = self._requests
        if requests is None:
            http.data_received(data)
            return
        was_within_chunks = requests.is_within_chunks
        if ready := requests.feed(data):
            http.data_received(ready)
        if requests.is_http2:
            self._refuse_http2()
        elif was_within_chunks and requests.is_garbled:
            # What is garbled along with the head gets aiohttp's response; else its handler would wait for the rest.
            self._end_input("400 Bad Request", "a chunk of the body is malformed")
        elif requests.is_within_head is not self._awaits_head:
            self._awaits_head = requests.is_within_head
            self._timer.cancel()
            if self._awaits_head:
                self._await_head()
