"""``Connection``: aiohttp's HTTP/1.1 server of one connection, which ends requests whose bodies do not come.

aiohttp limits only how long a connection is idle. A handler that reads a body waits as long as the client is silent,
and for ever once aiohttp has refused the rest of it.
"""

import asyncio
from typing import Any

from aiohttp import StreamReader, web

from cloud.errors import CloudError, DeadlineExceeded, InvalidArgument

IDLE_LIMIT = 610.0
"""Seconds that a connection may wait for its next request, as at Google's front ends
(https://cloud.google.com/load-balancing/docs/https#timeouts_and_retries)."""
BODY_LIMIT = 60.0
"""Seconds in which ``MIN_PIECE`` of a body must be received."""
MIN_PIECE = 1024
"""Bytes: a client may be slow, as long as it sends steadily."""


class LateBody(DeadlineExceeded):
    """https://cloud.google.com/storage/docs/json_api/v1/status-codes#408-request-timeout"""

    http_status = 408


class MalformedBody(InvalidArgument):
    """Its chunks are malformed, or it ends too early."""


class Body:
    """The body of a request in progress, while it is received.

    Args:
        limit: see ``BODY_LIMIT``.
    """

    def __init__(self, content: StreamReader, connection: "Connection", limit: float) -> None:
        self.failure: CloudError | None = None
        self._content, self._connection, self._limit = content, connection, limit
        self._received = 0
        self._timer: asyncio.TimerHandle | None = None
        if not content.is_eof():
            self._wait()
        connection.body = self

    def fail(self, failure: CloudError) -> None:
        """Raise ``failure`` where the rest is read, if there is a rest."""
        if not self._content.is_eof() and self.failure is None:
            self.failure = failure
            self._content.set_exception(failure)

    def end(self) -> None:
        """The request has been handled: its body is not needed any more."""
        self._connection.body = None
        if self._timer is not None:
            self._timer.cancel()

    def _wait(self) -> None:
        self._received = self._content.total_bytes
        self._timer = asyncio.get_running_loop().call_later(self._limit, self._check)

    def _check(self) -> None:
        transport = self._connection.transport
        if self._content.is_eof() or transport is None:
            return
        is_late = self._content.total_bytes - self._received < MIN_PIECE
        if is_late and transport.is_reading():  # else the handler is slow, not the client
            self.fail(LateBody(f"The rest of the request's body did not come within {self._limit:g} seconds."))
        else:
            self._wait()


class Connection(web.RequestHandler):
    """Args:
    options: as for ``RequestHandler``.
    """

    __slots__ = ("body",)

    def __init__(self, server: web.Server, **options: Any) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **options)
        self.body: Body | None = None
        """Of the request in progress; None if there is none."""

    def eof_received(self) -> bool:  # type: ignore[override] # aiohttp's always returns None
        """Nothing more will come, or nothing that is HTTP. True if the transport must stay, for a response."""
        if self.body is None:
            return False
        self.body.fail(MalformedBody("The request's body is malformed or incomplete."))
        self.close()  # after the response
        return True
