"""Runs as a program: takes system calls from itself, as a kernel or a container without them would, and reports what is
found then, and what the launcher does with confinements."""

import asyncio
import ctypes
import errno
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from cloud.engine.confinement.layers import probe
from cloud.engine.launch.client import Launcher
from cloud.engine.launch.confinement import Confinement
from cloud.engine.launch.forkserver.libc import call, system_call
from cloud.engine.launch.forkserver.namespaces import enter_new_network
from cloud.engine.launch.forkserver.seccomp import Instruction, architecture
from cloud.errors import FailedPrecondition
from cloud.settings import LauncherKind
from integration.launch.confined import COLD, PYTHON, outcome
from integration.launch.programs import Programs

_LANDLOCK = (444, 445, 446)
_UNSHARE = {"x86_64": 272, "aarch64": 97}[os.uname().machine]
MISSING: Mapping[str, Mapping[int, int]] = {
    "landlock": dict.fromkeys(_LANDLOCK, errno.ENOSYS),
    "landlock, switched off": dict.fromkeys(_LANDLOCK, errno.EOPNOTSUPP),
    "namespaces": {_UNSHARE: errno.EPERM},
    "seccomp": {architecture().seccomp: errno.EINVAL},
}
TRIES = """
import json, os, sys
def result(path, mode):
    try:
        with open(path, mode) as file:
            file.write("changed") if mode == "a" else file.read()
    except OSError as error:
        return type(error).__name__
    return "done"
print(json.dumps({f"{mode} {os.path.basename(path)}": result(path, mode) for path, mode in json.loads(sys.argv[1])}))
"""


def refuse(calls: Mapping[int, int]) -> None:
    """Make system calls fail, each with its error, in this process and all that it starts."""
    code = [Instruction(0x20, 0, 0, 0)]
    for number, error in calls.items():
        code += [Instruction(0x15, 0, 1, number), Instruction(0x06, 0, 0, 0x00050000 | error)]
    code.append(Instruction(0x06, 0, 0, 0x7FFF0000))
    filled = b"".join(_pack(instruction) for instruction in code)
    instructions = ctypes.create_string_buffer(filled)
    call("prctl", 38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    header = len(code).to_bytes(8, "little") + ctypes.addressof(instructions).to_bytes(8, "little")
    system_call("seccomp", architecture().seccomp, 1, 0, header)


def _pack(instruction: Instruction) -> bytes:
    code, if_true, if_false, value = instruction
    return code.to_bytes(2, "little") + bytes([if_true, if_false]) + value.to_bytes(4, "little")


async def report(folder: Path) -> dict[str, object]:
    """What is found; what came of a process in a namespace and of one without. ``folder`` holds ``secret``, a folder
    ``readable`` with a file, and a folder ``job``."""
    launcher = Launcher(LauncherKind.COLD)
    layers = probe()
    wanted = Confinement(
        read=(*PYTHON, folder / "readable"),
        write=(folder / "job",),
        files=layers.files.is_held,
        signals=layers.signals.is_held,
        ports=() if layers.ports.is_held else None,
    )
    paths = [(str(folder / name), mode) for name in ("secret", "readable/file", "job/own") for mode in ("r", "a")]
    paths[-1], paths[-2] = paths[-2], paths[-1]  # it does not exist before it is written

    async def tried(confinement: Confinement) -> object:
        try:
            return await outcome(launcher, Programs(folder / "job", COLD), TRIES, confinement, paths)
        except FailedPrecondition as error:
            return str(error)

    found: dict[str, object] = {name: layer["reason"] for name, layer in asdict(layers).items()}
    found["without"] = await tried(wanted)
    found["all without"] = await tried(Confinement(read=wanted.read, write=wanted.write))
    try:
        network = await launcher.create_network(8123)
    except FailedPrecondition as error:
        found["within"] = str(error)
    else:
        found["within"] = await tried(replace(wanted, network=network))
        network.close()
    await launcher.close()
    return found


if __name__ == "__main__":
    if sys.argv[1] == "user.max_user_namespaces":
        enter_new_network()
        Path("/proc/sys/user/max_user_namespaces").write_text("0")
    else:
        refuse(MISSING[sys.argv[1]])
    sys.stdout.write(json.dumps(asyncio.run(report(Path(sys.argv[2])))))
