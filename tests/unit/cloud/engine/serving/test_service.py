import asyncio
from pathlib import Path

import pytest

from cloud.engine.serving import service
from cloud.engine.serving.service import ServingService
from cloud.errors import DeadlineExceeded, FailedPrecondition, NotFound
from cloud.lifecycle import VersionState
from cloud.names import GsUri
from cloud.resources import VersionSpec
from full_disk import files_of_at_most


class NoProcesses:
    """A launcher that starts nothing; ``launch`` raises after the event ``fail``."""

    def __init__(self) -> None:
        self.fail = asyncio.Event()

    async def launch(self, *_: object) -> None:
        await self.fail.wait()
        raise FailedPrecondition("no more processes")


async def fetch(_: VersionSpec, folder: Path) -> None:
    (folder / "saved_model.pb").touch()


async def test_on_a_full_disk_a_versions_state_is_recorded_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_RETRY_INTERVAL", 0.01)
    launcher = NoProcesses()
    serving = ServingService(
        state_dir=tmp_path,
        launcher=launcher,  # type: ignore[arg-type]
        fetch=fetch,
        environ={},
        region="us-east1",
    )
    await serving.start()
    await serving.create_model("m")
    await serving.create_version(VersionSpec("m", "v", GsUri("bucket", "model")))
    with files_of_at_most(1):
        launcher.fail.set()
        with pytest.raises(DeadlineExceeded, match="still CREATING"):
            await serving.wait_for_version("m", "v", timeout=0.05)
    version = await serving.wait_for_version("m", "v", timeout=10)
    assert version.state is VersionState.FAILED
    assert "no more processes" in version.error_message
    await serving.close()


async def test_the_error_says_why_there_is_no_model(tmp_path: Path) -> None:
    async def no_bucket(*_: object) -> None:
        raise NotFound("The specified bucket does not exist: 'buket'")

    serving = ServingService(
        state_dir=tmp_path,
        launcher=NoProcesses(),  # type: ignore[arg-type]
        fetch=no_bucket,
        environ={},
        region="us-east1",
    )
    await serving.start()
    await serving.create_model("m")
    with pytest.raises(FailedPrecondition, match=r"SavedModel. \(The specified bucket does not exist: 'buket'"):
        await serving.create_version(VersionSpec("m", "v", GsUri("buket", "model")))
    assert await serving.list_versions("m") == []
    await serving.close()
