import asyncio
import random
from dataclasses import replace

import pytest

from cloud.lifecycle import VersionEvent
from cloud.names import GsUri
from cloud.resources import Framework, ServingStack
from emulator_api.backends import memory_backend
from emulator_api.vertex_api import PARENT, VertexApi, deployment, model


def below(name: str) -> str:
    return name.removeprefix(PARENT)


async def uploaded(api, **given) -> str:
    response = (await api.ask("POST", "/models:upload", model(**given)))["response"]
    return f"{response['model']}@{response['modelVersionId']}"


async def created(api) -> str:
    """The path of a new endpoint."""
    answer = await api.ask("POST", "/endpoints", {"displayName": "e"})
    return below(answer["response"]["name"])


async def finished(api, operation):
    return await api.ask("POST", below(operation["name"]) + ":wait?timeout=5s")


async def deployed(api, endpoint: str, *args, **given) -> str:
    """The id of the deployed model."""
    operation = await api.ask("POST", f"{endpoint}:deployModel", deployment(*args, **given))
    done = await finished(api, operation)
    return done["response"]["deployedModel"]["id"]


async def test_an_endpoint_serves_what_is_deployed_on_it(api):
    api.backend.versions_settle = False
    name, endpoint = await uploaded(api), await created(api)
    operation = await api.ask("POST", f"{endpoint}:deployModel", deployment(name))
    assert "done" not in operation
    assert operation["metadata"]["@type"].endswith("v1.DeployModelOperationMetadata")
    assert "deployedModels" not in await api.ask("GET", endpoint)
    ((backend_model, version),) = api.backend.versions
    await api.backend.settle(backend_model, version, VersionEvent.LOADED)
    done = await finished(api, operation)
    answer = done["response"]["deployedModel"]
    assert done["response"]["@type"].endswith("v1.DeployModelResponse")
    found = await api.ask("GET", endpoint)
    assert found["deployedModels"] == [answer]
    assert found["trafficSplit"] == {answer["id"]: 100}
    assert (answer["model"], answer["modelVersionId"], answer["displayName"]) == (name, "1", "m")
    assert (await api.ask("GET", below(name)))["deployedModels"] == [
        {"endpoint": found["name"], "deployedModelId": answer["id"]}
    ]
    prediction = await api.ask("POST", f"{endpoint}:predict", {"instances": [1.5, 4.0]})
    assert prediction == {
        "predictions": [3.0, 8.0],
        "deployedModelId": answer["id"],
        "model": name.partition("@")[0],
        "modelDisplayName": "m",
        "modelVersionId": "1",
    }


async def test_whole_doubles_are_integers_to_the_model_but_not_in_a_raw_body(api):
    name, endpoint = await uploaded(api), await created(api)
    await deployed(api, endpoint, name)
    await api.ask("POST", f"{endpoint}:predict", {"instances": [4.0, 4.5, 1e300]})
    (asked,) = api.backend.predictions
    assert list(map(type, asked.instances)) == [int, float, float]
    raw = await api.send("POST", f"{api.root}{endpoint}:rawPredict", b'{"signature_name": "s", "instances": [4.0, 5]}')
    assert raw.json == {"predictions": [8.0, 10.0]}
    assert list(map(type, api.backend.predictions[-1].instances)) == [float, int]
    assert [asked.signature_name for asked in api.backend.predictions] == [None, "s"]
    assert raw.headers["X-Vertex-AI-Model"] == name.partition("@")[0]
    assert raw.headers["X-Vertex-AI-Deployed-Model-Id"] in str(await api.ask("GET", endpoint))


async def test_a_wrong_instance_is_an_error_and_in_a_raw_body_the_servers_own(api):
    endpoint = await created(api)
    await deployed(api, endpoint, await uploaded(api))
    error = await api.refusal("POST", f"{endpoint}:predict", {"instances": ["x"]})
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    raw = await api.send("POST", f"{api.root}{endpoint}:rawPredict", b'{"instances": ["x"]}')
    assert (raw.status, raw.json) == (400, {"error": "Error processing input: not a number"})


