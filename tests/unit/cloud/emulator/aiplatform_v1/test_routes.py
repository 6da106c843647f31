import re

import pytest

from cloud.emulator.aiplatform_v1.addresses import HOSTS
from cloud.engine.principal import ANONYMOUS
from emulator_api.vertex_api import NUMBER, PARENT, custom_job, model


async def test_locations_are_the_regions_of_vertex_ai(api):
    found = (await api.send("GET", f"/v1/{PARENT}")).json
    assert found == {"name": PARENT, "locationId": "us-central1"}
    names, token = [], ""
    while True:
        page = (await api.send("GET", f"/v1/projects/my-project/locations?pageToken={token}")).json
        names += [location["locationId"] for location in page["locations"]]
        token = page.get("nextPageToken", "")
        if not token:
            break
    assert len(names) == len(set(names)) > 30
    assert "europe-west4" in names


@pytest.mark.parametrize(
    ("path", "host", "said"),
    [
        ("/v1/projects/my-project/locations/moon-base1/models", None, "moon-base1"),
        ("/v1/projects/my-project/locations/europe-west4/models", None, "ask europe-west4-aiplatform.googleapis.com"),
        ("/v1/projects/my-project/locations/us-central1/models?alt=proto", None, "JSON only"),
        ("/v1/projects/my-project/locations/us-central1/models?nothing=1", None, "nothing"),
    ],
)
async def test_a_request_in_the_wrong_place_is_refused(api, path, host, said):
    answer = await api.send("GET", path, host=host)
    assert (answer.status, said in answer.text) == (400, True)


@pytest.mark.parametrize(
    "host",
    [
        "us-central1-prediction-aiplatform.googleapis.com",
        "us-central1-aiplatform.mtls.googleapis.com",
        "aiplatform.us-central1.rep.googleapis.com",
    ],
)
async def test_regional_hosts_of_every_form(api, host):
    assert re.fullmatch(HOSTS, host)
    assert await api.ask("GET", "/models", host=host) == {}
    elsewhere = await api.send("GET", "/v1/projects/my-project/locations/europe-west4/models", host=host)
    assert (elsewhere.status, "ask europe-west4-aiplatform.googleapis.com" in elsewhere.text) == (400, True)


async def test_any_region_is_served_where_the_host_names_none(api):
    for host in ("aiplatform.googleapis.com", "127.0.0.1:8700", "localhost"):
        assert (await api.send("GET", f"/v1/projects/{NUMBER}/locations/europe-west4/models", host=host)).json == {}


@pytest.mark.parametrize(
    "path",
    [
        "/datasets",
        "/tensorboards/1/experiments",
        "/metadataStores/default",
        "/nasJobs",
        "/pipelineJobs",
        "/models/1/evaluations",
    ],
)
async def test_what_is_not_emulated_says_so(api, path):
    error = await api.refusal("GET", path)
    assert (error["code"], error["status"]) == (403, "PERMISSION_DENIED")
    assert error["details"][0]["reason"] == "METHOD_NOT_EMULATED"
    assert " is not emulated. " in error["message"]


async def test_who_shows_no_credential_is_asked_for_one(api):
    assert (await api.refusal("GET", "/models", principal=ANONYMOUS))["status"] == "UNAUTHENTICATED"


async def test_an_answer_is_cut_to_the_fields_asked_for(api):
    await api.ask("POST", "/models:upload", model())
    answer = await api.ask("GET", "/models?fields=models(displayName)&prettyPrint=false")
    assert answer == {"models": [{"displayName": "m"}]}


async def test_what_was_made_outlives_the_server(api):
    job = await api.ask("POST", "/customJobs", custom_job())
    await api.ask("POST", "/models:upload", model() | {"modelId": "m"})
    await api.emulated.close()
    api.restart()
    assert await api.ask("GET", job["name"].removeprefix(PARENT)) == job
    assert (await api.ask("GET", "/models/m"))["displayName"] == "m"
    # What is made later is listed before it.
    await api.ask("POST", "/models:upload", model("later"))
    assert [one["displayName"] for one in (await api.ask("GET", "/models"))["models"]] == ["later", "m"]
