"""Linux namespaces of an unprivileged user (user_namespaces(7), network_namespaces(7)). Standard library only."""

import _socket
import fcntl
import os
import struct

from .libc import call, failed

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000  # linux/sched.h
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1  # linux/sockios.h, linux/if.h


def enter_new_network() -> None:
    """Move this process, which must have one thread, into a new user namespace, where it keeps its ids, and a new
    network namespace, whose only interface is loopback.

    Raises:
        OSError: the system refuses it; names the step.
    """
    user, group = os.getuid(), os.getgid()
    call("unshare", _CLONE_NEWUSER | _CLONE_NEWNET)
    # Without it an unprivileged user may not write the group map.
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{user} {user} 1")
    _write("/proc/self/gid_map", f"{group} {group} 1")
    _raise_loopback()


def join(user_namespace: int, network_namespace: int) -> None:
    """Move this process, which must have one thread, into namespaces given as descriptors of ``/proc/PID/ns`` files.

    Raises:
        OSError: the system refuses it.
    """
    call("setns", user_namespace, _CLONE_NEWUSER)
    call("setns", network_namespace, _CLONE_NEWNET)


def _raise_loopback() -> None:
    # Not ``socket.socket``: whoever needs a namespace alone would load a megabyte of modules with it.
    control = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    try:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(control, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))
    finally:
        control.close()


def _write(path: str, text: str) -> None:
    try:
        with open(path, "w") as file:
            file.write(text)
    except OSError as error:
        raise failed(error.errno, path) from None
