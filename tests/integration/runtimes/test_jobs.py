"""Jobs that require packages, from the bucket to the log."""

import asyncio
import io
import os
import tarfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from cloud.engine.runtimes import python_code
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import Access, Job, Service, TrainingSpec
from cloud.resources.log_entries import Severity
from cloud.serve import LocalCloud
from cloud.settings import LauncherKind, Settings
from integration.package_index import PackageIndex, package_index, sdist, wheel

pytestmark = pytest.mark.asyncio(loop_scope="module")
TASK = """
import subprocess, sys, importlib.metadata
import fares
print("fares", fares.VERSION, importlib.metadata.version("fares"))
print("child", subprocess.check_output([sys.executable, "-c", "import fares; print(fares.VERSION)"], text=True).strip())
"""
GENERATED_BY_PROTOC_3_8 = r"""
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from google.protobuf import reflection as _reflection
from google.protobuf import symbol_database as _symbol_database

_sym_db = _symbol_database.Default()
DESCRIPTOR = _descriptor.FileDescriptor(
    name="old.proto", package="old", syntax="proto3", serialized_options=None,
    serialized_pb=b'\n\told.proto\x12\x03old"\x14\n\x04Trip\x12\x0c\n\x04name\x18\x01 \x01(\tb\x06proto3',
)
_TRIP = _descriptor.Descriptor(
    name="Trip", full_name="old.Trip", filename=None, file=DESCRIPTOR, containing_type=None,
    fields=[_descriptor.FieldDescriptor(
        name="name", full_name="old.Trip.name", index=0, number=1, type=9, cpp_type=9, label=1, has_default_value=False,
        default_value="", message_type=None, enum_type=None, containing_type=None, is_extension=False,
        extension_scope=None, serialized_options=None, file=DESCRIPTOR,
    )],
    extensions=[], nested_types=[], enum_types=[], serialized_options=None, is_extendable=False, syntax="proto3",
    extension_ranges=[], oneofs=[], serialized_start=18, serialized_end=38,
)
DESCRIPTOR.message_types_by_name["Trip"] = _TRIP
_sym_db.RegisterFileDescriptor(DESCRIPTOR)
Trip = _reflection.GeneratedProtocolMessageType(
    "Trip", (_message.Message,), {"DESCRIPTOR": _TRIP, "__module__": "trips_pb2"}
)
"""
TIMEOUT = 60


@pytest.fixture(scope="module")
def index() -> Iterator[PackageIndex]:
    data = wheel("data", "1.0", "promised")
    old = wheel("trips", "1.3", files={"trips_pb2.py": GENERATED_BY_PROTOC_3_8})
    with package_index(wheel("fares", "1.0"), wheel("fares", "2.0"), data, old, sdist("promised")) as index:
        yield index


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cloud(index: PackageIndex, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalCloud]:
    folder = tmp_path_factory.mktemp("user")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("UV_OFFLINE")
        patch.setenv("PIP_CONFIG_FILE", os.devnull)
        patch.setenv("PIP_INDEX_URL", index.url)
        patch.setenv("UV_CACHE_DIR", str(folder / "cache"))
        patch.setenv("CLOUD_RUNTIMES", str(folder / "runtimes"))
        async with LocalCloud(Settings(launcher=LauncherKind.COLD, cancel_grace_seconds=0.5)) as cloud:
            await cloud.backend.create_bucket("wheels")
            for access in Access:
                await cloud.backend.grant("wheels", await cloud.backend.ml_service_account(), access)
            # What a job leads its clients to is not where uv asks: this process's environment changes after the start.
            patch.setenv("HTTPS_PROXY", cloud.url)
            patch.setenv("HTTP_PROXY", cloud.url)
            yield cloud


async def submit(cloud: LocalCloud, folder: Path, job_id: str, *wheels: tuple[str, bytes], **changes: object) -> Job:
    uris = []
    for name, content in wheels:
        (folder / name).write_bytes(content)
        uris.append(GsUri("wheels", f"{job_id}/{name}"))
        await cloud.backend.upload(folder / name, uris[-1])
    return await cloud.backend.submit_job(TrainingSpec(job_id, tuple(uris), "trainer", **changes))  # type: ignore[arg-type]


async def run(cloud: LocalCloud, folder: Path, job_id: str, *wheels: tuple[str, bytes], **changes: object) -> Job:
    await submit(cloud, folder, job_id, *wheels, **changes)
    return await cloud.backend.wait_for_job(job_id, timeout=TIMEOUT)


async def lines(cloud: LocalCloud, job_id: str, task: str = "master-replica-0") -> list[str]:
    return [entry.message for entry in await cloud.backend.read_logs(job_id) if entry.task_name == task]


