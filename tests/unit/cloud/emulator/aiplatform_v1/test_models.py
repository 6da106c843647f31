import pytest

from emulator_api.vertex_api import PARENT, SERVING_IMAGE, deployment, model


async def upload(api, **given) -> str:
    """The name of the model, with its version."""
    operation = await api.ask("POST", "/models:upload", model(**given.pop("model", {})) | given)
    response = operation["response"]
    assert response["@type"] == "type.googleapis.com/google.cloud.aiplatform.v1.UploadModelResponse"
    return f"{response['model']}@{response['modelVersionId']}"


def below(name: str) -> str:
    return name.removeprefix(PARENT)


async def test_a_model_is_answered_as_it_was_uploaded(api):
    body = model("first", labels={"a": "b"}, versionAliases=["default", "best"], versionDescription="one")
    operation = await api.ask("POST", "/models:upload", body)
    assert operation["done"] is True
    assert operation["name"].startswith(f"{operation['response']['model']}/operations/")
    assert operation["metadata"]["@type"].endswith("aiplatform.v1.UploadModelOperationMetadata")
    name = operation["response"]["model"]
    found = await api.ask("GET", below(name))
    assert found["name"] == name
    assert found["artifactUri"] == "gs://bucket/export"
    assert found["containerSpec"] == {"imageUri": SERVING_IMAGE}
    assert found["versionId"] == "1"
    assert found["versionAliases"] == ["default", "best"]
    assert found["supportedDeploymentResourcesTypes"] == ["DEDICATED_RESOURCES"]
    for version in ("@1", "%401", "@best", "@default"):
        assert await api.ask("GET", below(name) + version) == found
    assert (await api.refusal("GET", below(name) + "@2"))["code"] == 404


async def test_a_version_takes_its_aliases_from_the_others(api):
    first = await upload(api, model={"versionAliases": ["best"]}, modelId="my-model")
    assert first == f"{PARENT}/models/my-model@1"
    bare = f"{PARENT}/models/my-model"
    second = await upload(api, parentModel=bare, model={"name": "other", "versionAliases": ["best", "default"]})
    assert second == f"{bare}@2"
    listed = (await api.ask("GET", "/models/my-model:listVersions"))["models"]
    assert [(one["name"], one.get("versionAliases", [])) for one in listed] == [
        (f"{bare}@1", []),
        (f"{bare}@2", ["best", "default"]),
    ]
    assert (await api.ask("GET", "/models/my-model"))["versionId"] == "2"
    merged = await api.ask("POST", "/models/my-model@1:mergeVersionAliases", {"versionAliases": ["default", "-best"]})
    assert merged["versionAliases"] == ["default"]
    assert (await api.ask("GET", "/models/my-model@2"))["versionAliases"] == ["best"]
    assert len((await api.ask("GET", "/models"))["models"]) == 1


@pytest.mark.parametrize(
    ("given", "found"),
    [
        # As the Python SDK sends ["system-test-model", "testing"] in its test_model_version_management.
        (["system-test-model", "testing", "default"], ["system-test-model", "testing", "default"]),
        (["z", "a"], ["default", "z", "a"]),
        (["b", "b"], ["default", "b"]),
        ([], ["default"]),
    ],
)
async def test_aliases_are_in_the_order_in_which_they_were_given(api, given, found):
    await upload(api, model={"versionAliases": given}, modelId="m")
    assert (await api.ask("GET", "/models/m"))["versionAliases"] == found
    added = await api.ask("POST", "/models/m@1:mergeVersionAliases", {"versionAliases": ["y", "x"]})
    assert added["versionAliases"] == [*found, "y", "x"]


async def test_versions_are_listed_from_the_first_in_pages_and_by_filter(api):
    await upload(api, model={"versionDescription": "number 1"}, modelId="m")
    for number in range(2, 13):
        await upload(api, parentModel=f"{PARENT}/models/m", model={"versionDescription": f"number {number}"})
    first = await api.ask("GET", "/models/m:listVersions?pageSize=7")
    rest = await api.ask("GET", f"/models/m:listVersions?pageSize=7&pageToken={first['nextPageToken']}")
    assert [one["versionId"] for one in first["models"] + rest["models"]] == [str(number) for number in range(1, 13)]
    (found,) = (await api.ask("GET", "/models/m:listVersions?filter=version_id%3D11"))["models"]
    assert found["versionDescription"] == "number 11"
    newest = await api.ask("GET", "/models/m:listVersions?orderBy=create_time+desc,version_create_time+desc&pageSize=1")
    assert newest["models"][0]["versionId"] == "12"


