"""Cloud Storage through Google's clients for Node, by environment variables only. ``tox -e node`` fetches them."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from cloud.serve import LocalCloud
from cloud.settings import LauncherKind, Settings, inherited_environ

CLIENTS = os.environ.get("NODE_CLIENTS", "")
STEPS = Path(__file__).with_name("node_steps.mjs")
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(
        not (shutil.which("node") and (Path(CLIENTS) / "node_modules" / "@google-cloud" / "storage").is_dir()),
        reason="needs Node and its clients of Cloud Storage: tox -e node",
    ),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def environ() -> AsyncIterator[dict[str, str]]:
    async with LocalCloud(Settings(launcher=LauncherKind.COLD)) as cloud:
        yield inherited_environ() | await cloud.owner_environ() | {"NODE_CLIENTS": CLIENTS}


@pytest.fixture(params=["listener", "gateway"])
def of_program(environ, request):
    """The environment as it is served, and without the variable for emulators: by the gateway, over TLS."""
    left_out = {"STORAGE_EMULATOR_HOST"} if request.param == "gateway" else set()
    return {name: value for name, value in environ.items() if name not in left_out}


async def step(environ, which, bucket, folder):
    """The results of a step of node_steps.mjs."""
    process = await asyncio.create_subprocess_exec(
        "node", STEPS, which, bucket, folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        async with asyncio.timeout(60):
            out, error = await process.communicate()
    except TimeoutError:
        process.kill()
        raise
    assert process.returncode == 0, error.decode() + out.decode()
    return json.loads(out)


@pytest.fixture
def name(request):
    return f"node-{abs(hash(request.node.nodeid)):x}"


async def test_storage(of_program, name, tmp_path):
    assert await step(of_program, "storage", name, tmp_path) == {
        "bucket": ["EU", {"team": "taxi"}, [True]],
        "listed": True,
        "read": ["hello", "el", 9 << 20, "hello"],
        "streamed": "one two",
        "files": ["a/big", "a/small", "a/x y.txt"],
        "folders": ["a/"],
        "paged": 1,
        "metadata": ["text/x", {"k": "v", "z": "1"}],
        "moved": ["c/moved"],
        "joined": "hellohello",
        "access": [True, {"storage.buckets.get": True}],
        "account": True,
        "refused": [412, 404, 404, 404, 409, 409],
        "gone": [False],
    }


async def test_the_transfer_manager(of_program, name, tmp_path):
    assert await step(of_program, "transfers", name, tmp_path) == {
        "uploaded": ["1", "2", "3"],
        "downloaded": ["1", "2", "3"],
        "chunks": True,
    }


async def test_an_upload_in_chunks(environ, name, tmp_path):
    by_gateway = {key: value for key, value in environ.items() if key != "STORAGE_EMULATOR_HOST"}
    assert await step(by_gateway, "chunks", name, tmp_path) == [str(12 << 20), "text/x", None, True]


async def test_firebase_admin(of_program, name, tmp_path):
    assert await step(of_program, "firebase", name, tmp_path) == ["from firebase", True, False]
