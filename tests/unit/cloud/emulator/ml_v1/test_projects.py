"""The project as a whole, and what every answer has in common."""

import pytest

from cloud.emulator.ml_v1.tables import REGIONS
from emulator_api.ml_requests import training_job


async def test_the_configuration_is_laid_out_as_the_service_did(api):
    answer = await api.send("GET", "/v1/projects/my-project:getConfig")
    # In 2018 curl counted this many bytes for a customer number of 11 and a tenant number of 12 digits.
    assert len(answer.text) == 234
    assert answer.json == {
        "serviceAccount": "service-35462102002@cloud-ml.google.com.iam.gserviceaccount.com",
        "serviceAccountProject": "473645424018",
        "config": {"tpuServiceAccount": "service-473645424018@cloud-tpu.iam.gserviceaccount.com"},
    }


@pytest.mark.parametrize("query", ["prettyPrint=false", "%24prettyPrint=false", "pretty_print=false"])
async def test_pretty_printing_can_be_turned_off(api, query):
    assert "\n" not in (await api.send("GET", f"/v1/projects/my-project:getConfig?{query}")).text


async def test_fields_cut_an_answer_down(api):
    assert await api.ask("GET", ":getConfig?fields=config(tpuServiceAccount)&%24.xgafv=2&alt=json&key=k") == {
        "config": {"tpuServiceAccount": "service-473645424018@cloud-tpu.iam.gserviceaccount.com"}
    }
    assert (await api.refusal("GET", ":getConfig?fields=("))["code"] == 400
    assert (await api.refusal("GET", ":getConfig?alt=proto"))["code"] == 400


@pytest.mark.parametrize(
    "fields", ["(", "name,nope", "jobs(trainingInput/nope)", "trainingInput(scaleTier,nope)", "state/x"]
)
async def test_what_cannot_be_answered_is_not_done(api, fields):
    error = await api.refusal("POST", f"/jobs?fields={fields}", training_job())
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    assert api.backend.jobs == {}


@pytest.mark.parametrize(
    "fields", ["*", "jobId", "trainingInput/*", "labels/team,trainingInput(region,workerConfig/*/type)"]
)
async def test_any_field_that_there_is_may_be_asked_for(api, fields):
    await api.ask("POST", f"/jobs?fields={fields}", training_job())


async def test_locations(api):
    first = await api.ask("GET", "/locations?pageSize=5")
    rest = await api.ask("GET", f"/locations?pageToken={first['nextPageToken']}")
    names = [one["name"].rpartition("/")[2] for one in first["locations"] + rest["locations"]]
    assert names == list(REGIONS)
    assert await api.ask("GET", "/locations/us-central1") in first["locations"] + rest["locations"]
    assert (await api.refusal("GET", "/locations/mars"))["code"] == 404
    assert (await api.refusal("GET", "/locations/us-central1/operations/x"))["code"] == 404


@pytest.mark.parametrize(
    ("verb", "path", "code"),
    [
        ("GET", "", 404),
        ("DELETE", "/jobs/x", 404),
        ("POST", "/operations/x:wait", 404),
        ("DELETE", "/operations/x", 404),
        ("POST", "/models/m:rawPredict", 404),
        ("GET", "/operations/x", 404),
        ("GET", "/jobs/a%2Fb", 404),
        ("GET", "/jobs/%ff", 404),
        ("GET", "/jobs/%00", 404),
        ("GET", "/locations/us-central1/studies", 403),
    ],
)
async def test_what_is_no_method(api, verb, path, code):
    assert (await api.refusal(verb, path))["code"] == code