async def test_pip_lines_and_what_is_installed(cloud: LocalCloud, tmp_path: Path) -> None:
    job = await run(cloud, tmp_path, "first", wheel("trainer", "0.1", "fares>=1", "absl-py", code=TASK))

    output = await lines(cloud, "first")
    assert job.state is JobState.SUCCEEDED, output
    archive = "trainer-0.1-py3-none-any.whl"
    expected = [
        f"Downloading the package: gs://wheels/first/{archive}",
        f"Running command: gsutil -q cp gs://wheels/first/{archive} {archive}",
        f"Installing the package: gs://wheels/first/{archive}",
        f"Running command: pip3 install --user --upgrade --force-reinstall --no-deps {archive}",
        f"Processing ./{archive}",
        "Successfully installed trainer-0.1",
        f"Running command: pip3 install --user {archive}",
        "Collecting fares>=1 (from trainer==0.1)",
        "Successfully installed fares-2.0",
        "Running command: python3 -m trainer",
        "fares 2.0 2.0",
        "child 2.0",
    ]
    assert [line for line in output if line in expected] == expected
    assert any(line.startswith("Requirement already satisfied: absl-py in ") for line in output)


async def test_what_has_no_wheel_is_built_once(cloud: LocalCloud, index: PackageIndex, tmp_path: Path) -> None:
    code = "import data, promised; print('promised', promised.VERSION)"
    expected = [
        "Collecting data (from trainer==0.1)",
        "Downloading promised-1.0.tar.gz",
        "Building wheel for promised (setup.py)",
        "Successfully built promised",
        "Successfully installed data-1.0 promised-1.0",
        "promised 1.0",
    ]

    for job_id, requires, lines_of_build in (("built", ["data"], expected), ("again", ["data", "promised"], [])):
        job = await run(cloud, tmp_path, job_id, wheel("trainer", "0.1", *requires, code=code))
        output = await lines(cloud, job_id)
        assert job.state is JobState.SUCCEEDED, output
        assert not lines_of_build or [line for line in output if line in expected] == expected
    assert [line for line in index.requests if "promised-1.0.tar.gz" in line] == [
        "GET /simple/promised-1.0.tar.gz HTTP/1.1"
    ]


async def test_code_of_an_old_protoc_is_imported(cloud: LocalCloud, tmp_path: Path) -> None:
    code = (
        "import trips_pb2; print('trip', trips_pb2.Trip.FromString(trips_pb2.Trip(name='a').SerializeToString()).name)"
    )
    job = await run(cloud, tmp_path, "protoc", wheel("trainer", "0.1", "trips", code=code))
    output = await lines(cloud, "protoc")
    assert job.state is JobState.SUCCEEDED, output
    assert "trip a" in output
    assert any(line.startswith("trips 1.3: made by a protoc before 3.19.") for line in output)


async def test_packages_in_any_order(cloud: LocalCloud, tmp_path: Path) -> None:
    trainer, local = (
        wheel("trainer", "0.1", "local-fares==7", code="import local_fares; print('ok')"),
        wheel("local-fares", "7"),
    )

    for name, order in (("before", (local, trainer)), ("after", (trainer, local))):
        job = await run(cloud, tmp_path, name, *order)
        assert job.state is JobState.SUCCEEDED, job.error_message
        assert "ok" in await lines(cloud, name)


SDK_SETUP = """from setuptools import find_packages
from setuptools import setup

setup(
    name='aiplatform_custom_trainer_script',
    version='0.1',
    packages=find_packages(),
    install_requires=("fares==1.0"),
    include_package_data=True,
    description='My training application.'
)"""
"""Of google-cloud-aiplatform's ``utils/source_utils.py``, for ``requirements=["fares==1.0"]`` of ``CustomTrainingJob``
and ``CustomJob.from_local_script``: no tuple, but a string."""