OWN = {"imageUri": "gcr.io/me/mine", "command": ["python3", "-u"], "args": ["-m", "cloud.containers.serving"]}


@pytest.mark.parametrize(
    ("container", "body", "status", "answer"),
    [
        (None, b'{"instances": [1, 2.5], "signature_name": "s"}', 200, {"predictions": [2.0, 5.0]}),
        (None, b'{"instances": ["x"]}', 400, {"error": "Error processing input: not a number"}),
        (OWN, b'{"instances": [1], "parameters": {"signature_name": "s"}}', 200, {"predictions": [{"double": 2.0}]}),
        (OWN, b"x=1", 400, None),
    ],
    ids=str,
)
async def test_a_raw_body_is_read_and_answered_by_the_server(api, container, body, status, answer):
    endpoint = await created(api)
    await deployed(api, endpoint, await uploaded(api, **({"containerSpec": container} if container else {})))
    raw = await api.send("POST", f"{api.root}{endpoint}:rawPredict", body)
    assert (raw.status, raw.headers["Content-Type"]) == (status, "application/json")
    assert raw.json == answer if answer else list(raw.json) == ["error"]


@pytest.mark.parametrize(("container", "stack"), [(None, "TENSORFLOW_SERVING"), (OWN, "PREDICTION_LIBRARY")], ids=str)
async def test_the_image_decides_what_answers(api, container, stack):
    endpoint = await created(api)
    await deployed(api, endpoint, await uploaded(api, **({"containerSpec": container} if container else {})))
    (version,) = api.backend.versions.values()
    assert version.spec.serving_stack == stack


async def test_traffic_is_split_as_asked_for(api):
    name, endpoint = await uploaded(api), await created(api)
    first = await deployed(api, endpoint, name)
    second = await deployed(api, endpoint, name, {"0": 30, first: 70}, displayName="second")
    assert (await api.ask("GET", endpoint))["trafficSplit"] == {first: 70, second: 30}
    random.seed(7)
    for _ in range(20):
        await api.ask("POST", f"{endpoint}:predict", {"instances": [1]})
    asked = [asked.version for asked in api.backend.predictions]
    assert 3 <= asked.count(f"deployed_{second}") <= 9
    assert asked.count(f"deployed_{first}") == 20 - asked.count(f"deployed_{second}")
    patch = {"displayName": "ignored", "trafficSplit": {first: 0, second: 100}}
    patched = await api.ask("PATCH", f"{endpoint}?updateMask=trafficSplit", patch)
    assert (patched["displayName"], patched["trafficSplit"]) == ("e", {second: 100})
    wrong = {"trafficSplit": {first: 50, second: 49}}
    assert "100, not 99" in (await api.refusal("PATCH", f"{endpoint}?updateMask=trafficSplit", wrong))["message"]
    wrong = {"trafficSplit": {"7": 100}}
    assert "'7'" in (await api.refusal("PATCH", f"{endpoint}?updateMask=trafficSplit", wrong))["message"]


async def test_a_model_with_traffic_is_not_undeployed_unless_its_traffic_goes_elsewhere(api):
    name, endpoint = await uploaded(api), await created(api)
    first = await deployed(api, endpoint, name)
    second = await deployed(api, endpoint, name, {"0": 50, first: 50})
    refused = await api.refusal("POST", f"{endpoint}:undeployModel", {"deployedModelId": first})
    assert refused["status"] == "FAILED_PRECONDITION"
    body = {"deployedModelId": first, "trafficSplit": {second: 100}}
    operation = await api.ask("POST", f"{endpoint}:undeployModel", body)
    assert operation["response"]["@type"].endswith("v1.UndeployModelResponse")
    assert [one["id"] for one in (await api.ask("GET", endpoint))["deployedModels"]] == [second]
    error = await api.refusal("DELETE", endpoint)
    assert error["message"].endswith("Endpoint has deployed or being-deployed DeployedModel(s): undeploy them first.")
    await api.ask("POST", f"{endpoint}:undeployModel", {"deployedModelId": second})
    found = await api.ask("GET", endpoint)
    assert not {"deployedModels", "trafficSplit"} & found.keys()
    assert (await api.refusal("POST", f"{endpoint}:predict", {"instances": [1]}))["status"] == "FAILED_PRECONDITION"
    assert (await api.ask("DELETE", endpoint))["done"] is True
    assert not api.backend.models
    assert (await api.refusal("GET", endpoint))["code"] == 404


