import pytest

from cloud.emulator.cloudresourcemanager.routes import (
    DOCUMENT,
    DOCUMENT_V1,
    CloudResourceManagerV1,
    CloudResourceManagerV3,
)
from cloud.engine.principal import ANONYMOUS
from cloud.engine.project.identities import project_number
from emulator_api.api_client import OWNER, SOMEBODY
from emulator_api.backends import memory_backend
from emulator_api.project_api import ProjectApi

NUMBER = project_number("my-project")
AGENT = f"serviceAccount:service-{NUMBER}@cloud-ml.google.com.iam.gserviceaccount.com"


class Api(ProjectApi):
    DOCUMENT, host = DOCUMENT, "cloudresourcemanager.googleapis.com"
    version = 3
    root = "/v3/projects/my-project"

    def restart(self) -> None:
        super().restart()
        self.emulated = CloudResourceManagerV3(self.access)


class ApiV1(Api):
    DOCUMENT = DOCUMENT_V1
    root = "/v1/projects/my-project"

    def restart(self) -> None:
        super().restart()
        self.emulated = CloudResourceManagerV1(self.access)


@pytest.fixture(params=[Api, ApiV1], ids=["v3", "v1"])
async def api(request, tmp_path):
    made = request.param(memory_backend(), tmp_path)
    yield made
    await made.close()


@pytest.fixture
async def v3(tmp_path):
    made = Api(memory_backend(), tmp_path)
    yield made
    await made.close()


@pytest.fixture
async def v1(tmp_path):
    made = ApiV1(memory_backend(), tmp_path)
    yield made
    await made.close()


async def test_a_project_is_found_by_its_number_and_by_its_id(api):
    found = await api.ask("GET", "")
    assert found["projectId"] == "my-project"
    assert found.get("projectNumber", found["name"]) in (str(NUMBER), f"projects/{NUMBER}")
    assert found.get("state", found.get("lifecycleState")) == "ACTIVE"
    assert (await api.send("GET", f"{api.root.rpartition('/')[0]}/{NUMBER}")).json == found


async def test_projects_are_listed_as_gcloud_lists_them(v1):
    found = await v1.ask("GET", "")
    for wanted, answer in (("lifecycleState:ACTIVE", [found]), ("lifecycleState:DELETE_REQUESTED", [])):
        listed = await v1.send("GET", f"/v1/projects?filter={wanted}&pageSize=500")
        assert listed.json.get("projects", []) == answer
    for wanted, answer in (("id:my-project", [found]), ("projectId=my-project", [found]), ("id:another", [])):
        # gcloud sends its user's project_id and projectId as id.
        assert (await v1.send("GET", f"/v1/projects?filter={wanted}")).json.get("projects", []) == answer
    assert (await v1.send("GET", "/v1/projects", principal=SOMEBODY)).json == {}


async def test_projects_are_searched(v3):
    found = await v3.ask("GET", "")
    for query, answer in (("", [found]), ("projectId:my-project", [found]), ("projectId:another", [])):
        assert (await v3.send("GET", f"/v3/projects:search?query={query}")).json.get("projects", []) == answer
    assert (await v3.send("GET", "/v3/projects?parent=organizations/1")).status == 403


async def test_a_project_has_no_organization(v1):
    answer = await v1.ask("POST", ":getAncestry", {})
    assert answer == {"ancestor": [{"resourceId": {"type": "project", "id": "my-project"}}]}


async def test_an_owner_has_every_permission(api):
    wanted = {"permissions": ["aiplatform.customJobs.create", "compute.instances.get"]}
    assert await api.ask("POST", ":testIamPermissions", wanted) == wanted
    assert await api.ask("POST", ":testIamPermissions", {}) == {}


async def test_permissions_that_are_none_are_refused(api):
    refused = await api.refusal("POST", ":testIamPermissions", {"permissions": ["storage.*"]})
    assert (refused["status"], "storage.* is not valid" in refused["message"]) == ("INVALID_ARGUMENT", True)


