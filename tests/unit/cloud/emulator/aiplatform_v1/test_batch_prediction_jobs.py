import json
from datetime import datetime

import pytest

from cloud.backends.memory import succeed
from cloud.lifecycle import JobEvent
from cloud.names import GsUri
from cloud.resources import Framework, Json, PredictionCounts, Service, ServingStack
from cloud.resources.batch_prediction import BatchPredictionSpec, InputFormat, InstanceConfig, InstanceType
from emulator_api.vertex_api import PARENT, SERVING_IMAGE, VertexApi, model

SKLEARN_IMAGE = "us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-5:latest"


def batch(**given: Json) -> Json:
    asked = {
        "displayName": "batch",
        "model": f"{PARENT}/models/taxi",
        "inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": ["gs://bucket/in.jsonl"]}},
        "outputConfig": {"predictionsFormat": "jsonl", "gcsDestination": {"outputUriPrefix": "gs://bucket/out"}},
        "dedicatedResources": {"machineSpec": {"machineType": "n1-standard-2"}, "startingReplicaCount": 1},
        "manualBatchTuningParameters": {"batchSize": 16},
    }
    return {name: value for name, value in (asked | given).items() if value is not None}


@pytest.fixture
async def api(api: VertexApi) -> VertexApi:
    """With a model and a file of two instances."""
    await api.backend.write_object(GsUri("bucket", "in.jsonl"), b"1\n2\n")
    await api.ask("POST", "/models:upload", model() | {"modelId": "taxi"})
    return api


async def test_a_job_is_answered_as_it_was_asked_for(api):
    body = batch(labels={"owner": "me"}, modelParameters={"threshold": 0.5})
    job = await api.ask("POST", "/batchPredictionJobs", body)
    number = job["name"].rpartition("/")[2]
    assert job["name"] == f"{PARENT}/batchPredictionJobs/{number}"
    assert {name: job[name] for name in body} == body
    assert (job["modelVersionId"], job["state"]) == ("1", "JOB_STATE_QUEUED")
    assert not {"completionStats", "partialFailures", "error", "startTime"} & job.keys()
    assert await api.ask("GET", f"/batchPredictionJobs/{number}") == job
    assert api.backend.jobs[number].spec == BatchPredictionSpec(
        number,
        (GsUri("bucket", "in.jsonl"),),
        GsUri("bucket", "out"),
        service=Service.VERTEX_AI,
        labels={"owner": "me"},
        model_uri=GsUri("bucket", "export"),
        image=SERVING_IMAGE,
        serving_stack=ServingStack.TENSORFLOW_SERVING,
        batch_size=16,
        parameters={"threshold": 0.5},
        model_display_name="m",
    )


async def spec_of(api: VertexApi, body: Json) -> BatchPredictionSpec:
    job = await api.ask("POST", "/batchPredictionJobs", body)
    spec = api.backend.jobs[job["name"].rpartition("/")[2]].spec
    assert isinstance(spec, BatchPredictionSpec)
    return spec


async def test_an_instance_config_reaches_the_job(api):
    config = {"instanceType": "array", "keyField": "id", "includedFields": ["b", "a"]}
    spec = await spec_of(api, batch(instanceConfig=config))
    assert spec.instance_config == InstanceConfig(InstanceType.ARRAY, "id", ("b", "a"))


async def test_what_the_sdk_leaves_out_without_a_machine_has_defaults(api):
    spec = await spec_of(api, batch(dedicatedResources=None, manualBatchTuningParameters=None))
    assert spec.batch_size == 64


@pytest.mark.parametrize(
    ("suffix", "version"), [("", "2"), ("@1", "1"), ("@2", "2"), ("@first", "1"), ("@default", "2")]
)
async def test_a_model_is_named_with_or_without_a_version_or_an_alias(api, suffix, version):
    await api.ask("POST", "/models/taxi:mergeVersionAliases", {"versionAliases": ["first"]})
    second = model(artifactUri="gs://bucket/out/model", versionAliases=["default"])
    await api.ask("POST", "/models:upload", second | {"parentModel": f"{PARENT}/models/taxi"})
    job = await api.ask("POST", "/batchPredictionJobs", batch(model=f"{PARENT}/models/taxi{suffix}"))
    assert (job["model"], job["modelVersionId"]) == (f"{PARENT}/models/taxi{suffix}", version)


async def test_a_model_that_was_not_uploaded_may_be_given(api):
    unmanaged = {"artifactUri": "gs://bucket/export", "containerSpec": {"imageUri": SERVING_IMAGE}}
    job = await api.ask("POST", "/batchPredictionJobs", batch(model=None, unmanagedContainerModel=unmanaged))
    assert not {"model", "modelVersionId"} & job.keys()
    assert job["unmanagedContainerModel"] == unmanaged


