"""The Unix user at the other end of a TCP connection on this machine: the user who made that socket. Linux.

Two ways, with the same result: NETLINK_SOCK_DIAG (https://man7.org/linux/man-pages/man7/sock_diag.7.html) takes
microseconds, and ``/proc/net/tcp`` (https://docs.kernel.org/networking/proc_net_tcp.html) up to milliseconds where
there are thousands of sockets.

A socket that no process holds any more (closed with data on the way, TIME_WAIT) has inode 0 and is shown as root's: it
is nobody's here. The ways see the sockets of this process's network namespace only.
"""

import contextlib
import functools
import socket
import struct
import sys
from pathlib import Path
from typing import Protocol

Address = tuple[str, int]
"""IPv4 address and port."""

_PROC_FILES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
"""The second one has clients with IPv6 sockets, connected to the mapped address ::ffff:127.0.0.1."""
_MAPPED = f"{0:016X}{socket.htonl(0xFFFF):08X}"


class PeerLookup(Protocol):
    def uid_of(self, client: Address, server: Address, /) -> int | None:
        """The user who made the client's socket of the connection from ``client`` to ``server``.

        Returns None where there is no such socket, or no process has it.

        Raises:
            OSError: sockets cannot be looked up in this way.
        """

    def close(self) -> None: ...


_REQUEST = struct.Struct("=IHHII BBxx I HH 4s12x 4s12x I II")
"""struct nlmsghdr, then struct inet_diag_req_v2."""
_HEADER = struct.Struct("=4x H 2x I 4x")
"""struct nlmsghdr: type and sequence number."""
_REPLY = struct.Struct("=16x 4x HH 16x 16x 12x 12x II")
"""struct nlmsghdr, then struct inet_diag_msg: ports, uid and inode."""
_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST = 4, 20, 1
_ALL = _NO_COOKIE = 0xFFFF_FFFF
_packed = functools.lru_cache(maxsize=16)(socket.inet_aton)


class NetlinkLookup:
    """Asks the kernel for one socket by its two addresses.

    Raises:
        OSError: there is no such netlink protocol here.
    """

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise OSError("only Linux has netlink sockets")
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG)
        self._socket.settimeout(0)  # The reply is there when send() returns.
        self._turn = 0

    def uid_of(self, client: Address, server: Address, /) -> int | None:
        self._turn = turn = (self._turn + 1) & 0xFFFF_FFFF
        ports = socket.htons(client[1]), socket.htons(server[1])
        head = _REQUEST.size, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, turn, 0
        addresses = *ports, _packed(client[0]), _packed(server[0])
        self._socket.send(
            _REQUEST.pack(*head, socket.AF_INET, socket.IPPROTO_TCP, _ALL, *addresses, 0, _NO_COOKIE, _NO_COOKIE)
        )
        kind, answered = 0, 0
        while answered != turn:
            reply = self._socket.recv(512)
            kind, answered = _HEADER.unpack_from(reply)
        if kind != _SOCK_DIAG_BY_FAMILY:
            return None
        # Where there is no such connection, the kernel answers with a socket that listens on the client's port.
        source, destination, uid, inode = _REPLY.unpack_from(reply)
        return int(uid) if inode and (source, destination) == ports else None

    def close(self) -> None:
        self._socket.close()


class ProcLookup:
    """Reads the kernel's tables of all sockets."""

    def uid_of(self, client: Address, server: Address, /) -> int | None:
        pairs = {f"{_hexadecimal(client, mapped)} {_hexadecimal(server, mapped)}" for mapped in ("", _MAPPED)}
        for file in _PROC_FILES:
            with contextlib.suppress(FileNotFoundError):
                for line in file.read_text().splitlines()[1:]:
                    fields = line.split()
                    if f"{fields[1]} {fields[2]}" in pairs:
                        return int(fields[7]) if fields[9] != "0" else None
        return None

    def close(self) -> None:
        pass


def _hexadecimal(address: Address, prefix: str) -> str:
    number = struct.unpack("=I", socket.inet_aton(address[0]))[0]
    return f"{prefix}{number:08X}:{address[1]:04X}"
