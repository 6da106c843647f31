import asyncio
from dataclasses import replace

import pytest

from cloud.lifecycle import VersionEvent
from cloud.names import GsUri
from cloud.resources import ServingStack
from emulator_api.backends import memory_backend
from emulator_api.ml_api import Api
from emulator_api.ml_requests import training_job, version

REGIONAL = "us-central1-ml.googleapis.com"
NAME = "projects/my-project/models/taxifare"
T4 = {"count": "1", "type": "NVIDIA_TESLA_T4"}


async def deployed(api, *names: str, **given):
    await api.ask("POST", "/models", {"name": "taxifare", "regions": ["us-central1"]})
    for name in names:
        await finished(api, await api.ask("POST", "/models/taxifare/versions", version(name, **given)))


async def finished(api, operation):
    async with asyncio.timeout(5):
        while not operation.get("done"):
            await asyncio.sleep(0)
            operation = await api.ask("GET", operation["name"].removeprefix("projects/my-project"))
    return operation


async def test_a_model_is_answered_at_once(api):
    body = {"name": "taxifare", "description": "fares", "regions": ["us-east1"], "labels": {"a": "b"}}
    model = await api.ask("POST", "/models", body | {"onlinePredictionLogging": True})
    assert model == body | {"name": NAME, "onlinePredictionLogging": True, "etag": model["etag"]}
    assert await api.ask("GET", "/models/taxifare") == model
    assert await api.ask("GET", "/models") == {"models": [model]}


async def test_a_name_is_used_once(api):
    await deployed(api)
    error = await api.refusal("POST", "/models", {"name": "taxifare"})
    assert error["code"] == 409
    assert error["message"] == "Field: model.name Error: A model with the same name already exists."


@pytest.mark.parametrize("body", [{}, {"name": "a-b"}, {"name": "m", "regions": []}, {"name": "m", "regions": ["x"]}])
async def test_what_is_no_model(api, body):
    expected = 200 if body.get("regions") == [] else 400  # an empty list is none, which is the default
    assert (await api.send("POST", "/v1/projects/my-project/models", body)).status == expected


async def test_a_version_is_made_by_an_operation(tmp_path):
    backend = memory_backend(versions_settle=False)
    api = Api(backend, tmp_path)
    await api.ask("POST", "/models", {"name": "taxifare"})
    operation = await api.ask("POST", "/models/taxifare/versions", version(labels={"a": "b"}))
    assert operation["name"].startswith("projects/my-project/operations/create_taxifare_v1-")
    assert operation.keys() == {"name", "metadata"}
    metadata = operation["metadata"]
    assert metadata["operationType"] == "CREATE_VERSION"
    assert metadata["modelName"] == NAME
    shown = metadata["version"]
    assert shown["name"] == f"{NAME}/versions/v1"
    assert (shown["machineType"], shown["framework"], shown["labels"]) == ("mls1-c1-m2", "TENSORFLOW", {"a": "b"})
    assert not {"state", "isDefault"} & shown.keys()
    assert (await api.ask("GET", "/models/taxifare/versions/v1"))["state"] == "CREATING"
    error = await api.refusal("DELETE", "/models/taxifare/versions/v1")
    assert error["message"] == "Field: name Error: The version is CREATING: it cannot be deleted now."
    await backend.settle("taxifare", "v1", VersionEvent.LOADED)
    done = await finished(api, operation)
    assert done["response"]["@type"] == "type.googleapis.com/google.cloud.ml.v1.Version"
    assert done["response"]["state"] == "READY"
    assert done["metadata"]["endTime"]
    await api.emulated.close()


async def test_a_model_that_cannot_be_loaded_is_told_by_operation_and_version(tmp_path):
    backend = memory_backend(versions_settle=False)
    api = Api(backend, tmp_path)
    await api.ask("POST", "/models", {"name": "taxifare"})
    operation = await api.ask("POST", "/models/taxifare/versions", version())
    await backend.settle("taxifare", "v1", VersionEvent.FAILED, "Create Version failed. Bad model")
    done = await finished(api, operation)
    assert done["error"] == {"code": 9, "message": "Create Version failed. Bad model"}
    assert "response" not in done
    found = await api.ask("GET", "/models/taxifare/versions/v1")
    assert (found["state"], found["errorMessage"]) == ("FAILED", "Create Version failed. Bad model")
    await api.emulated.close()


