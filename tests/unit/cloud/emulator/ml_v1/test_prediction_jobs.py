"""Jobs with a ``predictionInput``."""

import json

import pytest

from cloud.backends.memory import succeed
from cloud.names import GsUri
from cloud.resources import Json, VersionSpec
from cloud.resources.batch_prediction import BatchPredictionSpec

INPUT: dict[str, Json] = {
    "dataFormat": "TEXT",
    "inputPaths": ["gs://bucket/in*"],
    "outputPath": "gs://bucket/batch",
    "region": "us-central1",
    "modelName": "projects/my-project/models/m",
    "batchSize": "1",
}


def job(**given: Json) -> Json:
    return {"jobId": "batch", "predictionInput": {key: value for key, value in (INPUT | given).items() if value}}


@pytest.fixture
async def api(api):
    """With a model and a file of three lines, one of them bad."""
    await api.backend.write_object(GsUri("bucket", "in.json"), b'1\n"no number"\n3\n')
    await api.backend.create_model("m")
    await api.backend.create_version(VersionSpec("m", "v1", GsUri("bucket", "export")))
    await api.backend.wait_for_version("m", "v1")
    return api


async def test_a_job_is_answered_as_it_was_asked_for(api):
    made = await api.ask("POST", "/jobs", job(maxWorkerCount="3") | {"labels": {"a": "b"}})
    assert made["predictionInput"] == INPUT | {"maxWorkerCount": "3"}
    assert (made["state"], made["labels"], made["predictionOutput"]) == ("QUEUED", {"a": "b"}, {})
    assert "trainingInput" not in made
    assert api.backend.jobs["batch"].spec == BatchPredictionSpec(
        "batch", (GsUri("bucket", "in*"),), GsUri("bucket", "batch"), model="m", batch_size=1, labels={"a": "b"}
    )


async def test_a_job_may_repeat_the_runtime_version_of_a_deployed_version(api):
    made = await api.ask("POST", "/jobs", job(runtimeVersion="1.15"))
    assert made["predictionInput"] == INPUT | {"runtimeVersion": "1.15"}


async def test_a_simulated_job_predicts_and_counts(api):
    api.backend._run = succeed
    await api.ask("POST", "/jobs", job())
    await api.backend.wait_for_job("batch")
    done = await api.ask("GET", "/jobs/batch")
    output = {"outputPath": "gs://bucket/batch", "predictionCount": "2", "errorCount": "1"}
    assert (done["state"], done["predictionOutput"]) == ("SUCCEEDED", output)
    results = await api.backend.read_object(GsUri("bucket", "batch/prediction.results-00000-of-00001"))
    assert list(map(json.loads, results.splitlines())) == [{"double": 2.0}, {"double": 6.0}]
    errors = await api.backend.read_object(GsUri("bucket", "batch/prediction.errors_stats-00000-of-00001"))
    assert errors == b"('Error processing input: not a number', 1)\n"


async def test_a_job_of_another_client_is_shown(api):
    spec = BatchPredictionSpec("mine", (GsUri("bucket", "in.json"),), GsUri("bucket", "o"), model="m", version="v1")
    await api.backend.submit_job(spec)
    shown = (await api.ask("GET", "/jobs/mine"))["predictionInput"]
    assert shown["versionName"] == "projects/my-project/models/m/versions/v1"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"region": None}, "region"),
        ({"region": "moon"}, "region"),
        ({"maxWorkerCount": "-1"}, "max_worker_count"),
        ({"inputPaths": ["gs://bucket/none*"]}, "input_paths"),
        ({"inputPaths": ["gs://no-such-bucket/in"]}, "input_paths"),
        ({"dataFormat": "CSV"}, "data_format"),
        ({"outputPath": None}, "output_path"),
        ({"outputPath": "gs://No/out"}, "output_path"),
        ({"outputPath": "gs://bucket/a\nb"}, "output_path"),
        ({"outputPath": "gs://bucket/" + 1000 * "a"}, "output_path"),
    ],
)
async def test_each_rule_names_its_field(api, change, field):
    error = await api.refusal("POST", "/jobs", job(**change))
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    assert error["message"].startswith(f"Field: job.prediction_input.{field} Error: ")
    assert api.backend.jobs == {}


async def test_training_and_prediction_in_one_job_are_refused(api):
    error = await api.refusal("POST", "/jobs", job() | {"trainingInput": {}})
    assert "not both" in error["message"]


@pytest.mark.parametrize("name", ["modelName", "versionName"])
async def test_a_model_that_does_not_exist_is_not_found(api, name):
    model = "projects/my-project/models/m" + ("/versions/v9" if name == "versionName" else "x")
    error = await api.refusal("POST", "/jobs", job(**{"modelName": None, name: model}))
    assert error["code"] == 404
