"""Ports of this machine for replicas."""

import errno
import socket
from collections.abc import Iterable
from contextlib import ExitStack

from cloud.errors import ResourceExhausted

_HOST = "127.0.0.1"


class PortAllocator:
    """Allocates ports of the loopback interface, none twice while it is in use. One allocator for all jobs of a cloud.

    A port is found by binding it, and unbound before its replica binds it. Another program may take it in between, so a
    replica can still find its port in use.
    """

    def __init__(self) -> None:
        self._in_use: set[int] = set()

    def allocate(self, count: int) -> list[int]:
        """Ports that no program is bound to. Return them with ``release``.

        Raises:
            ResourceExhausted: no port or no file descriptor is left.
        """
        found: list[int] = []
        with ExitStack() as held:  # a port that is bound is not found again
            while len(found) < count:
                try:
                    listener = held.enter_context(socket.create_server((_HOST, 0)))
                except OSError as error:
                    raise ResourceExhausted(f"No ports are left for {count} replicas: {error}.") from error
                port = listener.getsockname()[1]
                if port not in self._in_use:
                    found.append(port)
        self._in_use.update(found)
        return found

    def release(self, ports: Iterable[int]) -> None:
        self._in_use.difference_update(ports)


def is_bound(port: int) -> bool:
    """Whether some program listens on ``port``."""
    try:
        socket.create_server((_HOST, port)).close()
    except OSError as error:
        return error.errno == errno.EADDRINUSE
    return False
