"""A seccomp filter of system calls that Landlock and namespaces leave open (seccomp(2)). Standard library only."""

import ctypes
import errno
import os
import socket
import struct
from typing import NamedTuple

from .libc import system_call

_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06  # linux/bpf_common.h: LD|W|ABS, ALU|AND|K, RET|K
_IF_EQUAL, _IF_AT_LEAST, _IF_ANY = 0x15, 0x35, 0x45  # JMP|JEQ|K, JMP|JGE|K, JMP|JSET|K
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000  # linux/seccomp.h
_SET_MODE_FILTER, _SPEC_ALLOW = 1, 1 << 2
_NUMBER, _ARCHITECTURE = 0, 4
"""Offsets in ``struct seccomp_data``."""
_X32 = 0x40000000
_MSG_FASTOPEN = 0x20000000
_AF_NETLINK, _NETLINK_ROUTE = 16, 0
_TYPE = 0xF
"""The bits of a socket's type; the others are flags."""


class Instruction(NamedTuple):
    """``struct sock_filter``."""

    code: int
    if_true: int
    if_false: int
    value: int


Code = list[Instruction]


class Architecture(NamedTuple):
    """``AUDIT_ARCH_*``, and the numbers of system calls."""

    audit: int
    socket: int
    sendto: int
    sendmsg: int
    sendmmsg: int
    prlimit64: int
    keys: tuple[int, int, int]
    io_uring_setup: int
    seccomp: int


ARCHITECTURES = {
    "x86_64": Architecture(0xC000003E, 41, 44, 46, 307, 302, (248, 249, 250), 425, 317),
    "aarch64": Architecture(0xC00000B7, 198, 206, 211, 269, 261, (217, 218, 219), 425, 277),
}
"""By ``os.uname().machine``."""


def architecture() -> Architecture:
    """This machine's.

    Raises:
        OSError: the filter is not known for it.
    """
    machine = os.uname().machine
    if machine not in ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"seccomp: no filter for {machine}, only for {' and '.join(ARCHITECTURES)}")
    return ARCHITECTURES[machine]


def program(arch: Architecture, pid: int, *, datagrams: bool) -> Code:
    """The filter.

    - Other architectures' system calls (32 bits, x32) are refused: their numbers differ.
    - Sockets: of Unix, of TCP, of netlink's routes (``getaddrinfo``), and with ``datagrams`` of UDP. Landlock's rules
      do not hold for others; a virtual machine's (vsock) is in no namespace.
    - MSG_FASTOPEN connects past Landlock before Linux 7.2.
    - io_uring makes such calls out of the filter's sight; programs do without where it is missing.
    - Limits (``prlimit``) of other processes than ``pid`` and the caller: neither layer protects the server's.
    - The user's keys in the kernel (keyrings(7)): no namespace separates all of them.
    """
    return [
        _load(_ARCHITECTURE),
        *_unless(arch.audit, _refuse(errno.EPERM)),
        _load(_NUMBER),
        *([Instruction(_IF_AT_LEAST, 0, 1, _X32), _refuse(errno.EPERM)] if arch is ARCHITECTURES["x86_64"] else []),
        *_when(arch.socket, *_sockets(datagrams=datagrams)),
        *_when(arch.sendto, *_flags(3)),
        *_when(arch.sendmsg, *_flags(2)),
        *_when(arch.sendmmsg, *_flags(3)),
        *_when(arch.prlimit64, *_own_limits(pid)),
        *_when(arch.io_uring_setup, _refuse(errno.ENOSYS)),
        *(instruction for number in arch.keys for instruction in _when(number, _refuse(errno.EPERM))),
        _allow(),
    ]


def restrict(*, datagrams: bool) -> None:
    """Apply the filter to this thread and all that it starts, for ever; needs no_new_privs.

    Raises:
        OSError: the kernel or the architecture cannot.
    """
    arch = architecture()
    code = program(arch, os.getpid(), datagrams=datagrams)
    instructions = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *instruction) for instruction in code))
    header = struct.pack("@HP", len(code), ctypes.addressof(instructions))
    # Without the flag older kernels slow the whole process down (speculative store bypass).
    system_call("seccomp", arch.seccomp, _SET_MODE_FILTER, _SPEC_ALLOW, header)


def _sockets(*, datagrams: bool) -> Code:
    stream = [
        _argument(2),
        *_when(0, _allow()),
        *_when(socket.IPPROTO_TCP, _allow()),
        _refuse(errno.EPROTONOSUPPORT),
    ]
    datagram = [_argument(2), *_when(0, _allow()), *_when(socket.IPPROTO_UDP, _allow()), _refuse(errno.EPERM)]
    internet = [
        _argument(1),
        Instruction(_AND, 0, 0, _TYPE),
        *_when(socket.SOCK_STREAM, *stream),
        *(_when(socket.SOCK_DGRAM, *datagram) if datagrams else []),
        _refuse(errno.EPERM),
    ]
    return [
        _argument(0),
        *_when(socket.AF_UNIX, _allow()),
        *_when(socket.AF_INET, *internet),
        *_when(socket.AF_INET6, *internet),
        *_when(_AF_NETLINK, _argument(2), *_when(_NETLINK_ROUTE, _allow()), _refuse(errno.EPROTONOSUPPORT)),
        _refuse(errno.EAFNOSUPPORT),
    ]


def _flags(argument: int) -> Code:
    return [_argument(argument), Instruction(_IF_ANY, 0, 1, _MSG_FASTOPEN), _refuse(errno.EPERM), _allow()]


def _own_limits(pid: int) -> Code:
    """Whose limits are read, or set without naming another process."""
    set_none = [_argument(2, high=True), *_when(0, _allow())]
    return [
        _argument(0),
        *_when(0, _allow()),
        *_when(pid, _allow()),
        _argument(2),
        *_when(0, *set_none),
        _refuse(errno.EPERM),
    ]


def _when(value: int, *code: Instruction) -> Code:
    """Run ``code`` if the accumulator has this value; else go on after it."""
    return [Instruction(_IF_EQUAL, 0, len(code), value), *code]


def _unless(value: int, *code: Instruction) -> Code:
    return [Instruction(_IF_EQUAL, len(code), 0, value), *code]


def _load(offset: int) -> Instruction:
    return Instruction(_LOAD, 0, 0, offset)


def _argument(number: int, *, high: bool = False) -> Instruction:
    """Load the lower half of an argument, or the higher, on a little-endian machine."""
    return _load(16 + 8 * number + 4 * high)


def _refuse(number: int) -> Instruction:
    return Instruction(_RETURN, 0, 0, _ERRNO | number)


def _allow() -> Instruction:
    return Instruction(_RETURN, 0, 0, _ALLOW)
