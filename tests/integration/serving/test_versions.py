"""Creation, deletion and failures of models and versions, with real worker processes."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import cloud as package
from cloud.engine.launch.client import Command
from cloud.engine.serving import worker_folder
from cloud.engine.serving.process import ModelServer
from cloud.errors import AlreadyExists, DeadlineExceeded, FailedPrecondition, InvalidArgument, Unavailable
from cloud.lifecycle import VersionState
from cloud.names import GsUri
from cloud.resources import VersionSpec
from integration.launch.programs import parent_of
from integration.serving.clouds import ENVIRON, TIMEOUT, Cloud, RecordingLauncher, deploy

pytestmark = pytest.mark.asyncio(loop_scope="session")
TESTS = Path(__file__).parents[2]
ROOT = Path(package.__path__[0]).parent


async def test_two_models_with_two_versions_each(cloud: Cloud) -> None:
    async with cloud.service() as service:
        await service.create_model("a")
        await service.create_model("b", description="the other")
        with pytest.raises(FailedPrecondition, match="no default version"):
            await service.predict("a", [1])
        await asyncio.gather(deploy(service, "a", "v1", "double"), deploy(service, "b", "v1", "triple"))
        await asyncio.gather(deploy(service, "a", "v2", "triple"), deploy(service, "b", "v2", "double"))

        async def predict(model: str, version: str | None) -> float:
            (row,) = await service.predict(model, [{"x": 1, "y": 0}], version=version)
            return float(row["scaled"])

        versions = (("a", "v1"), ("a", "v2"), ("b", "v1"), ("b", "v2"))
        assert await asyncio.gather(*(predict(*version) for version in versions)) == [2, 3, 3, 2]
        assert await asyncio.gather(predict("a", None), predict("b", None)) == [2, 3]
        assert (await service.set_default_version("a", "v2")).is_default
        assert await predict("a", None) == 3
        assert [(version.name, version.is_default) for version in await service.list_versions("a")] == [
            ("v1", False),
            ("v2", True),
        ]
        with pytest.raises(FailedPrecondition, match="default"):
            await service.delete_version("a", "v2")
        with pytest.raises(FailedPrecondition, match=r"^A model with versions cannot be deleted\."):
            await service.delete_model("a")
        with pytest.raises(AlreadyExists, match=r"A version with the same name already exists\."):
            await service.create_version(VersionSpec("a", "v1", GsUri("bucket", "double")))
        await service.delete_version("a", "v1")
        await service.delete_version("a", "v2")
        await service.delete_model("a")
        assert [model.name for model in await service.list_models()] == ["b"]
        assert len(list((cloud.state_dir / "versions").iterdir())) == 2
    for process in cloud.launcher.started[-4:]:
        await asyncio.wait_for(process.wait(), TIMEOUT)


async def test_models_that_cannot_be_served(cloud: Cloud) -> None:
    async with cloud.service() as service:
        corrupt, silent = await asyncio.gather(
            deploy(service, "corrupt", "v1", "corrupt"), deploy(service, "silent", "v1", "silent")
        )
        assert (corrupt.state, silent.state) == (VersionState.FAILED, VersionState.FAILED)
        assert corrupt.error_message.startswith(
            'Create Version failed. Bad model detected with error: "Failed to load model: '
            "Failed to load the model due to bad model data. tags: ['serve']"
        )
        assert corrupt.error_message.endswith('(Error code: 0)"')
        assert "MetaGraph must have at least one signature_def." in silent.error_message
        with pytest.raises(FailedPrecondition, match="Online prediction is unavailable"):
            await service.predict("corrupt", [1])
        with pytest.raises(FailedPrecondition, match="READY"):
            await service.set_default_version("corrupt", "v1")
        for folder in ("", "nothing/there"):
            with pytest.raises(FailedPrecondition, match="expected to contain exactly one of thefollowing"):
                await service.create_version(VersionSpec("silent", "v2", GsUri("bucket", folder)))
        with pytest.raises(InvalidArgument, match="not a pattern"):
            await service.create_version(VersionSpec("silent", "v2", GsUri("bucket", "exp*/")))
        assert [version.name for version in await service.list_versions("silent")] == ["v1"]
        await service.delete_version("corrupt", "v1")
        assert (await service.get_model("corrupt")).default_version is None
        assert len(list((cloud.state_dir / "versions").iterdir())) == 1


async def test_a_restart_with_the_same_state(cloud: Cloud) -> None:
    async with cloud.service() as first:
        await deploy(first, "model", "v1", "double")
        await first.create_version(VersionSpec("model", "v2", GsUri("bucket", "triple")))
        with pytest.raises(DeadlineExceeded, match="CREATING"):
            await first.wait_for_version("model", "v2", timeout=0)
        with pytest.raises(FailedPrecondition, match="CREATING"):
            await first.delete_version("model", "v2")

    async with cloud.service() as second:
        assert await second.predict("model", [{"x": 1, "y": 0}]) == [{"scaled": 2.0}]
        interrupted = await second.wait_for_version("model", "v2")
        assert interrupted.state is VersionState.FAILED
        assert "stopped" in interrupted.error_message


async def test_a_version_whose_files_are_damaged_after_it_was_ready(cloud: Cloud) -> None:
    async with cloud.service() as first:
        await deploy(first, "model", "v1", "double")
    for file in (cloud.state_dir / "versions").rglob("variables.*"):
        file.write_bytes(b"damaged")
    async with cloud.service() as second:
        with pytest.raises(FailedPrecondition, match="bad model data"):
            await second.predict("model", [{"x": 1, "y": 0}])
        assert (await second.get_version("model", "v1")).state is VersionState.FAILED
        with pytest.raises(FailedPrecondition, match="Online prediction is unavailable"):
            await second.predict("model", [{"x": 1, "y": 0}])


async def test_of_concurrent_versions_with_one_name_only_one_is_created(cloud: Cloud) -> None:
    async with cloud.service() as service:
        await service.create_model("model")
        spec = VersionSpec("model", "v1", GsUri("bucket", "double"))
        outcomes = await asyncio.gather(*(service.create_version(spec) for _ in range(3)), return_exceptions=True)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["AlreadyExists", "AlreadyExists", "Version"]
        assert (await service.wait_for_version("model", "v1", timeout=TIMEOUT)).state is VersionState.READY


# -------------------------------------------------------------------- failures


async def test_a_worker_that_is_killed_under_load(cloud: Cloud) -> None:
    async with cloud.service() as service:
        await deploy(service, "model", "v1", "double")
        worker = cloud.launcher.started[-1]
        responses = 0

        async def send_requests(client: int) -> None:
            nonlocal responses
            for number in range(60):
                predictions = await service.predict("model", [{"x": client, "y": number}])
                assert predictions == [{"scaled": 2.0 * client + number}]
                responses += 1
                if responses == 100:
                    os.kill(worker.pid, signal.SIGKILL)

        async with asyncio.timeout(TIMEOUT):
            await asyncio.gather(*map(send_requests, range(8)))
        assert responses == 480
        assert (await worker.wait()).signal == signal.SIGKILL
        assert cloud.launcher.started[-1] is not worker


def mortal_server(launcher: RecordingLauncher, folder: Path, idle_limit: float = 0.0) -> ModelServer:
    @asynccontextmanager
    async def command(private: Path) -> AsyncIterator[Command]:
        socket = str(worker_folder.socket_in(private))
        yield Command("integration.serving.mortal_worker", (socket,), ENVIRON, folder, (TESTS, ROOT))

    return ModelServer(launcher, command, idle_limit=idle_limit)


async def test_a_worker_that_nobody_asks_sleeps_until_the_next_request(
    launcher: RecordingLauncher, tmp_path: Path
) -> None:
    server = mortal_server(launcher, tmp_path, idle_limit=0.3)
    async with asyncio.timeout(TIMEOUT):
        assert await server.predict([99], None) == [{"double": 198}]  # it takes longer than the limit
        worker, started = launcher.started[-1], len(launcher.started)
        await worker.wait()
        await asyncio.sleep(0)
        assert len(launcher.started) == started, "it is not replaced"
        assert await server.predict([2], None) == [{"double": 4}]
        assert len(launcher.started) == started + 1
    await server.close()


async def test_a_request_that_kills_the_worker_fails_alone(launcher: RecordingLauncher, tmp_path: Path) -> None:
    server = mortal_server(launcher, tmp_path)

    async def predict(number: int) -> object:
        try:
            return await server.predict([number], None)
        except Unavailable as error:
            return "died twice on this request" in error.message

    async with asyncio.timeout(TIMEOUT):
        for _ in range(2):
            outcomes = await asyncio.gather(*map(predict, range(16)))
            assert outcomes == [number == 13 or [{"double": 2 * number}] for number in range(16)]
    await server.close()


async def test_a_worker_that_hangs_is_replaced(cloud: Cloud) -> None:
    async with cloud.service(time_limit=1.0) as service:
        await deploy(service, "model", "v1", "zoo")
        hanging = cloud.launcher.started[-1]
        with pytest.raises(Unavailable, match="sent no response for 1 s and is replaced"):
            await service.predict("model", [-1.0], signature_name="spin")
        assert await service.predict("model", [1.0], signature_name="spin") == [{"x": 1.0}]
        assert (await hanging.wait()).signal == signal.SIGKILL


async def test_a_worker_that_is_stopped_is_replaced_and_no_other_version_waits(cloud: Cloud) -> None:
    async with cloud.service(time_limit=1.0) as service:
        await deploy(service, "model", "v1", "double")
        stopped = cloud.launcher.started[-1]
        await deploy(service, "other", "v1", "double")
        # Its supervisor first, which could let it go on.
        for pid in (parent_of(stopped.pid), stopped.pid):
            os.kill(pid, signal.SIGSTOP)
        waiting = [asyncio.create_task(service.predict("model", [{"x": 1.0, "y": 1}])) for _ in range(200)]
        assert await service.predict("other", [{"x": 1.0, "y": 1}]) == [{"scaled": 3.0}]
        assert not any(request.done() for request in waiting)
        async with asyncio.timeout(TIMEOUT):
            outcomes = await asyncio.gather(*waiting, return_exceptions=True)
            assert {type(outcome) for outcome in outcomes} <= {Unavailable, list}
            assert await service.predict("model", [{"x": 1.0, "y": 1}]) == [{"scaled": 3.0}]
    assert (await stopped.wait()).signal is not None


async def test_deleting_a_version_fails_its_pending_requests(cloud: Cloud) -> None:
    async with cloud.service() as service:
        await deploy(service, "model", "v1", "zoo")
        pending = asyncio.create_task(service.predict("model", [-1.0], signature_name="spin"))
        done, _ = await asyncio.wait({pending}, timeout=0.3)
        assert not done
        await service.delete_version("model", "v1")
        with pytest.raises(Unavailable, match="is being stopped"):
            await pending
        assert await service.list_versions("model") == []