async def test_a_deployment_that_fails_leaves_nothing(tmp_path):
    api = VertexApi(memory_backend(versions_settle=False), tmp_path)
    name, endpoint = await uploaded(api), await created(api)
    operation = await api.ask("POST", f"{endpoint}:deployModel", deployment(name))
    assert "done" not in await api.ask("POST", below(operation["name"]) + ":wait?timeout=0.01s")
    ((backend_model, version),) = api.backend.versions
    await api.backend.settle(backend_model, version, VersionEvent.FAILED, "no signature")
    done = await finished(api, operation)
    assert done["error"]["code"] == 9
    assert done["error"]["message"].startswith("Model server never became ready.")
    assert done["error"]["message"].endswith("no signature")
    assert not api.backend.versions
    assert (await api.ask("DELETE", endpoint))["done"] is True
    await api.emulated.close()


async def test_a_deployment_outlives_the_server(tmp_path):
    backend = memory_backend(versions_settle=False)
    api = VertexApi(backend, tmp_path)
    name, endpoint = await uploaded(api), await created(api)
    operation = await api.ask("POST", f"{endpoint}:deployModel", deployment(name))
    await api.emulated.close()
    api.restart()
    ((backend_model, version),) = backend.versions
    waiting = asyncio.create_task(finished(api, operation))
    await backend.settle(backend_model, version, VersionEvent.LOADED)
    assert (await waiting)["response"]["deployedModel"]["model"] == name
    assert len((await api.ask("GET", endpoint))["deployedModels"]) == 1
    await api.emulated.close()


async def test_the_sdk_asks_for_operations_below_ui(api):
    endpoint = await created(api)
    operation = await api.ask("POST", f"{endpoint}:deployModel", deployment(await uploaded(api)))
    await finished(api, operation)
    found = await api.send("GET", f"/ui/{operation['name']}")
    assert found.json == await api.ask("GET", below(operation["name"]))
    assert (await api.send("GET", f"/ui/{PARENT}{endpoint}")).status == 404
    listed = await api.ask("GET", f"{endpoint}/operations")
    everything = await api.ask("GET", "/operations")
    assert len(listed["operations"]) == 2
    assert len(everything["operations"]) == 3
    assert await api.ask("POST", below(operation["name"]) + ":cancel") == {}
    assert await api.ask("DELETE", below(operation["name"])) == {}
    assert (await api.refusal("GET", below(operation["name"])))["code"] == 404


async def test_what_a_deployed_model_may_use_is_changed(api):
    endpoint = await created(api)
    number = await deployed(api, endpoint, await uploaded(api))
    change = {
        "deployedModel": {"id": number, "dedicatedResources": {"minReplicaCount": 2, "maxReplicaCount": 3}},
        "updateMask": "dedicatedResources.minReplicaCount,dedicated_resources.max_replica_count",
    }
    await api.ask("POST", f"{endpoint}:mutateDeployedModel", change)
    (found,) = (await api.ask("GET", endpoint))["deployedModels"]
    assert found["dedicatedResources"]["minReplicaCount"] == 2
    assert found["dedicatedResources"]["machineSpec"] == {"machineType": "n1-standard-2"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"model": "nothing"}, "Must be of form projects/PROJECT/locations/LOCATION/models/ID"),
        ({"dedicatedResources": None}, "dedicated resources"),
        ({"dedicatedResources": {"minReplicaCount": 0}}, "at least 1 replica"),
        ({"dedicatedResources": {"minReplicaCount": 2, "maxReplicaCount": 1}}, "2, 1"),
        ({"dedicatedResources": {"minReplicaCount": 1, "machineSpec": {"machineType": "x"}}}, "x is not supported"),
        ({"id": "abc"}, "1 to 10 digits"),
        ({"serviceAccount": "me@example.com"}, "Jobs and models run as service-"),
    ],
)
async def test_what_cannot_be_deployed_is_refused(api, given, said):
    name, endpoint = await uploaded(api), await created(api)
    error = await api.refusal("POST", f"{endpoint}:deployModel", deployment(name, **given))
    assert (error["status"], said in error["message"]) == ("INVALID_ARGUMENT", True), error
    assert not api.backend.versions