async def test_an_operation_outlives_the_server(tmp_path):
    backend = memory_backend(versions_settle=False)
    api = Api(backend, tmp_path)
    await api.ask("POST", "/models", {"name": "taxifare"})
    operation = await api.ask("POST", "/models/taxifare/versions", version())
    await api.emulated.close()
    api.restart()
    assert "done" not in await api.ask("GET", operation["name"].removeprefix("projects/my-project"))
    await backend.settle("taxifare", "v1", VersionEvent.LOADED)
    assert (await finished(api, operation))["response"]["state"] == "READY"
    await api.emulated.close()


async def test_a_cancelled_operation_undoes_the_version_and_ends_with_code_1(tmp_path):
    backend = memory_backend(versions_settle=False)
    api = Api(backend, tmp_path)
    await api.ask("POST", "/models", {"name": "taxifare"})
    operation = await api.ask("POST", "/models/taxifare/versions", version())
    path = operation["name"].removeprefix("projects/my-project")
    assert await api.ask("POST", f"{path}:cancel", {}) == {}
    assert (await api.ask("GET", path))["metadata"]["isCancellationRequested"] is True
    await backend.settle("taxifare", "v1", VersionEvent.LOADED)
    assert (await finished(api, operation))["error"]["code"] == 1
    assert await api.ask("GET", "/models/taxifare/versions") == {}
    assert await api.ask("POST", f"{path}:cancel", {}) == {}
    await api.emulated.close()


@pytest.mark.parametrize(
    ("given", "host", "text"),
    [
        ({"deploymentUri": ""}, None, "deployment_uri"),
        ({"deploymentUri": "/tmp/x"}, None, "gs://bucket/object"),  # noqa: S108
        ({"deploymentUri": "gs://bucket/empty/"}, None, "deployment_uri"),
        ({"name": "a-b"}, None, "A name should start with a letter"),
        ({"runtimeVersion": "0.9"}, None, "runtime version '0.9'"),
        ({"framework": "XGBOOST", "runtimeVersion": "1.3"}, None, "XGBOOST needs runtime version 1.4 or later: 1.3"),
        ({"framework": "SCIKIT_LEARN", "runtimeVersion": "x"}, None, "runtime version 'x'"),
        ({"framework": "SCIKIT_LEARN"}, None, "exactly one of model.pkl and model.joblib"),
        (
            {"predictionClass": "a.B", "framework": "TENSORFLOW"},
            None,
            'Exactly one of "prediction_class" and "framework"',
        ),
        ({"predictionClass": "a.B"}, None, "Custom prediction routines"),
        ({"container": {"image": "x"}}, None, "custom container"),
        ({"packageUris": ["gs://bucket/code.tar.gz"]}, None, "version.package_uris"),
        ({"serviceAccount": "me@p.iam.gserviceaccount.com"}, None, "version.service_account"),
        ({"machineType": "n1-standard-4"}, None, "Machine type is not available on this endpoint."),
        ({"machineType": "mls1-c1-m2"}, REGIONAL, "Machine type is not available on this endpoint."),
        ({"machineType": "pdp11"}, None, "'pdp11' is not supported"),
        ({"manualScaling": {"nodes": 1}, "autoScaling": {"minNodes": 1}}, None, "Only one of"),
        ({"acceleratorConfig": T4}, None, "Accelerators need a machine type of Compute Engine"),
        (
            {"acceleratorConfig": T4 | {"count": 3}, "machineType": "n1-standard-4"},
            REGIONAL,
            'may have 1, 2, 4 of "NVIDIA',
        ),
    ],
)
async def test_what_cannot_be_served_is_refused(api, given, host, text):
    await deployed(api)
    options = {"host": host} if host else {}
    error = await api.refusal("POST", "/models/taxifare/versions", version(**given), **options)
    assert error["code"] in (400, 429)
    assert text in error["message"]
    assert api.backend.versions == {}


