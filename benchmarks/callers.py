"""What it costs to find out whose a connection is, beside few and beside thousands of other sockets.

    python benchmarks/callers.py

``Callers.admits`` for connections to a listener of this process, each checked once, as the gateway does. Microseconds
of processor, which are much the same on a busy machine; median of rounds. Target: 20 a connection. ``/proc/net/tcp``,
the way where netlink is missing, has none. Exits with status 1 if the target is missed.
"""

import resource
import socket
import statistics
import sys
import time
from contextlib import ExitStack, closing

from cloud.gateway.callers import Callers
from cloud.gateway.peer_uid import NetlinkLookup, PeerLookup, ProcLookup
from targets import Targets

ROUNDS = 20
CONNECTIONS = {NetlinkLookup: 100, ProcLookup: 2}
"""In a round."""
OTHERS = (0, 2000)
AT_MOST = 20.0


def microseconds(way: type[PeerLookup], others: int) -> float:
    """For one connection, while ``others`` more are open."""
    rounds, count = [], CONNECTIONS[way]
    with ExitStack() as opened, closing(Callers([way])) as callers:
        server = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1024))

        def connect() -> socket.socket:
            opened.enter_context(socket.create_connection(server.getsockname()))
            return opened.enter_context(server.accept()[0])

        for _ in range(others):
            connect()
        for _ in range(ROUNDS):
            accepted = [connect() for _ in range(count)]
            began = time.thread_time()
            admitted = sum(map(callers.admits, accepted))
            rounds.append((time.thread_time() - began) / count * 1e6)
            assert admitted == count
    return statistics.median(rounds)


def main() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * (max(OTHERS) + ROUNDS * max(CONNECTIONS.values())) + 100
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), max(hard, needed)))
    targets = Targets()
    for others in OTHERS:
        targets.report(f"netlink, {others} other connections, µs", microseconds(NetlinkLookup, others), at_most=AT_MOST)
        targets.report(f"/proc/net/tcp, {others} other connections, µs", microseconds(ProcLookup, others))
    return targets.status


if __name__ == "__main__":
    sys.exit(main())
