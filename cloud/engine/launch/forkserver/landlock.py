"""Landlock: restricts files, signals and TCP for this thread and all that it starts (landlock(7)).

Source of every number: linux/landlock.h and Documentation/userspace-api/landlock.rst. Standard library only.
"""

import errno
import os
import stat
import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .libc import system_call

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION_FLAG = 1
_PATH_BENEATH, _NET_PORT = 1, 2

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
MAKE_CHAR, MAKE_BLOCK = 1 << 6, 1 << 11
REFER, TRUNCATE, IOCTL_DEV, RESOLVE_UNIX = 1 << 13, 1 << 14, 1 << 15, 1 << 16
BIND_TCP, CONNECT_TCP = 1 << 0, 1 << 1
SCOPE_ABSTRACT_SOCKETS, SCOPE_SIGNALS = 1 << 0, 1 << 1

_FIRST_FILE_RIGHTS = (1 << 13) - 1
"""Those of ABI 1, the lowest 13 bits."""
_ADDED_FILE_RIGHTS = {2: REFER, 3: TRUNCATE, 5: IOCTL_DEV, 9: RESOLVE_UNIX}
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV | RESOLVE_UNIX
"""Rights that a rule on anything but a folder may grant."""
_READ = EXECUTE | READ_FILE | READ_DIR
_WRITE = _FIRST_FILE_RIGHTS & ~(MAKE_CHAR | MAKE_BLOCK) | REFER | TRUNCATE | RESOLVE_UNIX
_ALL = _FIRST_FILE_RIGHTS | REFER | TRUNCATE | IOCTL_DEV | RESOLVE_UNIX
_DEVICE = READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE | IOCTL_DEV

FILES_ABI, TCP_ABI, SIGNALS_ABI = 2, 4, 6
"""The first that can restrict them. For files it is not 1, under which a file cannot be renamed into another folder."""
KERNELS = {FILES_ABI: "5.19", TCP_ABI: "6.7", SIGNALS_ABI: "6.12"}
_LOG_ABI, _LOG_SAME_EXEC_OFF = 7, 1 << 0


class Rules(NamedTuple):
    """What stays allowed.

    Args:
        files: paths with their rights; None: all files. A path that does not exist or cannot be reached is left out.
        ports: TCP ports to connect to and to bind; None: all.
        signals: whether signals to, and abstract Unix sockets of, processes outside are allowed.
    """

    files: Sequence[tuple[str, int]] | None
    ports: Sequence[int] | None
    signals: bool


def rights(*, read: Iterable[str], devices: Iterable[str], write: Iterable[str]) -> list[tuple[str, int]]:
    """``Rules.files`` of paths by what may be done there."""
    return [
        *((path, _READ) for path in read),
        *((path, _DEVICE) for path in devices),
        *((path, _WRITE) for path in write),
    ]


def all_but(folder: str) -> list[tuple[str, int]]:
    """``Rules.files`` that allow everything outside of a folder of the root folder, but nothing new in the latter."""
    entries = (f"/{name}" for name in os.listdir("/"))
    return [("/", READ_DIR), *((path, _ALL) for path in entries if path != folder)]


def version() -> int:
    """The kernel's ABI; 0 if it has no Landlock or has it switched off."""
    try:
        return system_call("landlock_create_ruleset", _CREATE_RULESET, None, 0, _VERSION_FLAG)
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EOPNOTSUPP):
            raise
        return 0


class Handled(NamedTuple):
    """What a ruleset denies unless a rule allows it: bits of files, of TCP, and scopes."""

    files: int
    tcp: int
    scopes: int

    def attributes(self, abi: int) -> bytes:
        """``struct landlock_ruleset_attr`` as large as the kernel knows it."""
        fields = self if abi >= SIGNALS_ABI else self[:2] if abi >= TCP_ABI else self[:1]
        return struct.pack(f"={len(fields)}Q", *fields)


def handled(rules: Rules, abi: int) -> Handled:
    """What has to be handled for ``rules``.

    Raises:
        OSError: this ABI cannot.
    """
    needed = {FILES_ABI: rules.files is not None, TCP_ABI: rules.ports is not None, SIGNALS_ABI: not rules.signals}
    for least, is_needed in needed.items():
        if is_needed and abi < least:
            raise OSError(errno.ENOSYS, f"Landlock of Linux {KERNELS[least]} is needed (ABI {least}), not ABI {abi}")
    files = _FIRST_FILE_RIGHTS
    for since, right in _ADDED_FILE_RIGHTS.items():
        files |= right if abi >= since else 0
    return Handled(
        0 if rules.files is None else files,
        0 if rules.ports is None else BIND_TCP | CONNECT_TCP,
        0 if rules.signals else SCOPE_ABSTRACT_SOCKETS | SCOPE_SIGNALS,
    )


def restrict(rules: Rules) -> None:
    """Apply ``rules``, for ever; needs no_new_privs. This also keeps the process from tracing any outside its domain.

    Raises:
        OSError: the kernel cannot; names the step.
    """
    abi = version()
    wanted = handled(rules, abi)
    attributes = wanted.attributes(abi)
    ruleset = system_call("landlock_create_ruleset", _CREATE_RULESET, attributes, len(attributes), 0)
    try:
        for path, rights in rules.files or ():
            _allow_path(ruleset, path, rights & wanted.files)
        for port in rules.ports or ():
            _add_rule(ruleset, _NET_PORT, struct.pack("=QQ", BIND_TCP | CONNECT_TCP, port))
        flags = _LOG_SAME_EXEC_OFF if abi >= _LOG_ABI else 0  # a job must not fill the machine's audit log
        system_call("landlock_restrict_self", _RESTRICT_SELF, ruleset, flags)
    finally:
        os.close(ruleset)


def _allow_path(ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    try:
        # A slash says that it is a folder: to ask whether ``/gcs`` is one would wait for the engine.
        if not path.endswith("/") and not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _OF_FILES
        _add_rule(ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, descriptor))
    finally:
        os.close(descriptor)


def _add_rule(ruleset: int, kind: int, attributes: bytes) -> None:
    system_call("landlock_add_rule", _ADD_RULE, ruleset, kind, attributes, 0)
