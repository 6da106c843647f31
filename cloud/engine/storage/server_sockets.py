"""The engine's end of the connection to the guard of a fake-gcs-server: sockets that reach the server."""

import asyncio
import errno
import socket
import struct
from collections import deque
from collections.abc import Callable

_AHEAD = 4
"""Sockets that are kept at hand. In a burst of connections, each further one waits for the guard."""
_WAIT_SECONDS = 0.1
_DESCRIPTOR = struct.Struct("i")
_CLOSE_ON_EXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
"""Of Linux, as the sockets are."""


class ServerSockets:
    """Sockets made in the server's network namespace.

    Args:
        control: see ``server_guard``; closed by ``close``, whereupon the guard ends the server.
        on_lost: called once if the guard ends before that.
    """

    def __init__(self, control: socket.socket, on_lost: Callable[[], None]) -> None:
        self._control = control
        self._control.settimeout(0)
        self._on_lost = on_lost
        self._at_hand: deque[socket.socket] = deque()
        self._requested = 0
        self._is_late = False
        """Whether the guard did not hand out a socket in time, and has not yet: waiting again would stop everything."""
        self._ready = asyncio.Event()
        self._message = b""
        asyncio.get_running_loop().add_reader(control, self._receive_all)

    @property
    def message(self) -> str:
        """What ``server_guard`` says instead of starting the server."""
        self._receive_all()
        return self._message.decode()

    async def fill(self) -> None:
        """Have sockets at hand; returns when there is one, or the guard has ended."""
        self._request(_AHEAD)
        await self._ready.wait()

    def take(self) -> socket.socket:
        """A socket that is not connected. Blocks, for ``_WAIT_SECONDS`` at most, if none is at hand.

        Raises:
            OSError: the guard has ended, or hands out none.
        """
        self._request(_AHEAD + 1)
        if not self._at_hand:
            if self._is_late:
                raise OSError(errno.ETIMEDOUT, "fake-gcs-server's guard does not answer")
            self._wait()
        return self._at_hand.popleft()

    def close(self) -> None:
        """Idempotent."""
        self._stop_reading()
        self._control.close()
        while self._at_hand:
            self._at_hand.popleft().close()

    def _request(self, total: int) -> None:
        missing = total - self._requested - len(self._at_hand)
        if missing > 0 and self._control.send(bytes(missing)):
            self._requested += missing

    def _wait(self) -> None:
        self._control.settimeout(_WAIT_SECONDS)
        try:
            if not self._receive():
                raise ConnectionResetError("fake-gcs-server's guard has ended")
        except TimeoutError:
            self._is_late = True
            raise OSError(errno.ETIMEDOUT, "fake-gcs-server's guard does not answer") from None
        finally:
            self._control.settimeout(0)

    def _receive_all(self) -> None:
        try:
            while self._receive():
                pass
        except BlockingIOError:
            return
        except OSError:
            pass  # it ended with requests unread
        if self._stop_reading():
            self._ready.set()
            self._on_lost()

    def _receive(self) -> bool:
        """False at end-of-file."""
        # One byte at a time: each has at most one descriptor. (socket.recv_fds of Python 3.11 ignores the flag.)
        received, ancillary, _, _ = self._control.recvmsg(1, socket.CMSG_SPACE(_DESCRIPTOR.size), _CLOSE_ON_EXEC)
        for _, _, content in ancillary:
            (descriptor,) = _DESCRIPTOR.unpack(content)
            self._requested -= 1
            self._is_late = False
            self._at_hand.append(socket.socket(fileno=descriptor))
            self._ready.set()
        if not ancillary:
            self._message += received
        return bool(received)

    def _stop_reading(self) -> bool:
        return self._control.fileno() >= 0 and asyncio.get_running_loop().remove_reader(self._control)