async def test_the_image_decides_the_framework(api):
    await api.backend.write_object(GsUri("bucket", "sk/model.joblib"), b"")
    container = {"imageUri": SKLEARN_IMAGE}
    sklearn = model("sk", artifactUri="gs://bucket/sk", containerSpec=container) | {"modelId": "sk"}
    await api.ask("POST", "/models:upload", sklearn)
    spec = await spec_of(api, batch(model=f"{PARENT}/models/sk"))
    assert (spec.framework, spec.image, spec.serving_stack) == (
        Framework.SCIKIT_LEARN,
        SKLEARN_IMAGE,
        ServingStack.PREDICTION_LIBRARY,
    )


async def test_a_finished_job_has_its_folder_and_counts(api):
    job = await api.ask("POST", "/batchPredictionJobs", batch())
    number = job["name"].rpartition("/")[2]
    path = f"/batchPredictionJobs/{number}"
    api.backend.move(number, JobEvent.SCHEDULED)
    assert (await api.ask("GET", path))["state"] == "JOB_STATE_PENDING"
    counts = PredictionCounts(2, 0, GsUri("bucket", "out/prediction-m-1"))
    api.backend.count(number, counts)
    api.backend.move(number, JobEvent.STARTED)
    running = await api.ask("GET", path)
    assert running["outputInfo"] == {"gcsOutputDirectory": "gs://bucket/out/prediction-m-1"}
    assert "completionStats" not in running
    api.backend.move(number, JobEvent.COMPLETED)
    done = await api.ask("GET", path)
    assert (done["state"], done["completionStats"]) == ("JOB_STATE_SUCCEEDED", {"successfulCount": "2"})
    assert done["endTime"] >= done["startTime"]


async def test_failed_rows_and_unreadable_files_are_told(api):
    job = await api.ask("POST", "/batchPredictionJobs", batch())
    number = job["name"].rpartition("/")[2]
    api.backend.count(number, PredictionCounts(1, 3, GsUri("bucket", "out/p"), ("Cannot read gs://bucket/x",)))
    api.backend.move(number, JobEvent.SCHEDULED, JobEvent.STARTED, JobEvent.FAILED, message="The disk is full.")
    done = await api.ask("GET", f"/batchPredictionJobs/{number}")
    assert done["completionStats"] == {"successfulCount": "1", "failedCount": "3", "incompleteCount": "-1"}
    assert done["partialFailures"] == [{"code": 3, "message": "Cannot read gs://bucket/x"}]
    assert done["error"]["message"] == "The disk is full."


async def test_the_simulated_job_predicts(api):
    api.backend._run = succeed
    job = await api.ask("POST", "/batchPredictionJobs", batch())
    done = await api.backend.wait_for_job(job["name"].rpartition("/")[2])
    folder = (await api.ask("GET", f"/batchPredictionJobs/{done.job_id}"))["outputInfo"]["gcsOutputDirectory"]
    results = await api.backend.read_object(GsUri.parse(folder) / "prediction.results-00000-of-00001")
    assert list(map(json.loads, results.splitlines())) == [
        {"instance": 1, "prediction": {"double": 2.0}},
        {"instance": 2, "prediction": {"double": 4.0}},
    ]


async def test_a_job_is_listed_cancelled_and_deleted(api):
    job = await api.ask("POST", "/batchPredictionJobs", batch())
    path = f"/batchPredictionJobs/{job['name'].rpartition('/')[2]}"
    found = await api.ask("GET", '/batchPredictionJobs?filter=display_name="batch"')
    assert [each["name"] for each in found["batchPredictionJobs"]] == [job["name"]]
    assert await api.ask("GET", '/batchPredictionJobs?filter=display_name="other"') == {}
    assert (await api.refusal("DELETE", path))["status"] == "FAILED_PRECONDITION"
    assert await api.ask("POST", f"{path}:cancel", {}) == {}
    api.backend.move(job["name"].rpartition("/")[2], JobEvent.STOPPED)
    operation = await api.ask("DELETE", path)
    assert operation["name"].startswith(f"{PARENT}/operations/")
    assert operation["done"]
    assert (await api.refusal("GET", path))["code"] == 404


