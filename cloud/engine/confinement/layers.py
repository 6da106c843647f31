"""``Layers``: what this machine can do to confine a process, found by doing it."""

import errno
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cloud.engine.launch.forkserver import capabilities, landlock, namespaces, private_root, seccomp
from cloud.engine.launch.forkserver.unix import fork

_SETTINGS = {
    "kernel.apparmor_restrict_unprivileged_userns": "1",  # Ubuntu since 23.10
    "kernel.unprivileged_userns_clone": "0",  # Debian's kernels
}
"""Settings that refuse user namespaces to ordinary users, with the value that does."""
_COUNTS = ("user.max_user_namespaces", "user.max_net_namespaces", "user.max_mnt_namespaces", "user.max_ipc_namespaces")
_SAMPLE = ("/usr", "/proc")


@dataclass(frozen=True, slots=True)
class Layer:
    """One thing from which a process can be kept.

    Args:
        reason: why this machine cannot; empty if it can.
    """

    reason: str = ""

    @property
    def is_held(self) -> bool:
        return not self.reason


@dataclass(frozen=True, slots=True)
class Layers:
    """What a process can be kept from here.

    Args:
        files: other files than those of its ``Confinement``.
        signals: signals to processes outside, and their limits.
        network: everything outside a network namespace of its own.
        ports: other TCP ports, and all that is not TCP, where it has no such namespace.
    """

    files: Layer
    signals: Layer
    network: Layer
    ports: Layer


@dataclass(frozen=True, slots=True)
class Findings:
    """What came of each step of the confinement.

    Args:
        system: ``sys.platform``.
        landlock: the ABI of the kernel; 0: none.
        namespaces: why the process got no namespaces and root folder of its own; empty: it got them.
        seccomp: why it got no filter of system calls; empty: it got one.
    """

    system: str = "linux"
    landlock: int = 0
    namespaces: str = ""
    seccomp: str = ""


@cache
def probe() -> Layers:
    """What this machine can, found by confining a child of this process in every way; takes about 10 ms, once."""
    return judge(_try_all() if sys.platform == "linux" else Findings(sys.platform))


def judge(found: Findings) -> Layers:
    """What these findings mean."""
    if found.system != "linux":
        name = "macOS" if found.system == "darwin" else found.system
        nothing = Layer(f"not confined on {name}")
        return Layers(nothing, nothing, nothing, nothing)
    knows_files = _landlock(found, landlock.FILES_ABI, "files")
    return Layers(
        files=Layer(f"{found.namespaces}, and {knows_files}" if found.namespaces and knows_files else ""),
        signals=Layer(_landlock(found, landlock.SIGNALS_ABI, "signals") or found.seccomp),
        network=Layer(found.namespaces or found.seccomp),
        ports=Layer(_landlock(found, landlock.TCP_ABI, "TCP") or found.seccomp),
    )


def _landlock(found: Findings, least: int, what: str) -> str:
    if found.landlock >= least:
        return ""
    if not found.landlock:
        return "Landlock is missing or switched off in this kernel"
    return f"Landlock knows {what} from Linux {landlock.KERNELS[least]}"


def explain_refusal(error: OSError, settings: Mapping[str, str]) -> str:
    """Why a system refuses namespaces.

    Args:
        error: of the step that failed.
        settings: see ``read_settings``.
    """
    cause = str(error.strerror)
    if error.errno == errno.ENOSPC:
        cause = next((f"{name}=0" for name in _COUNTS if settings.get(name) == "0"), cause)
    elif error.errno in (errno.EPERM, errno.EACCES):
        refusing = (f"{name}={value}" for name, value in _SETTINGS.items() if settings.get(name) == value)
        cause = next(refusing, cause)
    return f"user namespaces are refused here ({cause})"


def read_settings() -> dict[str, str]:
    """The kernel's settings that may refuse namespaces, by their names for sysctl(8); those that it has."""
    settings = {name: _read_setting(name) for name in (*_SETTINGS, *_COUNTS)}
    return {name: value for name, value in settings.items() if value}


def _try_all() -> Findings:
    reader, writer = os.pipe()
    pid = fork()
    if pid == 0:
        # Whatever happens, the child must not return into the caller's code.
        try:
            os.write(writer, json.dumps(_confine_this_process()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:
        received = file.read()
    os.waitpid(pid, 0)
    if not received:
        refused = "a process that confines itself is ended here"
        return Findings(landlock=0, namespaces=refused, seccomp=refused)
    return Findings(**json.loads(received))


def _confine_this_process() -> dict[str, object]:
    def enter() -> None:
        namespaces.enter_new_network()
        private_root.enter(_SAMPLE, (), read_only=True)

    refusal = _failure(enter)
    explained = explain_refusal(refusal, read_settings()) if refusal else ""
    abi = landlock.version()
    without = _failure(capabilities.reduce)
    if abi >= landlock.FILES_ABI and not without:
        files = landlock.rights(read=_SAMPLE, devices=(), write=())
        ports = (1,) if abi >= landlock.TCP_ABI else None
        without = _failure(lambda: landlock.restrict(landlock.Rules(files, ports, abi < landlock.SIGNALS_ABI)))
    filtered = _failure(lambda: seccomp.restrict(datagrams=False))
    return {
        "landlock": 0 if without else abi,
        "namespaces": explained,
        "seccomp": str(filtered.strerror) if filtered else "",
    }


def _failure(step: Callable[[], None]) -> OSError | None:
    try:
        step()
    except OSError as error:
        return error
    return None


def _read_setting(name: str) -> str:
    try:
        return Path("/proc/sys", *name.split(".")).read_text().strip()
    except OSError:  # this kernel has none of that name, or hides it
        return ""
