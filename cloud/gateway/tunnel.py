"""The way out of a job: a CONNECT proxy on loopback that ends Google's TLS here and refuses every other host."""

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from cloud.errors import FailedPrecondition
from cloud.gateway import http2, proxy_request
from cloud.gateway.certs import CertificateAuthority
from cloud.gateway.distrust import advice, distrust
from cloud.gateway.grpc_refusal import PROTOCOL, GrpcRefusal
from cloud.gateway.request_head import MAX_HEAD, RequestStream, find_end

_log = logging.getLogger(__name__)

ProtocolFactory = Callable[[], asyncio.Protocol]

_FIRST_HEAD_SECONDS = 10.0
_HANDSHAKE_SECONDS = 10.0
_LINGER_SECONDS = 2.0
"""How long a refused client may go on sending: closing at once would reset the connection under the answer."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Someone behind the gateway asked for a host that is not emulated."""

    host: str
    port: int
    count: int
    """How often so far, this time included."""


class Gateway:
    """The proxy, listening from ``start`` to ``close``.

    Its one port answers ``CONNECT`` and absolute-form requests as a proxy does, and requests for itself
    (``GCE_METADATA_HOST``, ``STORAGE_EMULATOR_HOST``) as a server.

    Args:
        protocol_factory: makes the HTTP/1.1 server protocol that gets each client's plaintext (``aiohttp.web.Server``).
        ca_dir: private folder for the run's CA certificate.
        on_refusal: told of each refused request.
        port: where to listen; 0 finds a free one.
    """

    def __init__(
        self,
        protocol_factory: ProtocolFactory,
        ca_dir: Path,
        on_refusal: Callable[[Refusal], None] | None = None,
        *,
        port: int = 0,
        first_head_seconds: float = _FIRST_HEAD_SECONDS,
    ) -> None:
        self.protocol_factory = protocol_factory
        self.authority = CertificateAuthority(ca_dir)
        self.first_head_seconds = first_head_seconds
        self._on_refusal = on_refusal
        self._port = port
        self._refused: Counter[tuple[str, int]] = Counter()
        self._distrusted: set[tuple[str, str]] = set()
        self._server: asyncio.Server | None = None
        self._doors: list[asyncio.Server] = []
        self._clients: set[_Client] = set()
        self._all_gone = asyncio.Event()

    @property
    def ca_file(self) -> Path:
        """PEM of this run's CA and no other: inside a job nothing else is to be trusted."""
        return self.authority.file

    @property
    def address(self) -> str:
        """``127.0.0.1:PORT``."""
        if self._server is None:
            raise RuntimeError("the gateway has not been started")
        return _address(self._server)

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def refusals(self) -> list[Refusal]:
        """Every host refused so far, in the order of first asking."""
        return [Refusal(host, port, count) for (host, port), count in self._refused.items()]

    async def start(self) -> None:
        """Raises:
        FailedPrecondition: the port cannot be had.
        """
        try:
            self._server = await self._listen(self._port)
        except OSError as error:
            raise FailedPrecondition(
                f"port {self._port} cannot be had: {os.strerror(error.errno or 0)}; choose another, or 0 for any",
                field="port",
            ) from None

    async def open_owner_address(self) -> str:
        """Listen at one more address, until ``close``; returns its ``127.0.0.1:PORT``.

        What comes in there is told from the rest by the connection's local address.
        """
        door = await self._listen(0)
        self._doors.append(door)
        return _address(door)

    async def _listen(self, port: int) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: _Client(self), "127.0.0.1", port, backlog=1024)

    async def close(self) -> None:
        """Stop listening and drop every connection, idle or not; returns when all are gone. May be called twice."""
        if self._server is None:
            return
        servers, self._server, self._doors = [self._server, *self._doors], None, []
        for server in servers:
            server.close()
        for client in list(self._clients):
            client.abort()
        if self._clients:
            await self._all_gone.wait()
        for server in servers:
            await server.wait_closed()

    def refuse(self, host: str, port: int) -> None:
        self._refused[host, port] += 1
        refusal = Refusal(host, port, self._refused[host, port])
        if self._on_refusal is not None:
            self._on_refusal(refusal)
        elif refusal.count == 1:
            _log.warning("refused %s:%d: not a Google API that is emulated", host, port)

    def no_tls(self, host: str, user_agent: str, error: OSError) -> None:
        """A handshake failed. That a client does not trust us is said once: it will try again and again."""
        why = distrust(error)
        if why is None:
            _log.info("no TLS for %s: %r", host, error)
        elif (host, user_agent) not in self._distrusted:
            self._distrusted.add((host, user_agent))
            _log.warning("no TLS for %s: %s, %s: %s", host, why, self.ca_file, advice(user_agent))

    def arrived(self, client: "_Client") -> None:
        self._clients.add(client)
        self._all_gone.clear()

    def gone(self, client: "_Client") -> None:
        self._clients.discard(client)
        if not self._clients:
            self._all_gone.set()


def _address(server: asyncio.Server) -> str:
    host, port = server.sockets[0].getsockname()[:2]
    return f"{host}:{port}"


