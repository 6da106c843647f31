"""Jobs that run images which were built here, as processes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from cloud.engine.images.build import ImageBuilder
from cloud.engine.images.store import ImageStore
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import Job, Service, TrainingSpec
from cloud.resources.container_images import ContainerImage
from cloud.serve import LocalCloud
from cloud.settings import LauncherKind, RequirementsMode, Settings
from cloud.testing.contract.base import TIMEOUT

URI = "gcr.io/local-project/trainer:latest"
TASK = """
import json, os, sys
import beside
found = {
    "args": sys.argv[1:],
    "cwd": sorted(os.listdir(".")),
    "absolute": os.path.exists("/trainer/task.py"),
    "mode": os.environ["MODE"],
    "written": "",
}
with open("made.txt", "w") as file:
    file.write(beside.NAME)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("images") / "state"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cloud(state: Path) -> AsyncIterator[LocalCloud]:
    settings = Settings(state_dir=state, launcher=LauncherKind.COLD, requirements=RequirementsMode.INSTALLED)
    async with LocalCloud(settings) as cloud:
        yield cloud


async def build(state: Path, folder: Path, dockerfile: str) -> ContainerImage:
    (folder / "trainer").mkdir(exist_ok=True)
    (folder / "trainer" / "task.py").write_text(TASK)
    (folder / "trainer" / "beside.py").write_text("NAME = 'beside'")
    (folder / "run.sh").write_text('echo "script $1 $(basename $PWD)"; exec python /trainer/task.py "$@"')
    (folder / "Dockerfile").write_text(dockerfile)
    images = ImageStore(state / "images")
    image = await ImageBuilder(images).build(folder, names=[URI], log=print)
    images.push(URI)
    return image


async def run(cloud: LocalCloud, image: ContainerImage, number: int, *argv: str, module: str, env=None) -> Job:
    spec = TrainingSpec(
        str(number), (), module, argv, image=URI, image_digest=image.digest, service=Service.VERTEX_AI, env=env or {}
    )
    await cloud.backend.submit_job(spec)
    return await cloud.backend.wait_for_job(str(number), timeout=TIMEOUT)


async def messages(cloud: LocalCloud, job: Job) -> list[str]:
    return [entry.message for entry in await cloud.backend.read_logs(job.job_id)]


pytestmark = pytest.mark.asyncio(loop_scope="module")
BASE = "FROM gcr.io/deeplearning-platform-release/tf2-cpu.2-8\nENV MODE=fast\n"


async def test_a_file_of_the_image(cloud: LocalCloud, state: Path, tmp_path: Path) -> None:
    image = await build(state, tmp_path, f"{BASE}WORKDIR /root\nCOPY trainer /trainer\nRUN mkdir data\n")
    job = await run(cloud, image, 1, "python", "/trainer/task.py", "--lr=1", module="image_program")
    assert job.state is JobState.SUCCEEDED, job.error_message
    said = await messages(cloud, job)
    assert f"Running the image {URI}." in said
    assert "Running command: python /trainer/task.py --lr=1" in said
    assert any('"args": ["--lr=1"], "cwd": ["data"]' in line and '"mode": "fast"' in line for line in said), said


async def test_a_module_of_the_working_directory(cloud: LocalCloud, state: Path, tmp_path: Path) -> None:
    image = await build(
        state, tmp_path, f"{BASE}WORKDIR /\nENV PYTHONPATH=${{PYTHONPATH}}:/trainer\nCOPY trainer /trainer\n"
    )
    job = await run(cloud, image, 2, "--lr=1", module="trainer.task", env={"MODE": "slow"})
    assert job.state is JobState.SUCCEEDED, job.error_message
    assert any('"cwd": ["trainer"]' in line and '"mode": "slow"' in line for line in await messages(cloud, job))


