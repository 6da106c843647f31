import re

import pytest

from cloud.names import GsUri
from emulator_api.vertex_api import PARENT, model

HOST = "europe-west4-aiplatform.googleapis.com"
EUROPE = PARENT.replace("us-central1", "europe-west4")


@pytest.fixture
async def source(api) -> str:
    """The name of a model with two versions."""
    first = model("first", labels={"a": "b"}, versionDescription="one", versionAliases=["best"])
    await api.ask("POST", "/models:upload", first | {"modelId": "source"})
    name = f"{PARENT}/models/source"
    await api.ask("POST", "/models:upload", model("second", versionDescription="two") | {"parentModel": name})
    return name


async def test_a_copy_in_another_location_is_a_new_model(api, source):
    body = {"sourceModel": f"{source}@1", "modelId": "copied"}
    operation = (await api.send("POST", f"/v1/{EUROPE}/models:copy", body, host=HOST)).json
    assert operation["metadata"]["@type"].endswith("v1.CopyModelOperationMetadata")
    assert operation["response"] == {
        "@type": "type.googleapis.com/google.cloud.aiplatform.v1.CopyModelResponse",
        "model": f"{EUROPE}/models/copied",
        "modelVersionId": "1",
    }
    copied = (await api.send("GET", f"/v1/{EUROPE}/models/copied", host=HOST)).json
    assert (copied["displayName"], copied["labels"], copied["versionDescription"]) == ("first", {"a": "b"}, "one")
    assert copied["versionAliases"] == ["default"]


async def test_a_copy_can_be_a_version_of_a_model(api, source):
    operation = await api.ask("POST", "/models:copy", {"sourceModel": source, "parentModel": source})
    assert operation["response"]["modelVersionId"] == "3"
    assert (await api.ask("GET", "/models/source@3"))["versionDescription"] == "one"  # the default version's


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({}, 400, "source_model"),
        ({"sourceModel": f"{PARENT}/models/none"}, 404, "none"),
        (
            {"sourceModel": f"{PARENT}/models/source", "modelId": "x", "parentModel": f"{PARENT}/models/y"},
            400,
            "not both",
        ),
        ({"sourceModel": f"{PARENT}/models/source", "modelId": "source"}, 409, "source"),
    ],
)
async def test_copies_that_cannot_be_made(api, source, body, code, words):
    refused = await api.refusal("POST", "/models:copy", body)
    assert (refused["code"], words in refused["message"]) == (code, True), refused


async def test_an_export_is_a_new_folder_with_the_artifacts(api, source):
    assert (await api.ask("GET", "/models/source"))["supportedExportFormats"] == [
        {"id": "custom-trained", "exportableContents": ["ARTIFACT"]}
    ]
    await api.backend.create_bucket("exports")
    config = {"artifactDestination": {"outputUriPrefix": "gs://exports/all"}, "exportFormatId": "custom-trained"}
    operation = await api.ask("POST", "/models/source@1:export", {"outputConfig": config})
    assert operation["response"]["@type"].endswith("v1.ExportModelResponse")
    folder = operation["metadata"]["outputInfo"]["artifactOutputUri"]
    assert re.fullmatch(r"gs://exports/all/model-export-first-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/", folder)
    found = [stored.uri for stored in await api.backend.list_objects(GsUri.parse(folder))]
    assert f"{folder}saved_model.pb" in map(str, found)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, "output_uri_prefix"),
        ({"exportFormatId": "tflite"}, "'custom-trained' only"),
        ({"imageDestination": {"outputUri": "us-docker.pkg.dev/p/r/i"}}, "no images"),
    ],
)
async def test_exports_that_cannot_be_made(api, source, config, words):
    refused = await api.refusal("POST", "/models/source:export", {"outputConfig": config})
    assert (refused["code"], words in refused["message"]) == (400, True), refused


async def test_an_export_to_no_bucket_fails_as_an_operation(api, source):
    config = {"artifactDestination": {"outputUriPrefix": "gs://none/all"}}
    operation = await api.ask("POST", "/models/source:export", {"outputConfig": config})
    assert (operation["done"], operation["error"]["code"]) == (True, 5)