async def test_gpus_to_serve_on_are_a_matter_of_quota(api):
    await deployed(api)
    given = version(machineType="n1-standard-4", acceleratorConfig=T4)
    api.backend.abilities = replace(api.backend.abilities, gpus=False)
    error = await api.refusal("POST", "/models/taxifare/versions", given, host=REGIONAL)
    assert "The request for 1 T4 accelerators exceeds the allowed maximum" in error["message"]
    api.backend.abilities = replace(api.backend.abilities, gpus=True, own_machines=False)
    error = await api.refusal("POST", "/models/taxifare/versions", given, host=REGIONAL)
    assert "cannot be handed on to this backend" in error["message"]
    api.backend.abilities = replace(api.backend.abilities, own_machines=True)
    await api.ask("POST", "/models/taxifare/versions", given, host=REGIONAL)
    assert (await api.ask("GET", "/models/taxifare/versions/v1", host=REGIONAL))["acceleratorConfig"] == T4


async def test_the_first_version_is_the_default_until_another_is_made_so(api):
    await deployed(api, "v1", "v2")
    listed = (await api.ask("GET", "/models/taxifare/versions"))["versions"]
    assert [(one["name"].rpartition("/")[2], one.get("isDefault", False)) for one in listed] == [
        ("v1", True),
        ("v2", False),
    ]
    assert (await api.ask("GET", "/models/taxifare"))["defaultVersion"] == listed[0]
    chosen = await api.ask("POST", "/models/taxifare/versions/v2:setDefault", {})
    assert (chosen["name"], chosen["isDefault"]) == (f"{NAME}/versions/v2", True)
    error = await api.refusal("DELETE", "/models/taxifare/versions/v2")
    assert (error["code"], error["status"]) == (400, "FAILED_PRECONDITION")


async def test_deletes_are_operations_and_a_model_goes_last(api):
    await deployed(api, "v1")
    error = await api.refusal("DELETE", "/models/taxifare")
    assert "A model with versions cannot be deleted. Please delete the versions first." in error["message"]
    gone = await api.ask("DELETE", "/models/taxifare/versions/v1")
    assert gone["done"] is True
    assert gone["metadata"]["operationType"] == "DELETE_VERSION"
    assert gone["response"] == {"@type": "type.googleapis.com/google.protobuf.Empty"}
    gone = await api.ask("DELETE", "/models/taxifare")
    assert gone["name"].startswith("projects/my-project/operations/delete_model_taxifare-")
    assert await api.ask("GET", "/models") == {}
    kinds = [one["metadata"]["operationType"] for one in (await api.ask("GET", "/operations"))["operations"]]
    assert kinds == ["DELETE_MODEL", "DELETE_VERSION", "CREATE_VERSION"]
    found = await api.ask("GET", "/operations?filter=metadata.operationType:DELETE_*%20done=true&pageSize=1")
    assert len(found["operations"]) == 1
    assert found["nextPageToken"]


async def test_a_name_used_anew_inherits_nothing(api):
    await api.ask("POST", "/models", {"name": "m", "labels": {"a": "b"}})
    await api.backend.delete_model("m")
    await api.backend.create_model("m")
    assert "labels" not in await api.ask("GET", "/models/m")


async def test_patching_a_model(api):
    await deployed(api, "v1", "v2")
    body = {"description": "new", "defaultVersion": {"name": "v2"}}
    done = await api.ask("PATCH", "/models/taxifare?updateMask=description,default_version.name", body)
    assert (done["done"], done["metadata"]["operationType"]) == (True, "UPDATE_MODEL")
    model = await api.ask("GET", "/models/taxifare")
    assert model["description"] == "new"
    assert model["defaultVersion"]["name"] == f"{NAME}/versions/v2"
    assert done["response"] == {"@type": "type.googleapis.com/google.cloud.ml.v1.Model"} | model
    await api.ask("PATCH", "/models/taxifare?updateMask=description", {})
    assert "description" not in await api.ask("GET", "/models/taxifare")
    # gcloud ai-platform models update --update-labels
    await api.ask("PATCH", "/models/taxifare?updateMask=labels", {"labels": {"team": "taxi"}})
    assert (await api.ask("GET", "/models/taxifare"))["labels"] == {"team": "taxi"}
    stale = {"description": "x", "etag": model["etag"]}
    assert (await api.refusal("PATCH", "/models/taxifare?updateMask=description", stale))["status"] == "ABORTED"


