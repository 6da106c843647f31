"""What ``gcloud config set compute/region`` and ``gcloud compute regions`` send."""

import pytest

from cloud.emulator.compute_v1.routes import ComputeRegions
from cloud.emulator.ml_v1.tables import REGIONS
from emulator_api.api_client import SOMEBODY
from emulator_api.backends import memory_backend
from emulator_api.project_api import ProjectApi


class Api(ProjectApi):
    DOCUMENT, host = "compute.v1", "compute.googleapis.com"
    root = "/compute/v1/projects/my-project/regions"

    def restart(self) -> None:
        super().restart()
        self.emulated = ComputeRegions(self.access, REGIONS)


@pytest.fixture
async def api(tmp_path):
    made = Api(memory_backend(), tmp_path)
    yield made
    await made.close()


async def test_the_regions_are_those_where_jobs_run(api):
    listed = (await api.ask("GET", "?maxResults=500", check=False))["items"]
    assert [each["name"] for each in listed] == sorted(REGIONS)
    assert await api.ask("GET", "/us-central1", check=False) in listed


async def test_another_region_is_not_found(api):
    assert (await api.send("GET", f"{api.root}/us-central")).status == 404


async def test_only_the_projects_own_accounts_see_them(api):
    assert (await api.send("GET", api.root, principal=SOMEBODY)).status == 403
    assert (await api.send("GET", "/compute/v1/projects/another/regions")).status == 403
