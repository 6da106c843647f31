"""Who may connect to this cloud: the user who runs it, and root."""

import logging
import os
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

from cloud.gateway.peer_uid import Address, NetlinkLookup, PeerLookup, ProcLookup

_log = logging.getLogger(__name__)

_ROOT = 0
_CONNECTED = frozenset({1, 8})
"""TCP_ESTABLISHED and TCP_CLOSE_WAIT of Linux: the client has at most shut down its own direction."""
_OVERFLOW_UID = Path("/proc/sys/kernel/overflowuid")
_UID_MAP = Path("/proc/self/uid_map")
_ALL_IDS = 2**32 - 1
WAYS: tuple[Callable[[], PeerLookup], ...] = (NetlinkLookup, ProcLookup)


class Callers:
    """Tells connections of this cloud's user and of root from those of other users.

    It connects to itself first. Where no way finds its own user at the other end, it says in one warning that other
    users of this machine can use this cloud, and admits everyone.

    Args:
        ways: to look up the user of a connection, the best first.
    """

    def __init__(self, ways: Iterable[Callable[[], PeerLookup]] = WAYS) -> None:
        self._uid = os.geteuid()
        self._refused: set[int] = set()
        self._lookup = next(filter(None, map(self._try, ways)), None)
        if self._lookup is None:
            _log.warning(
                "other users of this machine can use this cloud: the user of a connection cannot be found out here"
            )

    def admits(self, connection: socket.socket) -> bool:
        """Whether the client of ``connection``, accepted on 127.0.0.1, may use this cloud.

        It may not if its user cannot be found out: a client that is gone has none, and nobody to answer.
        """
        if self._lookup is None:
            return True
        uid = self._uid_of(connection, self._lookup)
        if uid is None:
            return False
        if uid in (self._uid, _ROOT):
            return True
        if uid not in self._refused:
            self._refused.add(uid)
            _log.warning("refused another user of this machine, with uid %d", uid)
        return False

    def close(self) -> None:
        if self._lookup is not None:
            self._lookup.close()

    def _uid_of(self, connection: socket.socket, lookup: PeerLookup) -> int | None:
        try:
            client: Address = connection.getpeername()
            uid = lookup.uid_of(client, connection.getsockname())
            if uid is None:
                return None
            # Only while the connection stands is the socket with its addresses the one that made it.
            state = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        except OSError:
            return None
        return uid if state in _CONNECTED else None

    def _try(self, way: Callable[[], PeerLookup]) -> PeerLookup | None:
        """The lookup, if it finds this process at the other end of a connection to itself."""
        if self._uid == _unmapped_uid():
            return None
        try:
            lookup = way()
        except OSError:
            return None
        with socket.socket() as listening, socket.socket() as client:
            listening.bind(("127.0.0.1", 0))
            listening.listen(1)
            client.connect(listening.getsockname())
            accepted, _ = listening.accept()
            with accepted:
                if self._uid_of(accepted, lookup) == self._uid:
                    return lookup
        lookup.close()
        return None


def _unmapped_uid() -> int | None:
    """The uid that stands for every user who has none in this user namespace; None where all users have one."""
    try:
        counts = [int(line.split()[2]) for line in _UID_MAP.read_text().splitlines()]
        return None if sum(counts) >= _ALL_IDS else int(_OVERFLOW_UID.read_text())
    except OSError:
        return None
