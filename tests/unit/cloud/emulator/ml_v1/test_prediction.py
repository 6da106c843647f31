import json

import pytest

from cloud.emulator.ml_v1.prediction import MAX_PAYLOAD
from cloud.lifecycle import VersionEvent
from emulator_api.ml_requests import version

REGIONAL = "us-central1-ml.googleapis.com"
PREDICT = "/models/m:predict"


async def deploy(api, host="ml.googleapis.com", **given):
    await api.ask("POST", "/models", {"name": "m"})
    operation = await api.ask("POST", "/models/m/versions", version(**given), host=host)
    await api.backend.wait_for_version("m", "v1")
    return operation


async def test_an_answer_is_an_object_for_each_instance(api):
    await deploy(api)
    answer = await api.send("POST", f"/v1/projects/my-project{PREDICT}", {"instances": [1, 2.5]})
    assert answer.json == {"predictions": [{"double": 2.0}, {"double": 5.0}]}
    assert "\n" not in answer.text  # the model server's own text: it is not laid out as other answers are
    assert await api.ask("POST", "/models/m/versions/v1:predict", {"instances": [1], "signature_name": "s"})
    assert [asked.signature_name for asked in api.backend.predictions] == [None, "s"]


async def test_a_failed_prediction_is_a_string_with_status_200(api):
    await deploy(api)
    answer = await api.ask("POST", PREDICT, {"instances": ["x"]})
    assert answer == {"error": "Prediction failed: Error processing input: not a number"}


async def test_on_a_machine_of_a_regional_endpoint_the_body_is_tensorflow_servings_and_failures_are_400(api):
    await deploy(api, host=REGIONAL)
    (version,) = api.backend.versions.values()
    assert version.spec.serving_stack == "TENSORFLOW_SERVING"
    assert await api.ask("POST", PREDICT, {"instances": [1, 2]}) == {"predictions": [2.0, 4.0]}
    answer = await api.send("POST", f"/v1/projects/my-project{PREDICT}", {"instances": ["x"]})
    assert (answer.status, answer.json) == (400, {"error": "Error processing input: not a number"})
    answer = await api.send("POST", f"/v1/projects/my-project{PREDICT}", b'{"inputs": [1]}')
    assert (answer.status, list(answer.json)) == (400, ["error"])  # the server's own refusal, in its own form


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"instances": {}}', b'{"instances": []}', b'{"instances": [1], "signature_name": 1}', b"\xff"],
)
async def test_what_is_no_request_is_400_in_the_common_form(api, body):
    await deploy(api)
    assert (await api.refusal("POST", PREDICT, body))["status"] == "INVALID_ARGUMENT"


async def test_the_payload_has_a_limit(api):
    await deploy(api)
    room = MAX_PAYLOAD - len(json.dumps({"instances": [""]}))
    assert "error" in await api.ask("POST", PREDICT, {"instances": ["x" * room]})
    error = await api.refusal("POST", PREDICT, {"instances": ["x" * (room + 1)]})
    assert error["message"] == "Request payload size exceeds the limit: 1572864 bytes."


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/models/none:predict", 404),
        ("/models/m/versions/none:predict", 404),
        (":predict", 404),
        ("/jobs/x:predict", 404),
    ],
)
async def test_what_is_not_there(api, path, code):
    await deploy(api)
    assert (await api.refusal("POST", path, {"instances": [1]}))["code"] == code


async def test_a_model_without_versions_and_a_failed_version_are_preconditions(api):
    await api.ask("POST", "/models", {"name": "m"})
    assert (await api.refusal("POST", PREDICT, {"instances": [1]}))["status"] == "FAILED_PRECONDITION"
    await api.ask("POST", "/models/m/versions", version())
    await api.backend.settle("m", "v1", VersionEvent.FAILED)
    assert (await api.refusal("POST", PREDICT, {"instances": [1]}))["status"] == "FAILED_PRECONDITION"


async def test_explanations_are_refused_with_the_reason(api):
    await deploy(api)
    error = await api.refusal("POST", "/models/m:explain", {"instances": [1]})
    assert (error["code"], "without an explanationConfig" in error["message"]) == (400, True)
    attribution = {"explanationConfig": {"sampledShapleyAttribution": {"numPaths": 10}}}
    await api.ask("POST", "/models/m/versions", version("v2", **attribution))
    assert "not computed here" in (await api.refusal("POST", "/models/m/versions/v2:explain", {}))["message"]
    assert (await api.refusal("POST", "/models/none:explain", {}))["code"] == 404
