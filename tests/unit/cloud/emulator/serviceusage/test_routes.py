"""What ``gcloud services enable`` and ``list`` send, and what they get."""

import pytest

from cloud.emulator.rest.discovery import Discovery, load
from cloud.emulator.serviceusage.routes import ServiceUsageV1
from emulator_api.api_client import SOMEBODY, ApiClient
from emulator_api.backends import memory_backend

NUMBER = 35462102002
DONE = "operations/noop.DONE_OPERATION"


class Api(ApiClient):
    host = "serviceusage.googleapis.com"
    root = "/v1/projects/my-project/services"

    def restart(self) -> None:
        self.emulated = ServiceUsageV1("my-project", NUMBER)

    def document(self) -> Discovery:
        return load(ServiceUsageV1.DOCUMENT)


@pytest.fixture
def api(tmp_path):
    return Api(memory_backend(), tmp_path)


async def test_enabling_what_is_emulated_is_a_finished_operation(api):
    done = await api.ask("POST", "/ml.googleapis.com:enable", {})
    assert (done["name"], done["done"]) == (DONE, True)
    assert done["response"]["service"]["state"] == "ENABLED"
    both = await api.ask(
        "POST", ":batchEnable", {"serviceIds": ["ml.googleapis.com", "storage-component.googleapis.com"]}
    )
    assert [each["config"]["name"] for each in both["response"]["services"]] == [
        "ml.googleapis.com",
        "storage-component.googleapis.com",
    ]
    assert (await api.send("GET", f"/v1/{DONE}")).json["done"] is True


async def test_enabling_another_one_says_that_it_is_not_emulated(api):
    refusal = await api.refusal("POST", "/bigquery.googleapis.com:enable", {})
    assert refusal["status"] == "FAILED_PRECONDITION"
    assert refusal["message"].startswith("bigquery.googleapis.com is not emulated here")
    several = {"serviceIds": ["compute.googleapis.com", "ml.googleapis.com", "pubsub.googleapis.com"]}
    message = (await api.refusal("POST", ":batchEnable", several))["message"]
    assert message.startswith("compute.googleapis.com, pubsub.googleapis.com are not emulated here")


async def test_the_enabled_services_are_those_that_are_emulated(api):
    listed = (await api.ask("GET", "?filter=state:ENABLED&pageSize=200"))["services"]
    assert "aiplatform.googleapis.com" in [each["config"]["name"] for each in listed]
    assert {each["state"] for each in listed} == {"ENABLED"}
    assert listed == (await api.ask("GET", ""))["services"]
    assert await api.ask("GET", "?filter=state:DISABLED") == {}
    first = await api.ask("GET", "?pageSize=3")
    rest = await api.ask("GET", f"?pageSize=200&pageToken={first['nextPageToken']}")
    assert first["services"] + rest["services"] == listed


async def test_a_service_is_enabled_or_disabled(api):
    assert (await api.ask("GET", "/storage.googleapis.com"))["state"] == "ENABLED"
    found = await api.ask("GET", "/pubsub.googleapis.com")
    assert (found["name"], found["state"]) == (f"projects/{NUMBER}/services/pubsub.googleapis.com", "DISABLED")
    names = "&".join(f"names=projects/my-project/services/{each}.googleapis.com" for each in ("ml", "pubsub"))
    both = (await api.ask("GET", f":batchGet?{names}"))["services"]
    assert [each["state"] for each in both] == ["ENABLED", "DISABLED"]


@pytest.mark.parametrize("names", [[], [f"s{number}.googleapis.com" for number in range(21)]], ids=["none", "many"])
async def test_a_wrong_number_of_services_is_refused(api, names):
    refusal = await api.refusal("POST", ":batchEnable", {"serviceIds": names})
    assert refusal["details"][0]["fieldViolations"][0]["field"] == "service_ids"


async def test_another_caller_and_another_project_are_refused(api):
    assert (await api.refusal("GET", "", principal=SOMEBODY))["status"] == "PERMISSION_DENIED"
    assert (await api.send("GET", "/v1/projects/another/services")).status == 403
    assert (await api.send("GET", "/v1/operations/another")).status == 403
    refusal = await api.refusal("POST", "/ml.googleapis.com:disable", {})
    assert refusal["details"][0]["reason"] == "METHOD_NOT_EMULATED"
