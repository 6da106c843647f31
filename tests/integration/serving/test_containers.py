"""The programs in the images of docker/, started as the platform starts them, but without an image."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

import cloud as package
from cloud.engine.launch.client import Command, Process
from cloud.names import GsUri
from cloud.serve import LocalCloud
from cloud.settings import LauncherKind, Settings
from cloud.testing.contract.probes import trainer
from integration.launch.programs import linux_only
from integration.serving.clouds import ENVIRON, TIMEOUT, RecordingLauncher

pytestmark = pytest.mark.asyncio(loop_scope="session")
ROOT = Path(package.__path__[0]).parent
ROUTE = "/v1/endpoints/7/deployedModels/8"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def local() -> AsyncIterator[LocalCloud]:
    async with LocalCloud(Settings(project="lab-project", launcher=LauncherKind.COLD)) as cloud:
        await cloud.backend.create_bucket("lab-bucket")
        yield cloud


@pytest_asyncio.fixture(loop_scope="session")
async def environ(local: LocalCloud) -> dict[str, str]:
    return ENVIRON | await local.owner_environ()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@asynccontextmanager
async def serving(launcher: RecordingLauncher, environ: dict[str, str]) -> AsyncIterator[tuple[Process, asyncio.Queue]]:
    lines: asyncio.Queue[str] = asyncio.Queue()
    command = Command("cloud.containers.serving", (), environ, ROOT, (ROOT,))
    process = await launcher.launch(command, lambda line: lines.put_nowait(line.text))
    try:
        yield process, lines
    finally:
        await process.stop(5)


async def line_with(lines: asyncio.Queue, text: str) -> str:
    async with asyncio.timeout(TIMEOUT):
        while text not in (line := await lines.get()):
            pass
    return line


async def test_a_model_in_a_bucket_is_served_by_the_platforms_variables(
    local: LocalCloud, environ: dict[str, str], launcher: RecordingLauncher, models: Path
) -> None:
    await local.backend.upload(models / "double", GsUri("lab-bucket", "model"))
    environ |= {
        "AIP_STORAGE_URI": "gs://lab-bucket/model",
        "AIP_HTTP_PORT": str(free_port()),
        "AIP_PREDICT_ROUTE": f"{ROUTE}:predict",
        "AIP_HEALTH_ROUTE": ROUTE,
    }
    async with serving(launcher, environ) as (process, lines), aiohttp.ClientSession() as session:
        await line_with(lines, "serving gs://lab-bucket/model")
        url = f"http://127.0.0.1:{environ['AIP_HTTP_PORT']}"

        async def predict(**request: Any) -> tuple[int, Any]:
            async with session.post(f"{url}{ROUTE}:predict", json=request) as response:
                return response.status, await response.json()

        async with session.get(url + ROUTE) as response:
            assert response.status == 200
        async with session.get(f"{url}/health") as response:
            assert response.status == 404
        instances = [{"x": 1.25, "y": 1.0}]
        assert await predict(instances=instances, parameters=None) == (200, {"predictions": [{"scaled": 3.5}]})
        named = {"signature_name": "serving_default"}
        assert await predict(instances=instances, parameters=named) == (200, {"predictions": [{"scaled": 3.5}]})
        status, body = await predict(instances=instances, parameters={"signature_name": "other"})
        assert (status, "other" in body["error"]) == (400, True)
        status, body = await predict(instances=[{"x": "no number", "y": 1.0}])
        assert (status, "x: " in body["error"]) == (400, True)
        async with session.post(f"{url}{ROUTE}:predict", data=b"{") as response:
            assert (response.status, "not JSON" in (await response.json())["error"]) == (400, True)
        assert (await process.stop(TIMEOUT)).ok


async def test_pending_requests_get_responses_before_it_exits(
    environ: dict[str, str], launcher: RecordingLauncher, models: Path
) -> None:
    environ |= {"AIP_STORAGE_URI": str(models / "zoo"), "AIP_HTTP_PORT": (port := str(free_port()))}
    body = b'{"signature_name": "slow", "instances": [200000]}'
    async with serving(launcher, environ) as (process, lines):
        await line_with(lines, "serving ")
        reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
        writer.write(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        ended = asyncio.create_task(process.stop(TIMEOUT))
        async with asyncio.timeout(TIMEOUT):
            response = await reader.read()
        assert response.endswith(b'{"predictions":[{"done":200000}]}')
        writer.close()
        assert (await ended).ok


@linux_only
async def test_the_health_check_fails_until_the_model_is_loaded(
    environ: dict[str, str], launcher: RecordingLauncher, tmp_path: Path
) -> None:
    slow, corrupt = tmp_path / "saved_model.pb", tmp_path / "corrupt"
    os.mkfifo(slow)  # a read of it does not end while a writer has it open
    corrupt.write_bytes(b"this is no protocol buffer")
    environ |= {"AIP_STORAGE_URI": str(tmp_path), "AIP_HTTP_PORT": (port := str(free_port()))}
    async with serving(launcher, environ) as (process, lines):
        await line_with(lines, "loading ")
        with await asyncio.to_thread(slow.open, "wb"):  # returns when the server opens it
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", int(port))
            corrupt.replace(slow)  # the server opens it again
        await line_with(lines, "error: ")
        assert (await process.wait()).code == 1


async def test_a_model_that_cannot_be_served_is_one_line_of_error(
    environ: dict[str, str], launcher: RecordingLauncher, models: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for given, error in (
            ({}, "AIP_STORAGE_URI: "),
            ({"AIP_STORAGE_URI": "gs://lab-bucket/nothing"}, "SavedModel format"),
            ({"AIP_STORAGE_URI": str(models / "double"), "AIP_HTTP_PORT": port}, f"{port}): address already in use"),
        ):
            async with serving(launcher, environ | given) as (process, lines):
                assert (await line_with(lines, error)).startswith("error: ")
                assert (await process.wait()).code == 1


async def train(environ: dict[str, str], *argv: str) -> asyncio.subprocess.Process:
    command = (sys.executable, "-m", "cloud.containers.training", *argv)
    return await asyncio.create_subprocess_exec(*command, env=environ, cwd=ROOT, stdout=PIPE, stderr=PIPE)


async def test_a_staged_package_is_trained(local: LocalCloud, environ: dict[str, str], tmp_path: Path) -> None:
    source = """
        import signal, sys, time
        print("ARGS", sys.argv[1:], flush=True)
        signal.sigwait([signal.SIGTERM]) if "wait" in sys.argv else sys.exit(3)
    """
    staged = str(await local.backend.stage_package(trainer(tmp_path, source), GsUri("lab-bucket", "staging")))
    ending = await train(environ, "--package", staged, "--module", "probe.task", "--", "--steps", "5")
    async with asyncio.timeout(TIMEOUT):
        out, error = await ending.communicate()
    assert ending.returncode == 3, error.decode()
    assert out.decode().splitlines()[-1] == "ARGS ['--steps', '5']"
    # A signal to the container reaches the trainer.
    waiting = await train(environ, "--package", staged, "--module", "probe.task", "--", "wait")
    assert waiting.stdout is not None
    async with asyncio.timeout(TIMEOUT):
        while not (await waiting.stdout.readline()).startswith(b"ARGS"):
            pass
        waiting.send_signal(signal.SIGTERM)
        assert await waiting.wait() in (0, -signal.SIGTERM)


async def test_a_package_that_cannot_be_downloaded_is_one_line_of_error(environ: dict[str, str]) -> None:
    lost = {"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere/key.json"}
    for uri, given, expected in (
        ("gs://lab-bucket/nothing.tar.gz", {}, "--package: gs://lab-bucket/nothing.tar.gz: "),
        ("gs://lab-bucket/nothing.tar.gz", lost, "error: --package: gs://lab-bucket/nothing.tar.gz: File /nowhere"),
        ("nothing.tar.gz", {}, "gs://bucket/object"),
    ):
        process = await train(environ | given, "--package", uri, "--module", "probe.task")
        async with asyncio.timeout(TIMEOUT):
            _, error = await process.communicate()
        assert process.returncode == 1
        assert expected in error.decode()
        assert "Traceback" not in error.decode()