async def test_versions_are_deleted_but_for_the_default_and_the_last(api):
    await upload(api, modelId="m")
    assert (await api.refusal("DELETE", "/models/m@1:deleteVersion"))["status"] == "FAILED_PRECONDITION"
    await upload(api, parentModel=f"{PARENT}/models/m")
    assert "default" in (await api.refusal("DELETE", "/models/m@1:deleteVersion"))["message"]
    assert (await api.ask("DELETE", "/models/m@2:deleteVersion"))["done"] is True
    # A number is not used again.
    assert (await upload(api, parentModel=f"{PARENT}/models/m")).endswith("@3")
    assert (await api.ask("DELETE", "/models/m"))["done"] is True
    assert (await api.refusal("GET", "/models/m@3"))["code"] == 404
    assert await api.ask("GET", "/models") == {}


async def test_an_update_changes_what_its_mask_names(api):
    await upload(api, modelId="m")
    body = {"displayName": "new", "description": "not in the mask", "labels": {"a": "b"}, "versionDescription": "v"}
    await api.ask("PATCH", "/models/m?updateMask=displayName,version_description,labels", body)
    found = await api.ask("GET", "/models/m")
    assert (found["displayName"], found["labels"], found["versionDescription"]) == ("new", {"a": "b"}, "v")
    assert "description" not in found
    assert (await api.refusal("PATCH", "/models/m?updateMask=artifactUri", body))["code"] == 400
    assert (await api.refusal("PATCH", "/models/m", body))["code"] == 400
    stale = body | {"etag": "stale"}
    assert (await api.refusal("PATCH", "/models/m?updateMask=labels", stale))["status"] == "ABORTED"


async def test_models_are_found_by_name_and_in_any_order(api):
    for name, number in (("b", "m1"), ("a", "m2"), ("c", "m3")):
        await upload(api, modelId=number, model={"name": name})

    async def listed(query: str) -> list[str]:
        answer = await api.ask("GET", f"/models?{query}")
        return [one["displayName"] for one in answer.get("models", [])]

    assert await listed("") == ["c", "a", "b"]
    assert await listed("orderBy=display_name") == ["a", "b", "c"]
    assert await listed("orderBy=create_time+desc") == ["c", "a", "b"]
    assert await listed("orderBy=create_time") == ["b", "a", "c"]
    assert await listed("filter=display_name%3D%22a%22") == ["a"]
    assert await listed("filter=model%3Dm3") == ["c"]
    page = await api.ask("GET", "/models?orderBy=display_name&pageSize=2")
    rest = await api.ask("GET", f"/models?orderBy=display_name&pageToken={page['nextPageToken']}")
    assert [one["displayName"] for one in page["models"] + rest["models"]] == ["a", "b", "c"]
    assert (await api.refusal("GET", "/models?orderBy=nothing"))["code"] == 400
    await api.ask("DELETE", "/models/m1")
    gone = await api.refusal("GET", f"/models?orderBy=display_name&pageToken={page['nextPageToken']}")
    assert "start the list again" in gone["message"]


