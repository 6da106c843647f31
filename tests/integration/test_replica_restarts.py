"""Replicas that are preempted while they run, each a process of this machine."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from one_runtime import OneRuntime

from cloud.engine.jobs.execution import Execution, Platform
from cloud.engine.jobs.logs import JobLog
from cloud.engine.jobs.preemptions import Preemptions
from cloud.engine.jobs.preparation import Preparation
from cloud.engine.launch.client import Launcher
from cloud.engine.runtimes.requirements import Requirements
from cloud.lifecycle import JobEvent
from cloud.names import GsUri
from cloud.resources import ScaleTier, Service, TrainingSpec
from cloud.settings import LauncherKind, RequirementsMode

PROGRAM = """
import json, os, pathlib, socket, sys, time
config = json.loads(os.environ["TF_CONFIG"])
task, wanted = config["task"], json.loads(sys.argv[2])
name = f"{task['type']}{task['index']}"
assert not os.listdir(), "an empty folder"
open("left", "w").close()
host, port = config["cluster"][task["type"]][task["index"]].split(":")
listener = socket.create_server((host, int(port)))
starts = pathlib.Path(sys.argv[1])
with open(starts / name, "a") as file:
    file.write(port + os.linesep)
count = lambda name: len((starts / name).read_text().split()) if (starts / name).exists() else 0
time.sleep(0.2)
if task["index"] == 1 and count(name) > 1 and len(sys.argv) > 3:
    sys.exit(3)
print("up", name, flush=True)
while name != "chief0" or any(count(other) < number for other, number in wanted.items()):
    time.sleep(0.02)
"""


class Parts:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def install(self, *_: object, **__: object) -> Path:
        return self._folder

    async def fetch(self, *_: object) -> None:
        pass


@pytest.fixture
async def launcher() -> AsyncIterator[Launcher]:
    launcher = Launcher(LauncherKind.COLD)
    yield launcher
    await launcher.close()


class Job:
    """A chief with two workers, which ends when each replica was started as often as wanted."""

    def __init__(self, launcher: Launcher, folder: Path) -> None:
        self._launcher, self._folder = launcher, folder
        self.preemptions = Preemptions()
        self.events: list[tuple[JobEvent, str]] = []
        (folder / "program.py").write_text(PROGRAM)
        (folder / "starts").mkdir()

    async def run(self, wanted: dict[str, int], *more: str, **fields: object) -> None:
        parts = Parts(self._folder)
        preparation = Preparation(
            runtimes=OneRuntime(),
            fetch=parts.fetch,
            installer=parts,  # type: ignore[arg-type]
            requirements=Requirements(self._folder / "layers", RequirementsMode.INSTALLED, environ={}),
            environ={},
        )
        platform = Platform(self._launcher, preparation, {}, "my-project", 1, 1.0, preemptions=self.preemptions)
        argv = (str(self._folder / "starts"), json.dumps(wanted), *more)
        tier = {"scale_tier": ScaleTier.CUSTOM, "worker_count": 2}
        spec = TrainingSpec("one", (GsUri("bucket", "a.whl"),), "program", argv, **tier)  # type: ignore[arg-type]
        report = lambda _, event, message: self.events.append((event, message))  # noqa: E731
        log = JobLog(self._folder / "log")
        await Execution(replace(spec, **fields), platform, self._folder / "run", log, report).run()

    @property
    def starts(self) -> dict[str, list[str]]:
        """The ports with which each replica was started."""
        return {path.name: path.read_text().split() for path in sorted((self._folder / "starts").iterdir())}

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text()


async def test_a_preempted_replica_is_started_again_under_its_address(launcher: Launcher, tmp_path: Path) -> None:
    job = Job(launcher, tmp_path)
    fault = job.preemptions.add("worker-replica-1", when="up worker1")
    await job.run({"chief0": 1, "worker0": 1, "worker1": 2})
    assert [event for event, _ in job.events] == [JobEvent.STARTED, JobEvent.COMPLETED], job.log
    assert fault.fired == 1
    assert [len(ports) for ports in job.starts.values()] == [1, 1, 2]
    assert len(set(job.starts["worker1"])) == 1
    assert "The replica worker 1 was preempted. It is restarted with the same address." in job.log


async def test_all_replicas_are_started_again_where_the_job_asks_for_it(launcher: Launcher, tmp_path: Path) -> None:
    job = Job(launcher, tmp_path)
    job.preemptions.add("workerpool1-1", when="up worker1")
    wanted = {"chief0": 2, "worker0": 2, "worker1": 2}
    await job.run(wanted, service=Service.VERTEX_AI, job_id="1", restart_job_on_worker_restart=True)
    assert [event for event, _ in job.events] == [JobEvent.STARTED, JobEvent.COMPLETED], job.log
    assert {name: len(ports) for name, ports in job.starts.items()} == wanted
    assert "All replicas are restarted." in job.log


async def test_the_master_is_tried_three_times(launcher: Launcher, tmp_path: Path) -> None:
    job = Job(launcher, tmp_path)
    fault = job.preemptions.add("master-replica-0", when="up chief0", times=3)
    await job.run({"chief0": 4})
    (_, (event, message)) = job.events
    assert event is JobEvent.FAILED
    assert message == "The replica master 0 was preempted. That was the last of 3 attempts."
    assert fault.fired == 3
    assert len(job.starts["chief0"]) == 3


async def test_a_restarted_replica_that_fails_by_itself_fails_the_job_with_its_name(
    launcher: Launcher, tmp_path: Path
) -> None:
    job = Job(launcher, tmp_path)
    job.preemptions.add("worker-replica-1", when="up worker1")
    await job.run({"chief0": 2}, "fails")
    (_, (event, message)) = job.events
    assert event is JobEvent.FAILED
    assert message.startswith("The replica worker 1 exited with a non-zero status of 3.")
