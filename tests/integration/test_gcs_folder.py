"""Buckets as the folder ``/gcs`` of jobs of Vertex AI: real jobs, the real kernel."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from cloud.engine.confinement.layers import probe
from cloud.engine.project.identities import custom_code_agent
from cloud.engine.runtimes.python_code import MODULE
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import Access, Job, Service, TrainingSpec
from cloud.resources.log_entries import Severity
from cloud.serve import LocalCloud
from cloud.settings import ConfineMode, LauncherKind, ServiceAgents, Settings
from cloud.testing.contract.base import TIMEOUT, Contract
from integration.gcs_programs import FILES, TENSORFLOW

pytestmark = [
    pytest.mark.skipif(
        not probe().network.is_held or not os.access("/dev/fuse", os.R_OK | os.W_OK),
        reason="this machine has no namespaces, or no /dev/fuse",
    ),
]
in_module = pytest.mark.asyncio(loop_scope="module")
contract = Contract()


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=list(LauncherKind))
async def cloud(request: pytest.FixtureRequest) -> AsyncIterator[LocalCloud]:
    # The agents have no role on the project: grants decide.
    settings = Settings(launcher=request.param, confine=ConfineMode.REQUIRE, cancel_grace_seconds=0.5)
    async with LocalCloud(settings, service_agents=ServiceAgents.BARE) as cloud:
        await cloud.backend.create_bucket("closed")
        await cloud.backend.create_bucket("my-bucket")
        for account in (custom_code_agent(cloud.settings.project).email, await cloud.backend.ml_service_account()):
            for access in Access:
                await cloud.backend.grant("my-bucket", account, access)
        yield cloud


async def run(cloud: LocalCloud, job_id: str, code: str, **fields: object) -> tuple[Job, list[str]]:
    spec = TrainingSpec(job_id, (), MODULE, args=(code,), service=Service.VERTEX_AI, **fields)  # type: ignore[arg-type]
    job = await cloud.backend.wait_for_job((await cloud.backend.submit_job(spec)).job_id, timeout=TIMEOUT)
    return job, await contract.output(cloud.backend, job)


async def names(cloud: LocalCloud, bucket: str = "my-bucket") -> set[str]:
    return {found.uri.path for found in await cloud.backend.list_objects(GsUri(bucket, ""))}


@in_module
async def test_files(cloud: LocalCloud, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("given")
    await cloud.backend.upload(tmp_path / "file", GsUri("my-bucket", "given/deep/file"))
    job, lines = await run(cloud, "1", FILES)
    assert job.state is JobState.SUCCEEDED, "\n".join(lines)
    refused = ["ENOENT ENOENT", "EACCES EACCES", "ENOENT EISDIR ENOTEMPTY", "EMFILE ENOTSUP", "EACCES ENOENT"]
    assert lines[-7:-2] == refused
    assert {"x/", "x/y/", "x/y/b", "x/big", "x/s", "x/u", "copy/", "copy/b"} == await names(cloud)
    entries = await contract.log(cloud.backend, job)
    warnings = [entry.message for entry in entries if entry.severity is Severity.WARNING]
    assert any(line.startswith("/gcs/none: The specified bucket does not exist") for line in warnings)
    assert any("gs://" in line and "renamed" in line for line in warnings)
    assert any("/gcs/closed" in line and "storage.objects.list" in line for line in warnings)
    assert not os.path.exists("/gcs/my-bucket")


@in_module
async def test_tensorflow(cloud: LocalCloud) -> None:
    job, lines = await run(cloud, "2", TENSORFLOW, base_output_directory=GsUri("my-bucket", "out"))
    assert job.state is JobState.SUCCEEDED, "\n".join(lines)
    assert any("'ckpt-3.index'" in line for line in lines)
    assert "out/model/saved_model.pb" in await names(cloud)
    assert not os.path.exists("/gcs/my-bucket")


@in_module
async def test_what_a_killed_program_has_closed_is_there(cloud: LocalCloud) -> None:
    code = "import os; open('/gcs/my-bucket/last', 'w').write('x'); os.kill(os.getpid(), 9)"
    job, _ = await run(cloud, "3", code)
    assert job.state is JobState.FAILED
    assert "last" in await names(cloud)


@in_module
async def test_a_job_of_ml_engine_has_none(cloud: LocalCloud, tmp_path: Path) -> None:
    code = "import os; os.makedirs('/gcs/my-bucket/x')"
    job = await contract.train(cloud.backend, "my-bucket", tmp_path, code)
    assert job.state is JobState.FAILED
    assert "gs://" in job.error_message
    assert not os.path.exists("/gcs/my-bucket")


NO_DEVICE = """
import errno, os, socket
from cloud.engine.launch.forkserver import gcs_mount, namespaces, private_root

