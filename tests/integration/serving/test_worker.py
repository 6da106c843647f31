"""The worker and local prediction as programs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

import cloud as package
from cloud.engine.launch.client import Command, OutputLine, Process
from cloud.engine.serving import worker_folder
from integration.serving.clouds import ENVIRON, TIMEOUT, RecordingLauncher

pytestmark = pytest.mark.asyncio(loop_scope="session")
ROOT = Path(package.__path__[0]).parent


@asynccontextmanager
async def program(
    launcher: RecordingLauncher, module: str, *argv: str
) -> AsyncIterator[tuple[Process, "asyncio.Queue[OutputLine]"]]:
    lines: asyncio.Queue[OutputLine] = asyncio.Queue()
    process = await launcher.launch(Command(module, argv, ENVIRON, ROOT, (ROOT,)), lines.put_nowait)
    try:
        yield process, lines
    finally:
        await process.stop(5)


async def first_output(lines: "asyncio.Queue[OutputLine]") -> Any:
    async with asyncio.timeout(TIMEOUT):
        while (line := await lines.get()).stream != "stdout":
            pass
    return orjson.loads(line.text)


async def test_the_worker_speaks_http(launcher: RecordingLauncher, models: Path) -> None:
    private = worker_folder.create()
    socket = str(worker_folder.socket_in(private))
    argv = ("--model-dir", str(models / "double"), "--socket", socket)
    async with (
        program(launcher, "cloud.engine.serving.worker", *argv) as (process, lines),
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(socket)) as session,
    ):
        assert await first_output(lines) == {"ready": {}}

        async def call(verb: str, path: str, body: bytes = b"") -> tuple[int, Any]:
            async with session.request(verb, f"http://localhost{path}", data=body) as response:
                return response.status, await response.json()

        status, health = await call("GET", "/health")
        assert status == HTTPStatus.OK
        assert health["signatures"]["serving_default"] == {
            "inputs": {name: {"dtype": "float32", "shape": [None]} for name in ("x", "y")},
            "outputs": {"scaled": {"dtype": "float32", "shape": [None]}},
        }
        body = b'{"signature_name": "serving_default", "instances": [{"x": 1.25, "y": 1}]}'
        assert await call("POST", "/predict", body) == (HTTPStatus.OK, {"predictions": [{"scaled": 3.5}]})
        for body in (b"", b"{", b'{"instances": [{"x": NaN, "y": 1}]}', b"[]", b"{}", b'{"instances": []}'):
            status, response = await call("POST", "/predict", body)
            assert (status, list(response)) == (HTTPStatus.BAD_REQUEST, ["error"])
        status, response = await call("POST", "/predict", b'{"instances": [{"x": 1, "y": 1}], "signature_name": 7}')
        assert (status, response) == (HTTPStatus.BAD_REQUEST, {"error": "signature_name is not a string: 7"})
        assert (await call("GET", "/predict"))[0] == HTTPStatus.METHOD_NOT_ALLOWED
        assert (await call("POST", "/"))[0] == HTTPStatus.NOT_FOUND
        assert (await process.stop(5)).ok
    worker_folder.remove(private)


async def test_the_worker_reports_why_it_cannot_serve(
    launcher: RecordingLauncher, models: Path, tmp_path: Path
) -> None:
    for folder, reason in (
        (models / "silent", "at least one signature_def"),
        (tmp_path, "SavedModel format"),
        ("nowhere://model", "nowhere://model cannot be read: File system scheme 'nowhere' not implemented"),
    ):
        argv = ("--check", "--model-dir", str(folder))
        async with program(launcher, "cloud.engine.serving.worker", *argv) as (process, lines):
            assert reason in (await first_output(lines))["failed"]
            assert (await process.wait()).code == 1


async def predict_locally(launcher: RecordingLauncher, *argv: str) -> tuple[int | None, list[str], list[str]]:
    """Exit status, and lines of standard output and standard error."""
    async with program(launcher, "cloud.local_predict", *argv) as (process, lines):
        status = await process.wait()
    written = [lines.get_nowait() for _ in range(lines.qsize())]
    out, err = ([line.text for line in written if line.stream == stream] for stream in ("stdout", "stderr"))
    return status.code, out, err


async def test_local_prediction(launcher: RecordingLauncher, models: Path, tmp_path: Path) -> None:
    instances = tmp_path / "instances.json"
    instances.write_text('{"x": 1, "y": 0.1}\n{"y": 2, "x": 10}\n')

    async def predict(model: str, *more: str) -> tuple[int | None, list[str], list[str]]:
        return await predict_locally(
            launcher, "--model-dir", str(models / model), "--json-instances", str(instances), *more
        )

    (code, out, _), (single_code, single_out, single_err), (wrong_code, wrong_out, wrong_err) = await asyncio.gather(
        predict("double"), predict("only_predict"), predict("double", "--signature-name", "other")
    )
    assert (code, out) == (0, ["SCALED", "2.0999999046325684", "22.0"])
    assert (single_code, single_out) == (0, ["SCALED", "3.0999999046325684", "32.0"])
    assert "The model has no signature serving_default: using its only one, predict." in single_err
    assert (wrong_code, wrong_out) == (1, [])
    assert "ERROR: (cloud.local_predict) No signature found for signature key other." in wrong_err
