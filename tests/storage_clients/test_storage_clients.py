"""Programs that read and write Cloud Storage without Google's clients, by environment variables only. They are an
environment of their own: ``tox -e storage-clients``."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from cloud.serve import LocalCloud
from cloud.settings import LauncherKind, Settings, inherited_environ
from programs import run_step

pytestmark = pytest.mark.asyncio(loop_scope="module")
GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "storage.md"
STEPS = Path(__file__).with_name("client_steps.py")
SETTINGS = Settings(project="lab-project", launcher=LauncherKind.COLD)
MB = 2**20

Environ = dict[str, str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cloud() -> AsyncIterator[LocalCloud]:
    async with LocalCloud(SETTINGS) as cloud:
        yield cloud


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def owner(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Environ:
    """The project's owner, by a service account's key."""
    return inherited_environ() | await cloud.owner_environ() | {"HOME": str(tmp_path_factory.mktemp("home"))}


@pytest_asyncio.fixture(loop_scope="module")
async def bucket(cloud: LocalCloud, request: pytest.FixtureRequest) -> str:
    name = f"bkt-{abs(hash(request.node.nodeid)):x}"
    await cloud.backend.create_bucket(name)
    return name


OBSTORE = {
    "in parts": True,
    "range": True,
    "written": [True, "text/x"],
    "copied": True,
    "exists": ["AlreadyExistsError", "AlreadyExistsError", "FileNotFoundError"],
    "replaced by another": "PreconditionError",
    "small parts": "GenericError",
    "listed": [["a", "d"], ["state", "written"]],
    "left": ["a/b ü.bin", "d/renamed"],
}


async def test_obstore(owner, bucket):
    assert await run_step(owner, STEPS, "obstore", bucket=bucket) == OBSTORE


async def test_the_example_of_the_guide(cloud, owner):
    [source] = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    await cloud.backend.create_bucket("my-bucket")
    argv = (sys.executable, "-c", source)
    process = await asyncio.create_subprocess_exec(*argv, env=owner, stdout=asyncio.subprocess.PIPE)
    assert (await process.communicate())[0] == b"20000000\n"


async def test_obstore_as_a_job(owner, bucket):
    """With the identity that the metadata server gives."""
    job = {name: value for name, value in owner.items() if name != "GOOGLE_APPLICATION_CREDENTIALS"}
    assert await run_step(job, STEPS, "obstore", bucket=bucket) == OBSTORE


async def test_polars(owner, bucket):
    assert await run_step(owner, STEPS, "polars", bucket=bucket) == {"rows": True}


async def test_delta(owner, bucket):
    assert await run_step(owner, STEPS, "delta", bucket=bucket) == {"files": [3, 1, 1], "rows": True}


async def test_lance(owner, bucket):
    assert await run_step(owner, STEPS, "lance", bucket=bucket) == {"rows": 10, "fragments": 3}


async def test_duckdb(owner, bucket):
    assert await run_step(owner, STEPS, "duckdb", bucket=bucket) == {"rows": True}


async def test_rasterio(owner, bucket):
    assert await run_step(owner, STEPS, "rasterio", bucket=bucket) == {"same": True}


@pytest.mark.parametrize("by_gateway", [False, True])
async def test_pyarrow(owner, bucket, by_gateway):
    environ = {name: value for name, value in owner.items() if not (by_gateway and "EMULATOR" in name)}
    assert await run_step(environ, STEPS, "pyarrow", bucket=bucket) == {
        "rows": 100_000,
        "size": 20 * MB,
        "listed": ["big", "t.parquet", "v.parquet"],
    }


async def test_boto3(owner, bucket, tmp_path):
    url = owner["STORAGE_EMULATOR_HOST"]
    assert await run_step(owner, STEPS, "boto3", bucket=bucket, url=url, folder=str(tmp_path)) == {
        "same": True,
        "head": [{"key": "v"}, "text/x", 20 * MB],
        "parts": [[2, 5 * MB], [7, 3]],
        "uploads": ["a b/ü"],
        "wrong order": "InvalidPartOrder",
        "read": True,
        "copy of a part": "AccessDenied",
        "again": "PreconditionFailed",
        "listed": ["a b/ü", "big", "copied", "once"],
        "deleted": ["a b/ü", "missing"],
    }
