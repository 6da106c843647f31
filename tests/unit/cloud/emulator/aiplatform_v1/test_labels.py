"""Of every resource of Vertex AI's that has labels."""

import pytest

from emulator_api.vertex_api import SERVING_IMAGE, custom_job, model, pipeline

WRONG = {"Team": "a"}
MODEL = {"displayName": "m", "containerSpec": {"imageUri": SERVING_IMAGE}}


@pytest.mark.parametrize(
    ("verb", "path", "body", "field"),
    [
        ("POST", "/customJobs", custom_job() | {"labels": WRONG}, "custom_job.labels"),
        ("POST", "/trainingPipelines", pipeline(labels=WRONG), "training_pipeline.labels"),
        (
            "POST",
            "/trainingPipelines",
            pipeline(modelToUpload=MODEL | {"labels": WRONG}),
            "training_pipeline.model_to_upload.labels",
        ),
        ("POST", "/models:upload", model(labels=WRONG), "model.labels"),
        ("PATCH", "/models/m?updateMask=labels", {"labels": WRONG}, "model.labels"),
        ("POST", "/endpoints", {"displayName": "e", "labels": WRONG}, "endpoint.labels"),
        ("PATCH", "/endpoints/e?updateMask=labels", {"labels": WRONG}, "endpoint.labels"),
    ],
)
async def test_labels_that_google_refuses_are_refused(api, verb, path, body, field):
    await api.ask("POST", "/models:upload", model() | {"modelId": "m"})
    await api.ask("POST", "/endpoints?endpointId=e", {"displayName": "e"})
    error = await api.refusal(verb, path, body)
    assert error["status"] == "INVALID_ARGUMENT"
    assert error["details"][0]["fieldViolations"][0]["field"] == field
    assert "No such key is 'Team'." in error["message"]
    assert not api.backend.jobs
    for resource in ("/models/m", "/endpoints/e"):
        assert "labels" not in await api.ask("GET", resource)