@pytest.mark.parametrize(
    "image",
    [
        "gcr.io/cloud-aiplatform/prediction/tf2-cpu.2-1:latest",
        "us-docker.pkg.dev/cloud-aiplatform/prediction/tf2-gpu.2-15",
        f"asia-docker.pkg.dev/vertex-ai/prediction/tf-cpu.1-15@sha256:{64 * '0'}",
    ],
)
async def test_googles_serving_images_are_known_by_all_their_names(api, image):
    name = await upload(api, model={"containerSpec": {"imageUri": image}})
    assert (await api.ask("GET", below(name)))["containerSpec"] == {"imageUri": image}


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (
            model(containerSpec={"imageUri": "us-docker.pkg.dev/vertex-ai/training/tf-cpu.2-15.py310:latest"}),
            "INVALID_ARGUMENT",
            "Images are not pulled here",
        ),
        (
            model(containerSpec={"imageUri": "us-docker.pkg.dev/vertex-ai/prediction/pytorch-cpu.2-1:latest"}),
            "INVALID_ARGUMENT",
            "for TensorFlow, scikit-learn or XGBoost",
        ),
        (
            model(containerSpec={"imageUri": "us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-6:latest"}),
            "FAILED_PRECONDITION",
            "Model directory gs://bucket/export/ is expected to contain exactly one of: [model.pkl, model.joblib].",
        ),
        (
            model(containerSpec={"imageUri": "us-docker.pkg.dev/vertex-ai/prediction/xgboost-cpu.2-1:latest"}),
            "FAILED_PRECONDITION",
            "[model.pkl, model.joblib, model.bst].",
        ),
        ({}, "INVALID_ARGUMENT", "display_name"),
        (model(containerSpec={}), "INVALID_ARGUMENT", "image is required"),
        (model(containerSpec={"imageUri": "gcr.io/me/mine"}), "INVALID_ARGUMENT", "Images are not pulled here"),
        (
            model(containerSpec={"imageUri": "gcr.io/me/mine", "command": ["python3", "serve.py"]}),
            "INVALID_ARGUMENT",
            'the command ["python3", "-m", "cloud.containers.serving"]',
        ),
        (model(artifactUri="/folder/model"), "INVALID_ARGUMENT", "gs://"),
        (model(artifactUri="gs://bucket/none"), "FAILED_PRECONDITION", "exactly one of: [saved_model.pb, "),
        (model(artifactUri="gs://nowhere/none"), "INVALID_ARGUMENT", "bucket does not exist"),
        (model(versionAliases=["1"]), "INVALID_ARGUMENT", "An alias"),
        (model() | {"modelId": "Ä"}, "INVALID_ARGUMENT", "model_id"),
        (model() | {"parentModel": f"{PARENT}/models/none"}, "NOT_FOUND", "The Model does not exist"),
        (model() | {"parentModel": "models/none"}, "INVALID_ARGUMENT", "Must be of form projects/PROJECT/"),
    ],
)
async def test_what_cannot_be_served_is_refused(api, body, status, said):
    error = await api.refusal("POST", "/models:upload", body)
    assert error["status"] == status
    assert said in error["message"]
    assert await api.ask("GET", "/models") == {}


async def test_a_model_that_is_deployed_stays(api):
    api.backend.versions_settle = False
    name = await upload(api, modelId="m")
    endpoint = (await api.ask("POST", "/endpoints", {"displayName": "e"}))["response"]["name"]
    await api.ask("POST", below(endpoint) + ":deployModel", deployment(name))
    # Also while the deployment is under way.
    assert "deployedModels" not in await api.ask("GET", "/models/m")
    error = await api.refusal("DELETE", "/models/m")
    assert error["status"] == "FAILED_PRECONDITION"
    assert endpoint in error["message"]


async def test_enums_are_numbers_in_lists_and_in_operations_too_for_who_asks_for_them(api):
    by_number = "?%24alt=json%3Benum-encoding%3Dint"
    uploaded = (await api.ask("POST", f"/models:upload{by_number}", model()))["response"]
    assert uploaded["modelVersionId"] == "1"
    (found,) = (await api.ask("GET", f"/models{by_number}"))["models"]
    assert found["supportedDeploymentResourcesTypes"] == [1]


@pytest.mark.parametrize("depth", [99, 300, 600])
async def test_deep_metadata_is_refused_and_does_not_make_the_list_unreadable(api, depth):
    deep = []
    for _ in range(depth - 1):
        deep = [deep]
    await upload(api, modelId="other")
    refused = await api.refusal("POST", "/models:upload", model(metadata=deep))
    assert refused["status"] == "INVALID_ARGUMENT"
    assert len((await api.ask("GET", "/models"))["models"]) == 1


async def test_metadata_as_deep_as_google_takes_it_is_answered(api):
    deep = []
    for _ in range(97):
        deep = [deep]
    name = await upload(api, model={"metadata": deep})
    assert (await api.ask("GET", below(name)))["metadata"] == deep
