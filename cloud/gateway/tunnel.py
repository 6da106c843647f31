"""The gateway: a CONNECT proxy on loopback that terminates TLS for Google's hosts and refuses every other host."""

import asyncio
import logging
import os
import socket
from collections import Counter
from collections.abc import Callable, Set
from pathlib import Path

from cloud.errors import FailedPrecondition
from cloud.gateway.callers import Callers
from cloud.gateway.certs import CertificateAuthority
from cloud.gateway.connection import Connection
from cloud.gateway.deadlines import Deadlines, UnreadWatch
from cloud.gateway.listener import Listener, ProtocolFactory, Refusal
from cloud.gateway.tls_failures import ca_variable_hint, trust_failure

_log = logging.getLogger(__name__)

_ACCEPTED_AT_ONCE = 64
"""Connections, before they are counted."""
_WAITING = 1024
"""Connections, to be accepted."""


class Gateway:
    """The proxy; it listens from ``start`` to ``close``.

    One port serves ``CONNECT`` and absolute-form requests (as a proxy) and origin-form requests (as a server, for
    ``GCE_METADATA_HOST`` and ``STORAGE_EMULATOR_HOST``).

    Args:
        protocol_factory, http2_factory: as for ``Listener``, for the clients of the first one.
        ca_dir: private folder for the run's CA certificate.
        on_refusal: called for each refused request.
        port: to listen on; 0 picks a free one.
        callers: who may connect, which ``close`` closes; None: this process's user and root.
        deadlines: of its clients.
        max_connections: further ones are refused with 503.
    """

    def __init__(
        self,
        protocol_factory: ProtocolFactory,
        ca_dir: Path,
        on_refusal: Callable[[Refusal], None] | None = None,
        *,
        http2_factory: ProtocolFactory | None = None,
        port: int = 0,
        callers: Callers | None = None,
        deadlines: Deadlines | None = None,
        max_connections: int = 8000,
    ) -> None:
        deadlines = deadlines or Deadlines()
        self._protocol_factory, self._http2_factory = protocol_factory, http2_factory
        self.authority = CertificateAuthority(ca_dir)
        self.deadlines = deadlines
        self._max_connections = max_connections
        self._is_full_logged = False
        self._unread = UnreadWatch(deadlines.unread)
        self._on_refusal = on_refusal
        self._port = port
        self._callers = callers
        self._refused: Counter[tuple[str, int]] = Counter()
        self._trusting: set[tuple[str, str]] = set()
        """Host and user agent of handshakes that succeeded."""
        self._distrusting: set[tuple[str, str]] = set()
        self._first: Listener | None = None
        self._others: set[Listener] = set()
        self._connections: set[Connection] = set()
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
    def connections(self) -> Set[Connection]:
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
            bound = _bind(self._port)
        except OSError as error:
            raise FailedPrecondition(
                f"port {self._port} cannot be bound: {os.strerror(error.errno or 0)}; choose another, or 0 for any",
                field="port",
            ) from None
        self._callers = self._callers or Callers()
        self._first = await self._listen(bound, self._protocol_factory, self._http2_factory, None, checks_callers=True)
        self._unread.start(self._connections)

    async def add_listener(
        self,
        protocol_factory: ProtocolFactory,
        *,
        http2_factory: ProtocolFactory | None = None,
        on_refusal: Callable[[Refusal], None] | None = None,
        listening: socket.socket | None = None,
        checks_callers: bool = True,
    ) -> Listener:
        """Listen on one more address until ``close``.

        Args:
            protocol_factory, http2_factory, on_refusal: as for ``Listener``.
            checks_callers: False only for an address in another network namespace, which its own processes alone reach:
                their users cannot be found out from here.
            listening: a bound TCP socket, which the listener then owns; None: a free port of the loopback interface.
        """
        bound = listening or _bind(0)
        listener = await self._listen(bound, protocol_factory, http2_factory, on_refusal, checks_callers=checks_callers)
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
        http2_factory: ProtocolFactory | None,
        on_refusal: Callable[[Refusal], None] | None,
        *,
        checks_callers: bool,
    ) -> Listener:
        loop = asyncio.get_running_loop()
        listeners: list[Listener] = []  # the server may accept a connection only after the listener is in it
        server = await loop.create_server(
            lambda: Connection(self, listeners[0]), sock=bound, backlog=_ACCEPTED_AT_ONCE, start_serving=False
        )
        host, port = bound.getsockname()[:2]
        listeners.append(
            Listener(server, f"{host}:{port}", protocol_factory, http2_factory, on_refusal, checks_callers)
        )
        await server.start_serving()
        bound.listen(_WAITING)  # asyncio has one number for both
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
        if self._callers is not None:
            self._callers.close()

    def admits(self, listener: Listener, connection: socket.socket) -> bool:
        """Whether the client of ``connection`` may use this cloud."""
        assert self._callers is not None  # noqa: S101 - set by start
        return not listener.checks_callers or self._callers.admits(connection)

    @property
    def excess(self) -> int:
        """How many connections there are beyond those that are served."""
        return len(self._connections) - self._max_connections

    def refuse_excess(self) -> str:
        """Why a connection too many is refused."""
        reason = f"this cloud has {self._max_connections} connections, as many as its open files allow (ulimit -n)"
        if not self._is_full_logged:
            self._is_full_logged = True
            _log.warning("%s: more are refused with 503 for now", reason)
        return reason

    def refuse(self, listener: Listener, host: str, port: int) -> None:
        """Count and report a request for a host that is not Google's."""
        self._refused[host, port] += 1
        refusal = Refusal(host, port, self._refused[host, port])
        if listener.on_refusal is not None:
            listener.on_refusal(refusal)
        if self._on_refusal is not None:
            self._on_refusal(refusal)
        elif refusal.count == 1:
            _log.warning("refused %s:%d: not one of Google's APIs", host, port)

    def handshake_done(self, host: str, user_agent: str) -> None:
        self._trusting.add((host, user_agent))

    def handshake_failed(self, host: str, user_agent: str, error: OSError) -> None:
        """Log a failed TLS handshake; distrust of the CA only once for each host and client, since clients retry."""
        reason = trust_failure(error)
        # A client that has been here trusts the CA: programs in Go open connections ahead, and may end meanwhile.
        is_left = isinstance(error, ConnectionResetError) and (host, user_agent) in self._trusting
        if reason is None or is_left:
            _log.info("TLS handshake for %s failed: %r", host, error)
        elif (host, user_agent) not in self._distrusting:
            self._distrusting.add((host, user_agent))
            hint = ca_variable_hint(user_agent)
            _log.warning("TLS handshake for %s failed: %s (%s); %s", host, reason, self.ca_file, hint)

    def opened(self, connection: Connection) -> None:
        self._connections.add(connection)
        self._no_connections.clear()

    def closed(self, connection: Connection) -> None:
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
