"""A SavedModel of more than two gigabytes: sizes and places that do not fit 31 bits."""

import os
import re
import shutil
from pathlib import Path

import pytest

from cloud.lifecycle import VersionState
from cloud.resources import VersionSpec
from integration.serving.clouds import Cloud, RecordingLauncher, deploy
from integration.serving.conftest import make_models

pytestmark = pytest.mark.asyncio(loop_scope="session")
LAST_ROW = 2**19


def has_room() -> bool:
    """Whether six gigabytes are free; told where Linux tells it."""
    told = Path("/proc/meminfo")
    free = re.search(r"^MemAvailable: *(\d+) kB$", told.read_text(), re.MULTILINE) if told.exists() else None
    return free is None or int(free[1]) > 6 * 2**20


class LinkingCloud(Cloud):
    async def fetch(self, spec: VersionSpec, destination: Path) -> None:
        # A copy would fill the holes of the file with zeros.
        shutil.copytree(self.models / spec.deployment_uri.path, destination, copy_function=os.link, dirs_exist_ok=True)


@pytest.mark.skipif(not has_room(), reason="its worker needs three gigabytes of memory, twice for a moment")
async def test_it_is_served(
    launcher: RecordingLauncher, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    models = await make_models("large", launcher, tmp_path_factory.mktemp("large"))
    data = models / "large" / "variables" / "variables.data-00000-of-00001"
    assert data.stat().st_size > 2**31 > 1000 * data.stat().st_blocks * 512
    async with LinkingCloud(tmp_path / "state", launcher, models).service() as service:
        version = await deploy(service, "large", "v1", "large")
        assert (version.state, version.error_message) == (VersionState.READY, "")
        predictions = await service.predict("large", [0, LAST_ROW])
        assert predictions == [{"y": 0.0}, {"y": 3072.0}]