async def test_the_package_that_googles_sdk_makes_of_a_script(cloud: LocalCloud, tmp_path: Path) -> None:
    archive, top = tmp_path / "aiplatform_custom_trainer_script-0.1.tar.gz", "aiplatform_custom_trainer_script"
    with tarfile.open(archive, "w:gz") as tar:
        for name, text in (("setup.py", SDK_SETUP), (f"{top}/__init__.py", ""), (f"{top}/task.py", TASK)):
            member = tarfile.TarInfo(f"{top}-0.1/{name}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    uri = GsUri("wheels", f"sdk/{archive.name}")
    await cloud.backend.upload(archive, uri)
    await cloud.backend.submit_job(TrainingSpec("7", (uri,), f"{top}.task", service=Service.VERTEX_AI))

    job = await cloud.backend.wait_for_job("7", timeout=TIMEOUT)

    assert job.state is JobState.SUCCEEDED, job.error_message
    assert "fares 1.0 1.0" in await lines(cloud, "7", "workerpool0-0")


async def test_requirements_of_the_job_itself(cloud: LocalCloud, tmp_path: Path) -> None:
    spec = {"service": Service.VERTEX_AI, "requirements": ("fares==1.0",)}

    job = await run(cloud, tmp_path, "123", wheel("trainer", "0.1", code=TASK), **spec)

    output = await lines(cloud, "123", "workerpool0-0")
    assert job.state is JobState.SUCCEEDED, output
    assert "Running command: pip3 install --user fares==1.0" in output
    assert "fares 1.0 1.0" in output


async def test_code_of_a_containers_command(cloud: LocalCloud) -> None:
    args = ("import sys, fares; print(sys.argv[1:], fares.VERSION)", "a")
    spec = TrainingSpec("124", (), python_code.MODULE, args, service=Service.VERTEX_AI, requirements=("fares==1.0",))
    await cloud.backend.submit_job(spec)

    job = await cloud.backend.wait_for_job("124", timeout=TIMEOUT)

    output = await lines(cloud, "124", "workerpool0-0")
    assert job.state is JobState.SUCCEEDED, output
    assert f"Running command: python3 -c {' '.join(args)}" in output
    assert "['a'] 1.0" in output


PYTORCH = "us-docker.pkg.dev/vertex-ai/training/pytorch-gpu.2-4.py310:latest"


async def test_a_trainer_of_pytorch_is_told_what_is_missing_and_runs_with_it(
    cloud: LocalCloud, index: PackageIndex, tmp_path: Path
) -> None:
    """With ``--runtime any``, the default: the strict mode refuses it when it is submitted."""
    trainer = wheel("trainer", "0.1", code="import torch\nprint('trained by', torch.VERSION)")
    spec = {"service": Service.VERTEX_AI, "image": PYTORCH}
    job = await run(cloud, tmp_path, "125", trainer, **spec)
    assert job.state is JobState.FAILED
    assert "ModuleNotFoundError: No module named 'torch'" in job.error_message
    entries = await cloud.backend.read_logs("125")
    (warning,) = [each.message for each in entries if each.severity is Severity.WARNING and "PyTorch" in each.message]
    assert warning.startswith("Image training/pytorch-gpu.2-4.py310: runs in installed (TensorFlow ")
    mend = "install torch next to this project, or add it to the requirements of the job's package or image"
    assert warning.endswith(f"needs PyTorch, which is not here: {mend}")

    index.add(wheel("torch", "2.4.1"))
    job = await run(cloud, tmp_path, "126", trainer, requirements=("torch",), **spec)
    assert job.state is JobState.SUCCEEDED, job.error_message
    assert "trained by 2.4.1" in await lines(cloud, "126", "workerpool0-0")


async def test_programs_of_what_is_required_are_found(cloud: LocalCloud, index: PackageIndex, tmp_path: Path) -> None:
    """As at Google: distributed trainers start some of their packages (``dask-worker``, ``torchrun``) by name."""
    program = "#!python\nimport greeting\nprint('greeted by', greeting.VERSION)\n"
    index.add(wheel("greeting", "1.2", files={"greeting-1.2.data/scripts/greet": program}))
    code = "import subprocess\nsubprocess.run('greet', shell=True, check=True)"

    job = await run(cloud, tmp_path, "greet", wheel("trainer", "0.1", "greeting", code=code))

    assert job.state is JobState.SUCCEEDED, job.error_message
    assert "greeted by 1.2" in await lines(cloud, "greet", "master-replica-0")


async def test_what_cannot_be_installed_is_the_jobs_error(cloud: LocalCloud, tmp_path: Path) -> None:
    job = await run(cloud, tmp_path, "missing", wheel("trainer", "0.1", "no-such-lib>=3"))

    assert job.state is JobState.FAILED
    assert "trainer 0.1 requires no-such-lib>=3, which the package index does not have" in job.error_message
    assert any("no-such-lib" in entry.message for entry in await cloud.backend.read_logs("missing"))


async def test_a_job_is_cancelled_while_an_index_is_silent(
    cloud: LocalCloud, index: PackageIndex, tmp_path: Path
) -> None:
    silent = f"{index.url_of('silent')}/fares-1.0-py3-none-any.whl"
    await submit(cloud, tmp_path, "waiting", wheel("trainer", "0.1", f"fares @ {silent}"))
    assert await asyncio.to_thread(index.silenced.acquire, timeout=TIMEOUT)

    await cloud.backend.cancel_job("waiting")

    assert (await cloud.backend.wait_for_job("waiting", timeout=TIMEOUT)).state is JobState.CANCELLED