async def test_others_and_other_projects_are_refused(api):
    refused = await api.refusal("GET", "", principal=SOMEBODY)
    assert refused["status"] == "PERMISSION_DENIED"
    for part in (
        "'//cloudresourcemanager.googleapis.com/projects/my-project'",
        "somebody@example.com does not have resourcemanager.projects.get",
        "gcloud projects add-iam-policy-binding my-project --member=user:somebody@example.com --role=roles/",
    ):
        assert part in refused["message"]
    [detail] = refused["details"]
    assert (detail["reason"], detail["domain"]) == ("IAM_PERMISSION_DENIED", "cloudresourcemanager.googleapis.com")
    assert detail["metadata"] == {
        "permission": "resourcemanager.projects.get",
        "resource": "projects/my-project",
    }
    assert (await api.send("GET", f"{api.root.rpartition('/')[0]}/another")).status == 403
    assert (await api.send("GET", api.root, principal=ANONYMOUS)).status == 401
    assert (await api.refusal("DELETE", ""))["details"][0]["reason"] == "METHOD_NOT_EMULATED"


async def test_the_policy_is_googles_and_what_is_set_holds(api):
    policy = await api.ask("POST", ":getIamPolicy", {"options": {"requestedPolicyVersion": 3}})
    assert {"role": "roles/ml.serviceAgent", "members": [AGENT]} in policy["bindings"]
    assert {"role": "roles/owner", "members": [f"user:{OWNER.email}"]} in policy["bindings"]
    member = f"user:{SOMEBODY.email}"
    policy["bindings"].append({"role": "roles/viewer", "members": [member]})
    written = await api.ask("POST", ":setIamPolicy", {"policy": {**policy, "version": 3}})
    assert written["etag"] != policy["etag"]
    assert {"role": "roles/viewer", "members": [member]} in written["bindings"]
    assert (await api.send("GET", api.root, principal=SOMEBODY)).status == 200
    assert (await api.refusal("POST", ":setIamPolicy", {"policy": policy}))["status"] == "ABORTED"
    await api.close()
    api.restart()
    assert await api.ask("POST", ":getIamPolicy", {}) == written
    mine = {"permissions": ["ml.jobs.create", "ml.jobs.get"]}
    answer = await api.send("POST", f"{api.root}:testIamPermissions", mine, principal=SOMEBODY)
    assert answer.json == {"permissions": ["ml.jobs.get"]}


@pytest.mark.parametrize(
    ("bindings", "words"),
    [
        ([], "roles/owner"),
        ([{"role": "roles/viewer", "members": ["user:me@example.com"]}], "SOLO_REQUIRE_TOS_ACCEPTOR"),
        ([{"role": "viewer", "members": ["user:me@example.com"]}], "'viewer' is not supported"),
        ([{"role": "projects/my-project/roles/mine", "members": ["user:me@example.com"]}], "does not exist"),
        ([{"role": "roles/viewer", "members": ["me@example.com"]}], "'me@example.com' is of an unknown type"),
        ([{"role": "roles/viewer", "members": ["user:a@p.iam.gserviceaccount.com"]}], '"serviceAccount"'),
        ([{"role": "roles/viewer", "members": ["serviceAccount:a@my-project.iam.gserviceaccount.com"]}], "not exist"),
        ([{"role": "roles/viewer", "members": ["allUsers"]}], "allUsers"),
    ],
)
async def test_a_policy_that_google_would_refuse(api, bindings, words):
    before = await api.ask("POST", ":getIamPolicy", {})
    refused = await api.refusal("POST", ":setIamPolicy", {"policy": {"bindings": bindings}})
    assert (refused["status"], words in refused["message"]) == ("INVALID_ARGUMENT", True), refused["message"]
    assert await api.ask("POST", ":getIamPolicy", {}) == before


async def test_an_update_mask_leaves_the_rest(api):
    before = await api.ask("POST", ":getIamPolicy", {})
    logs = [{"service": "allServices", "auditLogConfigs": [{"logType": "DATA_READ"}]}]
    body = {"policy": {"auditConfigs": logs, "etag": before["etag"]}, "updateMask": "auditConfigs,etag"}
    written = await api.ask("POST", ":setIamPolicy", body)
    assert (written["auditConfigs"], written["bindings"]) == (logs, before["bindings"])
    assert (await api.refusal("POST", ":setIamPolicy", {**body, "updateMask": "nothing"}))["status"]
