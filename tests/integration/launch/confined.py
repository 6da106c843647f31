"""Confinements for tests, and programs under them."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

from cloud.engine.launch.client import Interpreter, Launcher
from cloud.engine.launch.confinement import Confinement
from cloud.engine.launch.network import Network
from cloud.settings import LauncherKind
from integration.launch.programs import Programs, run

WARM = Interpreter(preload=("json", "socket"))
COLD = Interpreter()
INTERPRETERS = {LauncherKind.WARM: WARM, LauncherKind.COLD: COLD}
PYTHON = tuple(map(Path, (sys.prefix, sys.base_prefix, *filter(os.path.isabs, sys.path))))
"""What this Python needs to be read."""
PORT = 8123
"""That the socket of the fixture ``network`` is bound to."""


def confinement(folder: Path, network: Network | None = None, *read: Path) -> Confinement:
    """Of a process with this folder of its own."""
    return Confinement(read=(*PYTHON, *read), write=(folder,), network=network)


async def outcome(
    launcher: Launcher, programs: Programs, source: str, wanted: Confinement | None, argument: object = None
) -> dict[str, str]:
    """The JSON that a program prints last."""
    command = programs.command(source, json.dumps(argument), TMPDIR=str(programs.folder))
    status = await run(launcher, replace(command, confinement=wanted), programs.on_output)
    assert status.ok, programs.text("stderr")
    found = json.loads(programs.text().splitlines()[-1])
    assert isinstance(found, dict)
    return found
