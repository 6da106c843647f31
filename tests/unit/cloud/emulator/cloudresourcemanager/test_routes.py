import pytest

from cloud.emulator.cloudresourcemanager.routes import DOCUMENT, CloudResourceManagerV3
from cloud.emulator.rest.discovery import Discovery, load
from emulator_api.api_client import SOMEBODY, ApiClient
from emulator_api.backends import memory_backend

NUMBER = 35462102002


class Api(ApiClient):
    host = "cloudresourcemanager.googleapis.com"
    root = "/v3/projects/my-project"

    def restart(self) -> None:
        self.emulated = CloudResourceManagerV3("my-project", NUMBER)

    def document(self) -> Discovery:
        return load(DOCUMENT)


@pytest.fixture
def api(tmp_path):
    return Api(memory_backend(), tmp_path)


async def test_a_project_is_found_by_its_number_and_by_its_id(api):
    found = await api.ask("GET", "")
    assert (found["name"], found["projectId"], found["state"]) == (f"projects/{NUMBER}", "my-project", "ACTIVE")
    assert (await api.send("GET", f"/v3/projects/{NUMBER}")).json == found


async def test_an_owner_has_every_permission(api):
    wanted = {"permissions": ["aiplatform.customJobs.create"]}
    assert await api.ask("POST", ":testIamPermissions", wanted) == wanted
    assert await api.ask("POST", ":testIamPermissions", {}) == {}


async def test_others_and_other_projects_are_refused(api):
    assert (await api.refusal("GET", "", principal=SOMEBODY))["status"] == "PERMISSION_DENIED"
    assert (await api.send("GET", "/v3/projects/another")).status == 403
    assert (await api.refusal("DELETE", ""))["details"][0]["reason"] == "METHOD_NOT_EMULATED"