namespaces.enter_new_network()
private_root.enter(["/usr", "/proc"], (), read_only=True)
engine, connection = socket.socketpair()
gcs_mount.mount(connection, None)
assert socket.recv_fds(engine, 100, 1)[:2] == (b"{}", [])
try:
    os.mkdir("/gcs/bucket")
except OSError as error:
    print(errno.errorcode[error.errno], os.listdir("/gcs"))
"""


def test_without_the_device_the_folder_cannot_be_written() -> None:
    done = subprocess.run([sys.executable, "-c", NO_DEVICE], capture_output=True, text=True, timeout=30)
    assert done.stdout == "EROFS []\n", done.stderr


UNCONFINED = """
import os, subprocess, sys
os.makedirs("/gcs/my-bucket/x")
with open("/gcs/my-bucket/x/a", "w") as file:
    file.write("python")
subprocess.run("echo shell > /gcs/my-bucket/x/b", shell=True, check=True)
print(os.listdir("/gcs/my-bucket/x"), os.readlink("/proc/self/ns/ipc"))
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount, and write there on its machine")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=list(LauncherKind))
async def unconfined(request: pytest.FixtureRequest) -> AsyncIterator[LocalCloud]:
    async with LocalCloud(Settings(launcher=request.param, confine=ConfineMode.OFF)) as cloud:
        await cloud.backend.create_bucket("my-bucket")
        yield cloud


@as_root
@in_module
async def test_an_unconfined_job_of_root_has_buckets(unconfined: LocalCloud, tmp_path: Path) -> None:
    code = f"{UNCONFINED}\nopen({str(tmp_path / 'outside')!r}, 'w').close()"
    job, lines = await run(unconfined, "1", code)
    assert job.state is JobState.SUCCEEDED, "\n".join(lines)
    assert f"['a', 'b'] {os.readlink('/proc/self/ns/ipc')}" in lines
    assert {"x/", "x/a", "x/b"} == await names(unconfined)
    assert (tmp_path / "outside").exists()
    assert not os.path.exists("/gcs/my-bucket")


@in_module
async def test_an_unconfined_job_of_ml_engine_has_none(unconfined: LocalCloud, tmp_path: Path) -> None:
    job = await contract.train(unconfined.backend, "my-bucket", tmp_path, UNCONFINED)
    assert job.state is JobState.FAILED
    assert "use gs://my-bucket" in job.error_message
    assert not os.path.exists("/gcs/my-bucket")


NO_MOUNTS = """
import errno, os, subprocess
from cloud.engine.launch.forkserver import gcs_alone
from integration.launch.lesser_kernel import MISSING, refuse

refuse(MISSING["namespaces"])
gcs_alone.enter(None)
try:
    os.makedirs("/gcs/bucket")
except OSError as error:
    print(errno.errorcode[error.errno], "usr" in os.listdir("/"), os.path.exists("/gcs"))
print(subprocess.call("mkdir -p /gcs/bucket 2> /dev/null || mv here/moved /gcs 2> /dev/null", shell=True))
os.rename("here/moved", "there/moved")
"""


@as_root
def test_where_root_cannot_mount_the_folder_cannot_be_made(tmp_path: Path) -> None:
    for name in ("here/moved", "there"):
        (tmp_path / name).mkdir(parents=True)
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", NO_MOUNTS], capture_output=True, text=True, timeout=30, cwd=tmp_path, env=environ
    )
    assert done.stdout == "EACCES True False\n1\n", done.stderr
    assert (tmp_path / "there/moved").exists()