class _Client(asyncio.Protocol):
    """One connection: reads the first head, then is the filter between transport (plain or TLS) and HTTP server."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._transport: asyncio.Transport
        self._received = bytearray()
        """Bytes not yet handed on: the first head, or plaintext that came before ``start_tls`` returned."""
        self._timer: asyncio.TimerHandle
        self._handshake: asyncio.Task[None] | None = None
        self._refused = False
        self._lost = False
        self._http: asyncio.Protocol | None = None
        self._feed: Callable[[bytes], bytes] = bytes
        """What is to be handed on of what comes."""
        self._requests: RequestStream | None = None

    # ---------------------------------------------------------------- called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._gateway.arrived(self)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._gateway.first_head_seconds, self._too_slow)

    def data_received(self, data: bytes) -> None:
        if self._http is not None:
            self._hand_on(self._http, data)
        elif self._handshake is not None:
            self._received += data
        elif not self._refused:
            self._read_first_head(data)

    def eof_received(self) -> bool | None:
        return self._http.eof_received() if self._http is not None else None

    def pause_writing(self) -> None:
        if self._http is not None:
            self._http.pause_writing()

    def resume_writing(self) -> None:
        if self._http is not None:
            self._http.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        self._lost = True
        self._timer.cancel()
        if self._http is not None:
            self._http.connection_lost(error)
        if self._handshake is None:
            self._gateway.gone(self)

    def abort(self) -> None:
        if self._handshake is not None:
            self._handshake.cancel()
        self._transport.abort()

    # ---------------------------------------------------------------- the first head

    def _read_first_head(self, data: bytes) -> None:
        searched = max(0, len(self._received) - 3)
        self._received += data
        end = find_end(self._received, searched)
        if end < 0 and len(self._received) <= MAX_HEAD:
            return
        self._timer.cancel()
        if not 0 <= end <= MAX_HEAD:
            self._answer("431 Request Header Fields Too Large", f"a request head has at most {MAX_HEAD} bytes")
            return
        match proxy_request.read(bytes(self._received[:end])):
            case proxy_request.Tunnel() as wanted:
                self._open_tunnel(wanted, early=len(self._received) > end)
            case proxy_request.Serve(once):
                self._serve(self._transport, once=once)
            case proxy_request.Refuse(host, port):
                self._gateway.refuse(host, port)
                why = f"this cloud is offline: {host}:{port} is not a Google API that is emulated"
                # Of an answer to CONNECT most clients show the reason phrase, and nothing else.
                self._answer(f"403 {why}", why)
            case proxy_request.Http2():
                self._refuse_http2()
            case proxy_request.Malformed(reason):
                self._answer("400 Bad Request", reason)

    def _too_slow(self) -> None:
        seconds = self._gateway.first_head_seconds
        self._answer("408 Request Timeout", f"no complete request head within {seconds:g} s")

    def _answer(self, status: str, reason: str) -> None:
        if self._transport.is_closing():
            return
        self._refused = True
        self._received.clear()
        body = f"{reason}\n".encode()
        self._transport.write(
            f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n".encode()
            + body
        )
        self._transport.write_eof()
        self._timer = asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._transport.abort)

    def _refuse_http2(self) -> None:
        _log.warning("a client was refused that speaks HTTP/2 only: %s", http2.REASON)
        self._refused = True
        self._received.clear()
        self._transport.write(http2.REFUSAL)
        self._timer = asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._transport.abort)

    # ---------------------------------------------------------------- serving

    def _open_tunnel(self, wanted: proxy_request.Tunnel, *, early: bool) -> None:
        if early:
            # start_tls() reads from the socket only: a ClientHello that came with CONNECT would be lost.
            self._answer("400 Bad Request", "wait for the answer to CONNECT before sending more")
            return
        self._received.clear()
        self._handshake = asyncio.create_task(self._end_tls(wanted), name=f"TLS for {wanted.host}")
        self._handshake.add_done_callback(self._handshake_over)

    async def _end_tls(self, wanted: proxy_request.Tunnel) -> None:
        self._transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            transport = await asyncio.get_running_loop().start_tls(
                self._transport,
                self,
                self._gateway.authority.context_for(wanted.host),
                server_side=True,
                ssl_handshake_timeout=_HANDSHAKE_SECONDS,
                ssl_shutdown_timeout=_LINGER_SECONDS,
            )
        except OSError as error:
            self._gateway.no_tls(wanted.host, wanted.user_agent, error)
            self._transport.abort()
        else:
            if transport is not None and not self._lost:
                self._transport = transport
                if transport.get_extra_info("ssl_object").selected_alpn_protocol() == PROTOCOL:
                    self._hand_over(GrpcRefusal(), transport, bytes)
                else:
                    self._serve(transport, once=False)

    def _handshake_over(self, _task: asyncio.Task[None]) -> None:
        # connection_lost() is not called when TLS was never established, and never called twice when it was.
        self._handshake = None
        if self._http is None or self._lost:
            self._gateway.gone(self)

    def _serve(self, transport: asyncio.Transport, *, once: bool) -> None:
        if once:
            self._received[:] = self._received.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        self._requests = RequestStream(once=once)
        self._hand_over(self._gateway.protocol_factory(), transport, self._requests.feed)

    def _hand_over(
        self, protocol: asyncio.Protocol, transport: asyncio.Transport, feed: Callable[[bytes], bytes]
    ) -> None:
        first, self._received = bytes(self._received), bytearray()
        self._http, self._feed = protocol, feed
        self._http.connection_made(transport)
        self._hand_on(self._http, first)

    def _hand_on(self, http: asyncio.Protocol, data: bytes) -> None:
        if ready := self._feed(data):
            http.data_received(ready)
        elif self._requests is not None and self._requests.is_http2 and not self._refused:
            self._refuse_http2()
