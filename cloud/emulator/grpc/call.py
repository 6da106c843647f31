"""``Call``: what a client has sent of a unary call so far."""

import asyncio
import re
from collections.abc import Mapping

from cloud.emulator.grpc import framing
from cloud.emulator.grpc.status import (
    DEADLINE_EXCEEDED,
    INTERNAL,
    INVALID_ARGUMENT,
    UNIMPLEMENTED,
    Status,
    StatusError,
)
from cloud.emulator.http.connection import MIN_PIECE


class Call:
    """Args:
    headers: of the request, ``:path`` among them.
    message_limit: seconds in which ``MIN_PIECE`` of the message must be received.
    """

    def __init__(self, headers: Mapping[str, str], message_limit: float) -> None:
        self.path = headers.get(":path", "")
        """``/google.cloud.aiplatform.v1.JobService/CreateCustomJob``"""
        self.host = re.sub(r":\d+$", "", headers.get(":authority", ""))
        """The name, without port."""
        self.metadata = {name: value for name, value in headers.items() if not name.startswith(":")}
        self._message_limit = message_limit
        self._received = bytearray()
        self._is_complete = asyncio.Event()
        """Whether nothing more is needed of the request."""
        self._failure: StatusError | None = None

    @property
    def timeout(self) -> float | None:
        """Seconds in which the client wants a response; None for no limit.

        Raises:
            StatusError: what it says is of no form.
        """
        try:
            return framing.timeout(self.metadata.get("grpc-timeout"))
        except ValueError as error:
            raise StatusError(Status(INTERNAL, str(error))) from None

    def receive(self, data: bytes) -> None:
        if self._failure is None:
            self._received += data
        if len(self._received) > framing.MAX_MESSAGE + framing.PREFIX:
            # In the words of the same request over REST.
            words = f"Request payload size exceeds the limit: {framing.MAX_MESSAGE} bytes."
            self._failure = StatusError(Status(INVALID_ARGUMENT, words))
            self._received.clear()
            self._is_complete.set()

    def complete(self) -> None:
        """The client has sent all."""
        self._is_complete.set()

    async def message(self) -> bytes:
        """The message of the request, as soon as it is there.

        Raises:
            StatusError: there is not exactly one whole message of an allowed size, or it does not come.
        """
        while not self._is_complete.is_set():
            before = len(self._received)
            try:
                async with asyncio.timeout(self._message_limit):
                    await self._is_complete.wait()
            except TimeoutError:
                if len(self._received) - before < MIN_PIECE:
                    words = f"The rest of the request's message did not come within {self._message_limit:g} seconds."
                    raise StatusError(Status(DEADLINE_EXCEEDED, words)) from None
        if self._failure is not None:
            raise self._failure
        try:
            return framing.unframe(self._received, self.metadata.get("grpc-encoding", "identity"))
        except framing.UnsupportedError as error:
            raise StatusError(Status(UNIMPLEMENTED, str(error))) from None
        except ValueError as error:
            raise StatusError(Status(INTERNAL, str(error))) from None
