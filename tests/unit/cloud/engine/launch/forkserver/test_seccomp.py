"""The filter, run by an interpreter of its instructions."""

import errno
import os
import socket
from collections.abc import Iterator

import pytest

from cloud.engine.launch.forkserver.seccomp import ARCHITECTURES, Architecture, Instruction, program

ALLOWED = 0
PID = 4242
FAST_OPEN = 0x20000000


def run(code: list[Instruction], audit: int, number: int, *arguments: int) -> int:
    """The errno with which a system call is refused; 0 if it is allowed."""
    padded = [*arguments, *[0] * (6 - len(arguments))]
    halves = [half for value in padded for half in (value & 0xFFFFFFFF, value >> 32)]
    words = [number, audit, 0, 0, *halves]
    accumulator = position = 0
    while True:
        operation, if_true, if_false, value = code[position]
        position += 1
        match operation:
            case 0x20:
                accumulator = words[value // 4]
            case 0x54:
                accumulator &= value
            case 0x06:
                assert value == 0x7FFF0000 or value >> 16 == 5
                return ALLOWED if value == 0x7FFF0000 else value & 0xFFFF
            case 0x15:
                position += if_true if accumulator == value else if_false
            case 0x35:
                position += if_true if accumulator >= value else if_false
            case 0x45:
                position += if_true if accumulator & value else if_false
            case _:
                raise AssertionError(operation)


@pytest.fixture(params=ARCHITECTURES)
def arch(request: pytest.FixtureRequest) -> Architecture:
    return ARCHITECTURES[request.param]


@pytest.mark.parametrize("datagrams", [True, False])
def test_sockets(arch: Architecture, datagrams: bool) -> None:
    code = program(arch, PID, datagrams=datagrams)

    def opened(*arguments: int) -> int:
        return run(code, arch.audit, arch.socket, *arguments)

    def answers(family: int) -> Iterator[int]:
        for kind, protocol in ((1, 0), (1, 6), (1, 262), (1, 132), (2, 0), (2, 17), (2, 1), (3, 1), (5, 132)):
            yield opened(family, kind | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, protocol)

    udp = ALLOWED if datagrams else errno.EPERM
    for family in (socket.AF_INET, socket.AF_INET6):
        assert list(answers(family)) == [
            *(ALLOWED, ALLOWED, errno.EPROTONOSUPPORT, errno.EPROTONOSUPPORT),  # the last two: MPTCP, SCTP
            *(udp, udp, errno.EPERM, errno.EPERM, errno.EPERM),
        ]
    assert [opened(socket.AF_UNIX, kind, 0) for kind in (1, 2, 5)] == [ALLOWED] * 3
    assert opened(16, 3, 0) == ALLOWED
    assert opened(16, 3, 12) == errno.EPROTONOSUPPORT  # netfilter
    for family in (17, 31, 38, 40, 44):  # packets, Bluetooth, the kernel's ciphers, virtual machines, XDP
        assert opened(family, 1, 0) == errno.EAFNOSUPPORT


def test_fast_open(arch: Architecture) -> None:
    code = program(arch, PID, datagrams=True)

    for number, position in ((arch.sendto, 3), (arch.sendmsg, 2), (arch.sendmmsg, 3)):
        for flags, answer in ((0, ALLOWED), (0x4000, ALLOWED), (FAST_OPEN, errno.EPERM), (FAST_OPEN | 1, errno.EPERM)):
            assert run(code, arch.audit, number, *[FAST_OPEN] * position, flags, FAST_OPEN) == answer


@pytest.mark.parametrize(
    ("pid", "new", "answer"),
    [
        (0, 1 << 40, ALLOWED),
        (PID, 1 << 40, ALLOWED),
        (1, 0, ALLOWED),
        (1, 0x1000, errno.EPERM),
        (1, 1 << 40, errno.EPERM),
        (PID | 1 << 31, 0x1000, errno.EPERM),
    ],
)
def test_limits_of_others_can_only_be_read(arch: Architecture, pid: int, new: int, answer: int) -> None:
    assert run(program(arch, PID, datagrams=True), arch.audit, arch.prlimit64, pid, 7, new) == answer


def test_other_calls(arch: Architecture) -> None:
    code = program(arch, PID, datagrams=True)

    assert run(code, arch.audit, arch.io_uring_setup) == errno.ENOSYS
    assert [run(code, arch.audit, number) for number in arch.keys] == [errno.EPERM] * 3
    refused = {number for number in range(600) if run(code, arch.audit, number, 99)}
    assert refused == {arch.socket, arch.io_uring_setup, *arch.keys}
    assert len(code) < 128


def test_other_architectures_numbers_are_refused(arch: Architecture) -> None:
    code = program(arch, PID, datagrams=True)

    for audit in (0x40000003, 0x40000028, 0, *({a.audit for a in ARCHITECTURES.values()} - {arch.audit})):
        assert run(code, audit, 39) == errno.EPERM
    if arch is ARCHITECTURES["x86_64"]:
        assert run(code, arch.audit, 39 | 0x40000000) == errno.EPERM  # x32


def test_this_machine_is_known_or_an_error_names_it() -> None:
    from cloud.engine.launch.forkserver.seccomp import architecture

    machine = os.uname().machine
    if machine in ARCHITECTURES:
        assert architecture() is ARCHITECTURES[machine]
    else:
        with pytest.raises(OSError, match=machine):
            architecture()
