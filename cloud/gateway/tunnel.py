"""The gateway: a CONNECT proxy on loopback that terminates TLS for Google's hosts and refuses every other host."""

import asyncio
import logging
import os
import socket
from collections import Counter
from collections.abc import Callable, Set
from pathlib import Path
from typing import cast

from cloud.errors import FailedPrecondition
from cloud.gateway import http2, proxy_request
from cloud.gateway.certs import CertificateAuthority
from cloud.gateway.deadlines import Deadlines, UnreadWatch, Writer
from cloud.gateway.grpc_refusal import ALPN_PROTOCOL, GrpcRefusal
from cloud.gateway.listener import Listener, ProtocolFactory, Refusal
from cloud.gateway.request_head import MAX_HEAD, RequestStream, find_end
from cloud.gateway.tls_failures import ca_variable_hint, trust_failure

_log = logging.getLogger(__name__)


class Gateway:
    """The proxy; it listens from ``start`` to ``close``.

    One port serves ``CONNECT`` and absolute-form requests (as a proxy) and origin-form requests (as a server, for
    ``GCE_METADATA_HOST`` and ``STORAGE_EMULATOR_HOST``).

    Args:
        protocol_factory: as for ``Listener``, for the clients of the first one.
        ca_dir: private folder for the run's CA certificate.
        on_refusal: called for each refused request.
        port: to listen on; 0 picks a free one.
        deadlines: of its clients.
    """

    def __init__(
        self,
        protocol_factory: ProtocolFactory,
        ca_dir: Path,
        on_refusal: Callable[[Refusal], None] | None = None,
        *,
        port: int = 0,
        deadlines: Deadlines | None = None,
    ) -> None:
        deadlines = deadlines or Deadlines()
        self._protocol_factory = protocol_factory
        self.authority = CertificateAuthority(ca_dir)
        self.deadlines = deadlines
        self._unread = UnreadWatch(deadlines.unread)
        self._on_refusal = on_refusal
        self._port = port
        self._refused: Counter[tuple[str, int]] = Counter()
        self._distrusting: set[tuple[str, str]] = set()
        self._first: Listener | None = None
        self._others: set[Listener] = set()
        self._connections: set[_Connection] = set()
        self._no_connections = asyncio.Event()

    @property
    def ca_file(self) -> Path:
        """PEM of this run's CA alone: jobs must trust no other."""
        return self.authority.file

    @property
    def address(self) -> str:
        """``127.0.0.1:PORT``."""
        if self._first is None:
            raise RuntimeError("the gateway has not been started")
        return self._first.address

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def connections(self) -> "Set[Writer]":
        """Those that are open."""
        return self._connections

    @property
    def refusals(self) -> list[Refusal]:
        """Every host refused so far, in the order of the first requests."""
        return [Refusal(host, port, count) for (host, port), count in self._refused.items()]

    async def start(self) -> None:
        """Raises:
        FailedPrecondition: the port cannot be bound.
        """
        try:
            self._first = await self._listen(_bind(self._port), self._protocol_factory, None)
        except OSError as error:
            raise FailedPrecondition(
                f"port {self._port} cannot be bound: {os.strerror(error.errno or 0)}; choose another, or 0 for any",
                field="port",
            ) from None
        self._unread.start(self._connections)

    async def add_listener(
        self,
        protocol_factory: ProtocolFactory,
        *,
        on_refusal: Callable[[Refusal], None] | None = None,
        listening: socket.socket | None = None,
    ) -> Listener:
        """Listen on one more address until ``close``.

        Args:
            protocol_factory, on_refusal: as for ``Listener``.
            listening: a bound TCP socket, which the listener then owns; None: a free port of the loopback interface.
        """
        listener = await self._listen(listening or _bind(0), protocol_factory, on_refusal)
        self._others.add(listener)
        return listener

    async def remove_listener(self, listener: Listener) -> None:
        """Stop listening there, and abort the connections of its clients. May be called twice."""
        self._others.discard(listener)
        listener.server.close()
        for connection in [each for each in self._connections if each.listener is listener]:
            connection.abort()
        await listener.server.wait_closed()

    async def _listen(
        self,
        bound: socket.socket,
        protocol_factory: ProtocolFactory,
        on_refusal: Callable[[Refusal], None] | None,
    ) -> Listener:
        loop = asyncio.get_running_loop()
        listeners: list[Listener] = []  # the server may accept a connection only after the listener is in it
        server = await loop.create_server(
            lambda: _Connection(self, listeners[0]), sock=bound, backlog=1024, start_serving=False
        )
        host, port = bound.getsockname()[:2]
        listeners.append(Listener(server, f"{host}:{port}", protocol_factory, on_refusal))
        await server.start_serving()
        return listeners[0]

    async def close(self) -> None:
        """Stop listening, abort every connection and wait until all are closed. May be called twice."""
        if self._first is None:
            return
        listeners, self._first, self._others = [self._first, *self._others], None, set()
        self._unread.close()
        for listener in listeners:
            listener.server.close()
        for connection in list(self._connections):
            connection.abort()
        if self._connections:
            await self._no_connections.wait()
        for listener in listeners:
            await listener.server.wait_closed()

    def refuse(self, listener: Listener, host: str, port: int) -> None:
        """Count and report a request for a host that is not emulated."""
        self._refused[host, port] += 1
        refusal = Refusal(host, port, self._refused[host, port])
        if listener.on_refusal is not None:
            listener.on_refusal(refusal)
        if self._on_refusal is not None:
            self._on_refusal(refusal)
        elif refusal.count == 1:
            _log.warning("refused %s:%d: not a Google API that is emulated", host, port)

    def handshake_failed(self, host: str, user_agent: str, error: OSError) -> None:
        """Log a failed TLS handshake; distrust of the CA only once for each host and client, since clients retry."""
        reason = trust_failure(error)
        if reason is None:
            _log.info("TLS handshake for %s failed: %r", host, error)
        elif (host, user_agent) not in self._distrusting:
            self._distrusting.add((host, user_agent))
            hint = ca_variable_hint(user_agent)
            _log.warning("TLS handshake for %s failed: %s (%s); %s", host, reason, self.ca_file, hint)

    def opened(self, connection: "_Connection") -> None:
        self._connections.add(connection)
        self._no_connections.clear()

    def closed(self, connection: "_Connection") -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._no_connections.set()


def _bind(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", port))
    except BaseException:
        bound.close()
        raise
    return bound


class _Connection(asyncio.Protocol):
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

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._http is not None:
            self._forward(self._http, data)
        elif self._handshake is not None:
            self._received += data
        else:
            self._read_first_head(data)

    def eof_received(self) -> bool | None:
        return self._http.eof_received() if self._http is not None else None

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
                reason = f"this cloud is offline: {host}:{port} is not a Google API that is emulated"
                # Most clients show only the reason phrase of a response to CONNECT.
                self._respond(f"403 {reason}", reason)
            case proxy_request.Http2():
                self._refuse_http2()
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
            if transport is not None and not self._lost:
                self._transport = transport
                if transport.get_extra_info("ssl_object").selected_alpn_protocol() == ALPN_PROTOCOL:
                    self._attach(GrpcRefusal(self._gateway.deadlines), transport)
                else:
                    self._serve(transport, once=False)

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