async def test_patching_a_version(api):
    await deployed(api, "v1", description="old", autoScaling={"maxNodes": 3})
    path = "/models/taxifare/versions/v1"
    mask = "description,autoScaling.minNodes,requestLoggingConfig"
    logging = {"samplingPercentage": 0.5, "bigqueryTableName": "p.d.t"}
    body = {"description": "", "autoScaling": {"minNodes": 1, "maxNodes": 9}, "requestLoggingConfig": logging}
    done = await api.ask("PATCH", f"{path}?updateMask={mask}", body)
    found = await api.ask("GET", path)
    assert "description" not in found
    assert (found["autoScaling"], found["requestLoggingConfig"]) == ({"maxNodes": 3, "minNodes": 1}, logging)
    assert done["response"]["etag"] == found["etag"]
    error = await api.refusal("PATCH", f"{path}?updateMask=manualScaling.nodes", {"manualScaling": {"nodes": 2}})
    assert "N1" in error["message"]


async def test_what_only_a_regional_endpoint_updates(api):
    await api.ask("POST", "/models", {"name": "taxifare", "labels": {"old": ""}})
    await finished(api, await api.ask("POST", "/models/taxifare/versions", version("n1"), host=REGIONAL))
    await finished(api, await api.ask("POST", "/models/taxifare/versions", version("mls1")))
    new = {"labels": {"team": "taxi"}}
    for path in ("/models/taxifare", "/models/taxifare/versions/n1"):
        await api.ask("PATCH", f"{path}?updateMask=labels", new, host=REGIONAL)
        assert (await api.ask("GET", path))["labels"] == new["labels"]
        await api.ask("PATCH", f"{path}?updateMask=labels", {}, host=REGIONAL)
        assert "labels" not in await api.ask("GET", path)
    error = await api.refusal("PATCH", "/models/taxifare/versions/mls1?updateMask=labels", new, host=REGIONAL)
    assert "labels can be updated on a Compute Engine (N1) machine type only" in error["message"]
    await api.ask(
        "PATCH", "/models/taxifare/versions/n1?updateMask=autoScaling.maxNodes", {"autoScaling": {"maxNodes": 9}}
    )
    assert (await api.ask("GET", "/models/taxifare/versions/n1"))["autoScaling"] == {"maxNodes": 9}


async def test_the_regional_endpoint_gives_another_machine(api):
    await api.ask("POST", "/models", {"name": "taxifare"})
    await finished(api, await api.ask("POST", "/models/taxifare/versions", version(), host=REGIONAL))
    assert (await api.ask("GET", "/models/taxifare/versions/v1"))["machineType"] == "n1-standard-2"


@pytest.mark.parametrize(
    ("file", "given", "framework"),
    [
        ("model.joblib", {}, "SCIKIT_LEARN"),
        ("model.bst", {"framework": "FRAMEWORK_UNSPECIFIED"}, "XGBOOST"),
        ("model.pkl", {"framework": "XGBOOST"}, "XGBOOST"),
    ],
)
async def test_the_files_or_the_request_tell_the_framework(api, file, given, framework):
    await api.ask("POST", "/models", {"name": "flowers"})
    await api.backend.write_object(GsUri("bucket", f"flowers/{file}"), b"")
    body = version(deploymentUri="gs://bucket/flowers/", **given)
    done = await finished(api, await api.ask("POST", "/models/flowers/versions", body, host=REGIONAL))
    assert (done["response"]["framework"], done["response"]["machineType"]) == (framework, "n1-standard-2")
    (made,) = api.backend.versions.values()
    assert (made.spec.framework, made.spec.serving_stack) == (framework, ServingStack.PREDICTION_LIBRARY)


async def test_labels_that_google_refuses_are_refused(api):
    await deployed(api, "v")
    wrong = {"labels": {"a": "x.y"}}
    for verb, path, body in (
        ("POST", "/models", {"name": "m"} | wrong),
        ("PATCH", "/models/taxifare?updateMask=labels", wrong),
        ("POST", "/models/taxifare/versions", version("w") | wrong),
        ("POST", "/jobs", training_job() | wrong),
    ):
        error = await api.refusal(verb, path, body, host=REGIONAL)
        assert error["status"] == "INVALID_ARGUMENT"
        assert "No such value is 'x.y', of 'a'." in error["message"]
    await api.ask("POST", "/jobs", training_job())
    assert "'x.y'" in (await api.refusal("PATCH", "/jobs/lab?updateMask=labels", wrong))["message"]
