import pytest

from cloud.lifecycle import VersionEvent
from emulator_api.vertex_api import PARENT, custom_job, deployment, model

BETA = "/v1beta1/projects/my-project/locations/us-central1"
ROOT = "type.googleapis.com/google.cloud.aiplatform"


async def asked(api, verb, path, body=b""):
    answer = await api.send(verb, path, body)
    assert answer.status == 200, answer.text
    return answer.json


async def test_both_versions_have_the_same_resources(api):
    job = await asked(api, "POST", f"{BETA}/customJobs", custom_job())
    assert (await asked(api, "GET", f"/v1/{job['name']}"))["name"] == job["name"]
    assert (await asked(api, "GET", f"{BETA}/customJobs"))["customJobs"][0]["name"] == job["name"]


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_an_operation_has_messages_of_the_version_in_which_it_began_wherever_it_is_polled(api, version):
    root = f"/{version}/{PARENT}"
    upload = await asked(api, "POST", f"{root}/models:upload", model())
    assert upload["metadata"]["@type"] == f"{ROOT}.{version}.UploadModelOperationMetadata"
    assert upload["response"]["@type"] == f"{ROOT}.{version}.UploadModelResponse"
    for other in ("v1", "v1beta1", "ui"):
        assert await asked(api, "GET", f"/{other}/{upload['name']}") == upload


async def test_an_operation_of_v1beta1_that_ends_later_has_a_response_of_v1beta1(api):
    api.backend.versions_settle = False
    uploaded = (await asked(api, "POST", f"{BETA}/models:upload", model()))["response"]["model"]
    endpoint = (await asked(api, "POST", f"{BETA}/endpoints", {"displayName": "e"}))["response"]["name"]
    begun = await asked(api, "POST", f"/v1beta1/{endpoint}:deployModel", deployment(uploaded))
    assert "done" not in begun
    ((name, version),) = api.backend.versions
    await api.backend.settle(name, version, VersionEvent.LOADED)
    ended = await asked(api, "POST", f"/ui/{begun['name']}:wait?timeout=5s")
    assert ended["metadata"]["@type"] == f"{ROOT}.v1beta1.DeployModelOperationMetadata"
    assert ended["response"]["@type"] == f"{ROOT}.v1beta1.DeployModelResponse"


async def test_fields_of_v1beta1_alone_are_stored_without_effect_and_others_refused_by_their_names(api):
    body = {"displayName": "e", "predictRequestResponseLoggingConfig": {"enabled": True, "enableOtelLogging": True}}
    made = (await asked(api, "POST", f"{BETA}/endpoints", body))["response"]["name"]
    api.restart()
    answer = await api.send("GET", f"/v1beta1/{made}", check=False)
    assert answer.json["predictRequestResponseLoggingConfig"]["enableOtelLogging"]
    refused = await api.send("POST", f"{BETA}/endpoints", {"displayName": "e", "nothing": 1})
    assert refused.json["error"]["message"].startswith('Invalid JSON payload received. Unknown name "nothing" at')
    refused = await api.send("POST", f"/v1/{PARENT}/endpoints", body)
    assert "enableOtelLogging" in refused.json["error"]["message"]


async def test_a_deletion_answers_with_an_empty_message_in_both_versions(api):
    endpoint = (await asked(api, "POST", f"{BETA}/endpoints", {"displayName": "e"}))["response"]["name"]
    deleted = await asked(api, "DELETE", f"/v1beta1/{endpoint}")
    assert deleted["response"] == {"@type": "type.googleapis.com/google.protobuf.Empty"}


async def test_a_method_of_v1beta1_alone_is_not_emulated_and_one_of_no_version_is_not_there(api):
    answer = await api.send("GET", f"{BETA}/modelMonitors")
    error = answer.json["error"]
    assert (error["code"], error["details"][0]["reason"]) == (403, "METHOD_NOT_EMULATED")
    assert error["details"][0]["metadata"]["method"] == "aiplatform.projects.locations.modelMonitors.list"
    for path in (f"{BETA}/nothing", BETA.replace("v1beta1", "v1beta2") + "/models", f"/ui/{PARENT}/models"):
        assert (await api.send("GET", path)).status == 404


async def test_generative_models_are_refused_in_words(api):
    path = f"{BETA}/publishers/google/models/gemini-2.0-flash:generateContent"
    answer = await api.send("POST", path, {"contents": [{"parts": [{"text": "hi"}]}]})
    error = answer.json["error"]
    assert (error["code"], error["details"][0]["reason"]) == (403, "METHOD_NOT_EMULATED")
    assert "No model of Google's runs here" in error["message"]
