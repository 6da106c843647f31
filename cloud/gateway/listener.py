"""``Listener``: an address that the gateway listens on, with what holds for its clients alone."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

ProtocolFactory = Callable[[], asyncio.Protocol]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A client asked for a host, or for a method of an API, that is not emulated."""

    host: str
    port: int
    count: int
    """Such requests so far, this one included."""
    method: str = ""
    """Google's id of the method; empty if nothing of the host is served."""

    @property
    def what(self) -> str:
        """In words, which can be printed: a host may have come in bytes that are no text."""
        host = self.host.encode("utf-8", "backslashreplace").decode()
        return f"{self.method} ({host})" if self.method else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True, eq=False)
class Listener:
    """Made by ``Gateway.add_listener``; the gateway closes it unless its owner did.

    Args:
        address: ``127.0.0.1:PORT``.
        protocol_factory: makes the HTTP/1.1 server protocol for each connection's plaintext (``aiohttp.web.Server``).
        http2_factory: makes the protocol for a connection that negotiated HTTP/2; None: such are refused.
        on_refusal: called for each refused request of its clients, besides the gateway's own.
        checks_callers: whether other users of this machine are refused.
    """

    server: asyncio.Server
    address: str
    protocol_factory: ProtocolFactory
    http2_factory: ProtocolFactory | None
    on_refusal: Callable[[Refusal], None] | None
    checks_callers: bool
