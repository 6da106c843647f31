import json

import pytest

from cloud.lifecycle import JobEvent
from cloud.names import GsUri
from emulator_api.vertex_api import PARENT, SERVING_IMAGE, ended, pipeline

RUN = (JobEvent.SCHEDULED, JobEvent.STARTED)


def below(name: str) -> str:
    return name.removeprefix(PARENT)


async def test_a_pipeline_trains_and_uploads_the_model(api):
    asked = await api.ask("POST", "/trainingPipelines", pipeline())
    path = below(asked["name"])
    assert asked["state"] == "PIPELINE_STATE_PENDING"
    assert asked["trainingTaskInputs"] == pipeline()["trainingTaskInputs"]
    job = asked["trainingTaskMetadata"]["backingCustomJob"]
    (number,) = api.backend.jobs
    assert job == f"{PARENT}/customJobs/{number}"
    assert api.backend.jobs[number].training.args == ("--epochs=1",)
    assert (await api.ask("GET", below(job)))["displayName"] == "tp"
    api.backend.move(number, *RUN)
    assert (await api.ask("GET", path))["state"] == "PIPELINE_STATE_RUNNING"
    assert (await api.refusal("DELETE", path))["status"] == "FAILED_PRECONDITION"
    api.backend.move(number, JobEvent.COMPLETED)
    done = await ended(api, path)
    assert done["state"] == "PIPELINE_STATE_SUCCEEDED"
    model = await api.ask("GET", below(done["modelToUpload"]["name"]))
    assert (model["artifactUri"], model["trainingPipeline"]) == ("gs://bucket/out/model/", asked["name"])
    assert done["modelToUpload"]["versionId"] == "1"
    listed = await api.ask("GET", "/trainingPipelines?filter=display_name%3Dtp")
    assert [one["name"] for one in listed["trainingPipelines"]] == [asked["name"]]
    assert (await api.ask("DELETE", path))["done"] is True


async def test_numbers_among_the_arguments_are_texts(api):
    # What the Python SDK makes of ``CustomTrainingJob.run(args=["-v", 0.1, 3])``.
    given = pipeline(modelToUpload=None)
    given["trainingTaskInputs"]["worker_pool_specs"][0]["python_package_spec"]["args"] = ["-v", 0.1, 3.0, -7, 1e25, ""]
    asked = await api.ask("POST", "/trainingPipelines", given)
    assert asked["trainingTaskInputs"] == given["trainingTaskInputs"]
    (job,) = api.backend.jobs.values()
    assert job.training.args == ("-v", "0.1", "3", "-7", "10000000000000000905969664", "")


async def test_a_pipeline_of_which_nothing_is_to_be_uploaded_just_trains(api):
    asked = await api.ask("POST", "/trainingPipelines", pipeline(modelToUpload=None))
    (number,) = api.backend.jobs
    api.backend.move(number, *RUN, JobEvent.COMPLETED)
    done = await ended(api, below(asked["name"]))
    assert done["state"] == "PIPELINE_STATE_SUCCEEDED"
    assert await api.ask("GET", "/models") == {}


@pytest.mark.parametrize("base", [{}, {"base_output_directory": {"output_uri_prefix": "gs://bucket/elsewhere"}}])
async def test_the_model_may_be_where_its_description_says(api, base):
    await api.backend.write_object(GsUri("bucket", "mine/saved_model.pb"), b"")
    given = pipeline()
    given["trainingTaskInputs"] = base | {"worker_pool_specs": given["trainingTaskInputs"]["worker_pool_specs"]}
    given["modelToUpload"] |= {"artifactUri": "gs://bucket/mine"}
    asked = await api.ask("POST", "/trainingPipelines", given)
    (number,) = api.backend.jobs
    api.backend.move(number, *RUN, JobEvent.COMPLETED)
    done = await ended(api, below(asked["name"]))
    model = await api.ask("GET", below(done["modelToUpload"]["name"]))
    assert model["artifactUri"] == "gs://bucket/mine"


async def test_a_pipeline_fails_with_its_job(api):
    asked = await api.ask("POST", "/trainingPipelines", pipeline())
    (number,) = api.backend.jobs
    api.backend.move(number, *RUN, JobEvent.FAILED, message="The replica workerpool0-0 exited.")
    done = await ended(api, below(asked["name"]))
    assert done["state"] == "PIPELINE_STATE_FAILED"
    assert done["error"]["message"].startswith("The replica workerpool0-0 exited.")


async def test_a_pipeline_whose_trainer_left_no_model_fails(api):
    await api.backend.delete_objects(GsUri("bucket", "out/**"))
    await api.backend.write_object(GsUri("bucket", "out/something-else"), b"")
    asked = await api.ask("POST", "/trainingPipelines", pipeline())
    (number,) = api.backend.jobs
    api.backend.move(number, *RUN, JobEvent.COMPLETED)
    done = await ended(api, below(asked["name"]))
    assert done["state"] == "PIPELINE_STATE_FAILED"
    assert "gs://bucket/out/model/ is expected to contain exactly one of" in done["error"]["message"]


async def test_a_pipeline_is_cancelled_with_its_job(api):
    asked = await api.ask("POST", "/trainingPipelines", pipeline())
    (number,) = api.backend.jobs
    api.backend.move(number, *RUN)
    assert await api.ask("POST", below(asked["name"]) + ":cancel", {}) == {}
    assert (await api.ask("GET", below(asked["name"])))["state"] == "PIPELINE_STATE_CANCELLING"
    api.backend.move(number, JobEvent.STOPPED)
    assert (await ended(api, below(asked["name"])))["state"] == "PIPELINE_STATE_CANCELLED"


async def test_a_pipeline_outlives_the_server(api):
    asked = await api.ask("POST", "/trainingPipelines", pipeline())
    (number,) = api.backend.jobs
    await api.emulated.close()
    api.restart()
    api.backend.move(number, *RUN, JobEvent.COMPLETED)
    assert "name" in (await ended(api, below(asked["name"])))["modelToUpload"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"displayName": None}, "display_name"),
        ({"trainingTaskDefinition": "gs://google-cloud-aiplatform/schema/automl.yaml"}, "Only custom training"),
        ({"inputDataConfig": {"datasetId": "1"}}, "managed datasets"),
        ({"trainingTaskInputs": {"worker_pool_specs": [{"replica_count": 1.5}]}}, "worker_pool_specs[0].replica_count"),
        (
            {"trainingTaskInputs": {"worker_pool_specs": [{"python_package_spec": {"args": [True]}}]}},
            "worker_pool_specs[0].python_package_spec.args[0]' (TYPE_STRING), true",
        ),
        ({"trainingTaskInputs": {"worker_pools": []}}, 'Unknown name \\"worker_pools\\"'),
        ({"modelToUpload": {"displayName": "m", "containerSpec": {"imageUri": "gcr.io/x/y"}}}, "Images are not pulled"),
        (
            {"modelToUpload": {"displayName": "m", "artifactUri": "out", "containerSpec": {"imageUri": SERVING_IMAGE}}},
            "training_pipeline.model_to_upload.artifact_uri",
        ),
        (
            {"trainingTaskInputs": {"worker_pool_specs": pipeline()["trainingTaskInputs"]["worker_pool_specs"]}},
            "Where the trainer leaves its model is not known: give a base output directory",
        ),
        ({"parentModel": f"{PARENT}/models/none"}, "The Model does not exist"),
    ],
)
async def test_what_cannot_be_done_is_refused_before_anything_is_made(api, given, said):
    error = await api.refusal("POST", "/trainingPipelines", pipeline(**given))
    assert said in json.dumps(error)
    assert not api.backend.jobs
