"""Another program takes a replica's port after it was allocated and before the replica binds it."""

import json
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from one_runtime import OneRuntime

from cloud.engine.jobs.execution import Execution, Platform
from cloud.engine.jobs.logs import JobLog
from cloud.engine.jobs.preparation import Preparation
from cloud.engine.launch.client import Launcher
from cloud.engine.launch.command import Command
from cloud.engine.launch.output import OutputLine
from cloud.engine.launch.process import Process
from cloud.engine.runtimes.requirements import Requirements
from cloud.lifecycle import JobEvent
from cloud.names import GsUri
from cloud.resources import ScaleTier, TrainingSpec
from cloud.settings import LauncherKind, RequirementsMode

TRAINER = """
import json, os, socket, sys
config = json.loads(os.environ["TF_CONFIG"])
host, port = config["cluster"][config["task"]["type"]][config["task"]["index"]].split(":")
assert not os.listdir(), "an empty folder"
open("left", "w").close()
if len(sys.argv) > 1:
    port = sys.argv[1]
socket.socket().bind((host, int(port)))
print("bound", port)
"""


class PortTakingLauncher:
    """A launcher that binds the ports of the first ``count`` replicas before it starts them."""

    def __init__(self, launcher: Launcher, count: int) -> None:
        self._launcher, self._count = launcher, count
        self.launched: list[Command] = []
        self.listeners: list[socket.socket] = []

    async def launch(
        self, command: Command, on_output: Callable[[OutputLine], None], *, allow_cold_fallback: bool = False
    ) -> Process:
        task = (config := json.loads(command.environ["TF_CONFIG"]))["task"]
        if self._count:
            self._count -= 1
            host, port = config["cluster"][task["type"]][task["index"]].split(":")
            self.listeners.append(socket.create_server((host, int(port))))
        self.launched.append(command)
        return await self._launcher.launch(command, on_output)


class Installer:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def install(self, *_: object, **__: object) -> Path:
        return self._folder


@pytest.fixture
async def launcher() -> AsyncIterator[Launcher]:
    launcher = Launcher(LauncherKind.COLD)
    yield launcher
    await launcher.close()


async def run(
    launcher: Launcher, folder: Path, count: int, *argv: str
) -> tuple[list[tuple[JobEvent, str]], PortTakingLauncher]:
    (folder / "program.py").write_text(TRAINER)
    taking, events = PortTakingLauncher(launcher, count), list[tuple[JobEvent, str]]()

    async def fetch(*_: object) -> None:
        pass

    preparation = Preparation(
        runtimes=OneRuntime(),
        fetch=fetch,
        installer=Installer(folder),  # type: ignore[arg-type]
        requirements=Requirements(folder / "layers", RequirementsMode.INSTALLED, environ={}),
        environ={},
    )
    platform = Platform(taking, preparation, {}, "my-project", 1, 1.0)  # type: ignore[arg-type]
    spec = TrainingSpec(
        "one", (GsUri("bucket", "a.whl"),), "program", argv, scale_tier=ScaleTier.CUSTOM, parameter_server_count=1
    )
    log = JobLog(folder / "log")
    report = lambda _, event, message: events.append((event, message))  # noqa: E731
    await Execution(spec, platform, folder / "run", log, report).run()
    for listener in taking.listeners:
        listener.close()
    return events, taking


async def test_all_replicas_are_restarted_with_other_addresses(launcher: Launcher, tmp_path: Path) -> None:
    events, taking = await run(launcher, tmp_path, 1)
    assert events == [(JobEvent.STARTED, ""), (JobEvent.COMPLETED, "")]
    first, _, again, _ = (json.loads(command.environ["TF_CONFIG"])["cluster"] for command in taking.launched)
    assert not {*first["chief"], *first["ps"]} & {*again["chief"], *again["ps"]}
    assert "all replicas are restarted with new addresses" in (tmp_path / "log").read_text()


async def test_replicas_are_restarted_only_once(launcher: Launcher, tmp_path: Path) -> None:
    (_, (event, message)), taking = await run(launcher, tmp_path, 4)
    assert event is JobEvent.FAILED
    assert "Address already in use" in message
    assert len(taking.launched) == 4


async def test_no_restart_for_an_address_that_the_trainer_chose_itself(launcher: Launcher, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        (_, (event, message)), taking = await run(launcher, tmp_path, 0, str(listener.getsockname()[1]))
    assert event is JobEvent.FAILED
    assert "Address already in use" in message
    assert len(taking.launched) == 2
