"""A job sees its runtime and its package, and nothing of this project."""

import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from cloud.engine.launch.client import Command, Launcher, OutputLine
from cloud.engine.runtimes.runtime import Runtime
from cloud.engine.runtimes.view import view_of_installed
from cloud.lifecycle import JobState
from cloud.resources.log_entries import Severity
from cloud.serve import LocalCloud
from cloud.settings import LauncherKind, Settings
from cloud.testing.contract.base import Contract

pytestmark = pytest.mark.asyncio(loop_scope="module")
KINDS = [LauncherKind.COLD, *([LauncherKind.WARM] if sys.platform == "linux" else [])]
PROBE = """
import importlib.metadata as metadata, importlib.util as util, json, os, subprocess, sys
LOOK = '''
import importlib.metadata as metadata, importlib.util as util, json, os, sys
names = ("cloud", "trainer", "aiohttp", "pytest", "numpy", "tensorflow", "google.cloud.storage")
def found(name):
    try:
        return util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
distributions = {metadata.Distribution.metadata.fget(each)["Name"].lower() for each in metadata.distributions()}
print(json.dumps({
    "modules": [name for name in names if found(name)],
    "distributions": sorted(distributions & {"offline-ml-cloud", "aiohttp", "numpy", "tensorflow", "pytest"}),
    "prefix": sys.prefix, "executable": sys.executable, "variable": os.environ.get("VIRTUAL_ENV"),
}))
'''
exec(LOOK)
for python in (sys.executable, "python", "python3"):
    subprocess.run([python, "-c", LOOK], check=True, cwd="/")
subprocess.run(["sh", "-c", "head -1 $(command -v tensorboard)"], check=True)
"""


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    made = view_of_installed(tmp_path_factory.mktemp("store"))
    return replace(made, interpreter=replace(made.interpreter, preload=("json",)))


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=KINDS)
async def launcher(request: pytest.FixtureRequest) -> AsyncIterator[Launcher]:
    launcher = Launcher(request.param)
    yield launcher
    await launcher.close()


async def run(launcher: Launcher, runtime: Runtime, folder: Path, module: str) -> tuple[bool, list[str]]:
    lines: list[OutputLine] = []
    environ = {"PATH": os.environ["PATH"], "VIRTUAL_ENV": sys.prefix}
    command = Command(module, (), environ, folder, (folder,), runtime.interpreter)
    status = await (await launcher.launch(command, lines.append)).wait()
    return status.ok, [line.text for line in lines]


async def test_a_job_and_its_child_pythons_see_nothing_of_this_project(
    launcher: Launcher, runtime: Runtime, tmp_path: Path
) -> None:
    (tmp_path / "probe.py").write_text(PROBE)

    ok, lines = await run(launcher, runtime, tmp_path, "probe")

    assert ok, lines
    *seen, script = lines
    assert len(seen) == 4
    for line in seen:
        found = json.loads(line)
        assert found["modules"] == ["numpy", "tensorflow", "google.cloud.storage"]
        assert found["distributions"] == ["numpy", "tensorflow"]
        assert Path(found["executable"]).parent == runtime.interpreter.path.parent
        assert found["prefix"] == found["variable"] == str(runtime.interpreter.path.parents[1])
    assert script == f"#!{runtime.interpreter.path}"


async def test_a_trainer_without_init_is_the_users(launcher: Launcher, runtime: Runtime, tmp_path: Path) -> None:
    (tmp_path / "trainer").mkdir()
    (tmp_path / "trainer" / "task.py").write_text("print('the user\\'s')")

    assert await run(launcher, runtime, tmp_path, "trainer.task") == (True, ["the user's"])


async def test_no_trainer_is_no_module(launcher: Launcher, runtime: Runtime, tmp_path: Path) -> None:
    ok, lines = await run(launcher, runtime, tmp_path, "trainer.task")

    assert not ok
    assert "No module named" in lines[-1]
    assert "trainer" in lines[-1]


async def test_a_job_that_misses_a_module_is_told_what_to_do(tmp_path: Path) -> None:
    async with LocalCloud(Settings(state_dir=tmp_path / "state", launcher=LauncherKind.COLD)) as cloud:
        bucket = await Contract().open_bucket(cloud.backend)
        job = await Contract().train(cloud.backend, bucket, tmp_path, "import cloud.serve")
        assert job.state is JobState.FAILED
        entries = await cloud.backend.read_logs(job.job_id)

    mend = "cloud is a module of this project, which no job sees, as at Google."
    assert job.error_message.endswith(f"ModuleNotFoundError: No module named 'cloud'\n{mend}")
    assert [entry.severity for entry in entries if entry.message == mend] == [Severity.ERROR]