async def test_accelerators_to_serve_on_are_a_matter_of_quota(api):
    name, endpoint = await uploaded(api), await created(api)
    api.backend.abilities = replace(api.backend.abilities, gpus=False)
    machine = {"machineType": "n1-standard-4", "acceleratorType": 5, "acceleratorCount": 1}
    body = deployment(name, dedicatedResources={"minReplicaCount": 1, "machineSpec": machine})
    error = await api.refusal("POST", f"{endpoint}:deployModel", body)
    assert (error["code"], error["message"]) == (
        429, "The following quotas are exceeded: CustomModelServingT4GPUsPerProjectPerRegion",
    )  # fmt: skip
    api.backend.abilities = replace(api.backend.abilities, gpus=True)
    await api.ask("POST", f"{endpoint}:deployModel", body)
    assert api.backend.versions


@pytest.mark.parametrize(
    ("body", "query"),
    [
        ({}, ""),
        ({"displayName": "e", "network": "projects/1/global/networks/x"}, ""),
        ({"displayName": "e", "dedicatedEndpointEnabled": True}, ""),
        ({"displayName": "e"}, "?endpointId=UPPER"),
        ({"displayName": "e"}, "?endpointId=a-"),
    ],
)
async def test_an_endpoint_of_another_kind_is_refused(api, body, query):
    assert (await api.refusal("POST", f"/endpoints{query}", body))["code"] == 400
    assert not api.backend.models


async def test_an_endpoint_has_the_id_that_is_asked_for_once(api):
    answer = await api.ask("POST", "/endpoints?endpointId=my-endpoint", {"displayName": "e"})
    assert answer["response"]["name"] == f"{PARENT}/endpoints/my-endpoint"
    again = await api.refusal("POST", "/endpoints?endpointId=my-endpoint", {"displayName": "e"})
    assert (again["code"], again["status"]) == (409, "ALREADY_EXISTS")


async def test_an_endpoint_that_somebody_else_deleted_is_gone(api):
    endpoint = await created(api)
    api.backend.models.clear()
    assert (await api.refusal("GET", endpoint))["status"] == "NOT_FOUND"
    assert await api.ask("GET", "/endpoints") == {}
    assert (await api.ask("DELETE", endpoint))["done"] is True


async def test_an_id_may_be_used_again_when_somebody_else_deleted_its_endpoint(api):
    for _ in range(2):
        api.backend.models.clear()
        answer = await api.ask("POST", "/endpoints?endpointId=mine", {"displayName": "e"})
        assert answer["response"]["name"] == f"{PARENT}/endpoints/mine"


async def test_scikit_learns_images_answer_as_the_prediction_library_does(api):
    await api.backend.write_object(GsUri("bucket", "flowers/model.joblib"), b"")
    image = "us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-6:latest"
    name = await uploaded(api, artifactUri="gs://bucket/flowers", containerSpec={"imageUri": image})
    endpoint = await created(api)
    await deployed(api, endpoint, name)
    (version,) = api.backend.versions.values()
    assert (version.spec.framework, version.spec.image) == (Framework.SCIKIT_LEARN, image)
    assert version.spec.serving_stack is ServingStack.PREDICTION_LIBRARY
    answer = await api.ask("POST", f"{endpoint}:predict", {"instances": [1.5, 4.0]})
    assert answer["predictions"] == [3.0, 8.0]
    error = await api.refusal("POST", f"{endpoint}:predict", {"instances": ["x"]})
    assert error["status"] == "FAILED_PRECONDITION"
    assert error["message"].startswith('"Prediction failed: ')