async def test_a_script_of_the_image(cloud: LocalCloud, state: Path, tmp_path: Path) -> None:
    image = await build(
        state, tmp_path, f"{BASE}WORKDIR /work\nCOPY run.sh .\nCOPY trainer /trainer\nRUN apt-get install -y xvfb\n"
    )
    job = await run(cloud, image, 3, "bash", "run.sh", "x", module="image_program")
    said = await messages(cloud, job)
    assert "script x work" in said
    assert any("RUN apt-get install -y xvfb" in line for line in said)
    if any('"absolute": true' in line for line in said):
        assert job.state is JobState.SUCCEEDED, job.error_message
    else:  # without namespaces there is no /trainer
        assert "can't open file '/trainer/task.py'" in job.error_message


async def test_a_program_that_is_not_there(cloud: LocalCloud, state: Path, tmp_path: Path) -> None:
    image = await build(state, tmp_path, BASE)
    job = await run(cloud, image, 4, "start-training", module="image_program")
    assert job.state is JobState.FAILED
    assert "exited with a non-zero status of 127" in job.error_message
    assert "exec: start-training: No such file or directory" in job.error_message


async def test_a_package_of_the_image(cloud: LocalCloud, state: Path, tmp_path: Path) -> None:
    (tmp_path / "lib" / "fares").mkdir(parents=True)
    (tmp_path / "lib" / "fares" / "__init__.py").write_text("print('installed')")
    (tmp_path / "lib" / "setup.py").write_text(
        "from setuptools import setup; setup(name='fares', version='1', packages=['fares'])"
    )
    image = await build(state, tmp_path, f"{BASE}WORKDIR /src\nCOPY lib lib\nRUN pip install ./lib\n")
    job = await run(cloud, image, 5, "import fares", module="command_line_code")
    assert job.state is JobState.SUCCEEDED, job.error_message
    assert "installed" in await messages(cloud, job)


async def test_an_image_that_was_deleted(cloud: LocalCloud, state: Path, tmp_path: Path) -> None:
    image = ContainerImage("sha256:" + "0" * 64, BASE, (await build(state, tmp_path, BASE)).create_time)
    job = await run(cloud, image, 6, "print()", module="command_line_code")
    assert job.state is JobState.FAILED
    assert "was deleted meanwhile: build it again" in job.error_message


async def test_a_job_of_ml_engine(cloud: LocalCloud, state: Path, tmp_path: Path) -> None:
    image = await build(state, tmp_path, BASE)
    code = "import json, os, sys; print(json.loads(os.environ['TF_CONFIG'])['task']['type'], sys.argv[1:])"
    spec = TrainingSpec(
        "of_ml_engine",
        (),
        "command_line_code",
        (code,),
        image=URI,
        image_digest=image.digest,
        job_dir=GsUri("bucket", "out"),
    )
    await cloud.backend.submit_job(spec)
    job = await cloud.backend.wait_for_job("of_ml_engine", timeout=TIMEOUT)
    assert job.state is JobState.SUCCEEDED, job.error_message
    assert "master ['--job-dir', 'gs://bucket/out']" in await messages(cloud, job)


async def test_a_job_whose_image_was_deleted_while_it_ran_is_told_of_its_own_failure(
    cloud: LocalCloud, state: Path, tmp_path: Path
) -> None:
    image = await build(state, tmp_path, BASE)
    code = "import os; os.mkfifo('gate'); print('waiting'); open('gate').read(); import missing_module"
    spec = TrainingSpec(
        "7", (), "command_line_code", (code,), image=URI, image_digest=image.digest, service=Service.VERTEX_AI
    )
    await cloud.backend.submit_job(spec)
    async for entry in cloud.backend.follow_logs("7"):
        if entry.message == "waiting":
            images = ImageStore(state / "images")
            images.untag(URI)
            images.delete(f"gcr.io/local-project/trainer@{image.digest}")
            assert images.discard(image.digest)
            (gate,) = state.rglob("gate")
            gate.write_text("go on")
    job = await cloud.backend.wait_for_job("7", timeout=TIMEOUT)
    assert job.state is JobState.FAILED
    assert "No module named 'missing_module'" in job.error_message
    assert "was deleted" not in job.error_message