BAD: list[tuple[Json, str, str]] = [
    ({"displayName": ""}, "display_name", "1 to 128 characters"),
    ({"model": None}, "model", "Exactly one of model and unmanagedContainerModel is required, not 0."),
    ({"model": "taxi"}, "model", "projects/PROJECT/locations/LOCATION/models/ID"),
    ({"model": "publishers/google/models/gemini"}, "model", "No model of Google's runs here"),
    ({"unmanagedContainerModel": {"artifactUri": "gs://bucket/export"}}, "model", "not 2"),
    (
        {"model": None, "unmanagedContainerModel": {"containerSpec": {"imageUri": "mine"}}},
        "unmanaged_container_model.container_spec.image_uri",
        "Images are not pulled here",
    ),
    ({"inputConfig": {"instancesFormat": "jsonl"}}, "input_config.gcs_source.uris", "At least one input file"),
    (
        {"inputConfig": {"instancesFormat": "bigquery", "bigquerySource": {"inputUri": "bq://p.d.t"}}},
        "input_config",
        "There is no BigQuery here",
    ),
    (
        {"outputConfig": {"predictionsFormat": "bigquery", "bigqueryDestination": {"outputUri": "bq://p"}}},
        "output_config",
        "There is no BigQuery here",
    ),
    (
        {"inputConfig": {"instancesFormat": "parquet", "gcsSource": {"uris": ["gs://bucket/in.jsonl"]}}},
        "input_config.instances_format",
        "One of jsonl, csv, tf-record, tf-record-gzip, file-list is required, not 'parquet'.",
    ),
    (
        {"inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": ["gs://bucket/none-*"]}}},
        "input_config.gcs_source.uris",
        "No file matches 'gs://bucket/none-*'.",
    ),
    (
        {"outputConfig": {"predictionsFormat": "jsonl"}},
        "output_config.gcs_destination.output_uri_prefix",
        "Must be of form gs://",
    ),
    (
        {"outputConfig": {"predictionsFormat": "tf-record", "gcsDestination": {"outputUriPrefix": "gs://bucket/o"}}},
        "output_config.predictions_format",
        "One of jsonl, csv is required",
    ),
    (
        {
            "outputConfig": {
                "predictionsFormat": "jsonl",
                "gcsDestination": {"outputUriPrefix": "gs://bucket/" + 980 * "a"},
            }
        },
        "output_config.gcs_destination.output_uri_prefix",
        "1 to 1024 bytes",
    ),
    ({"manualBatchTuningParameters": {"batchSize": -1}}, "manual_batch_tuning_parameters.batch_size", "not -1"),
    ({"instanceConfig": {"instanceType": "row"}}, "instance_config.instance_type", "object, array"),
    (
        {"instanceConfig": {"includedFields": ["a"], "excludedFields": ["b"]}},
        "instance_config.excluded_fields",
        "not both",
    ),
    ({"generateExplanation": True}, "generate_explanation", "no attributions"),
    (
        {"dedicatedResources": {"machineSpec": {"machineType": "x"}}},
        "dedicated_resources.machine_spec.machine_type",
        "not supported",
    ),
    (
        {"dedicatedResources": {"startingReplicaCount": 3, "maxReplicaCount": 2}},
        "dedicated_resources.starting_replica_count",
        "3, 2",
    ),
]


@pytest.mark.parametrize(("change", "field", "text"), BAD)
async def test_each_rule_names_its_field(api, change, field, text):
    error = await api.refusal("POST", "/batchPredictionJobs", batch(**change))
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    (detail,) = error["details"]
    assert detail["fieldViolations"][0]["field"] == f"batch_prediction_job.{field}"
    assert text in error["message"]
    assert api.backend.jobs == {}


@pytest.mark.parametrize("name", ["other", "taxi@7", "taxi@none"])
async def test_a_model_that_does_not_exist_is_not_found(api, name):
    error = await api.refusal("POST", "/batchPredictionJobs", batch(model=f"{PARENT}/models/{name}"))
    assert error["code"] == 404
    assert (await api.ask("GET", "/batchPredictionJobs")) == {}


@pytest.mark.parametrize("form", ["csv", "file-list", "tf-record"])
async def test_fields_are_chosen_of_json_lines_only(api, form):
    source = {"instancesFormat": form, "gcsSource": {"uris": ["gs://bucket/in.jsonl"]}}
    error = await api.refusal(
        "POST", "/batchPredictionJobs", batch(inputConfig=source, instanceConfig={"includedFields": ["a"]})
    )
    assert "Only instances in jsonl have fields to choose" in error["message"]


async def test_names_and_times_are_googles(api):
    job = await api.ask("POST", "/batchPredictionJobs", batch())
    assert datetime.fromisoformat(job["createTime"]) <= datetime.fromisoformat(job["updateTime"])
    assert api.backend.jobs[job["name"].rpartition("/")[2]].spec.input_format == InputFormat.JSON_LINES
