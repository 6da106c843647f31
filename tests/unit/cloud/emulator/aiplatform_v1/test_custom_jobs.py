import re
from dataclasses import replace

import pytest

from cloud.lifecycle import JobEvent
from cloud.names import GsUri
from cloud.resources import ScaleTier, Service, TrainingSpec
from cloud.resources.pool_programs import PoolProgram
from emulator_api.api_client import SOMEBODY
from emulator_api.vertex_api import PARENT, SERVING_IMAGE, TRAINING_IMAGE, custom_job, pool

PLAIN = {"machineSpec": {"machineType": "n1-standard-4"}}
RUN = (JobEvent.SCHEDULED, JobEvent.STARTED)


def number(job) -> str:
    return job["name"].rpartition("/")[2]


async def test_a_job_is_answered_as_it_was_asked_for(api):
    body = custom_job(
        pool(args=["--epochs=1", ""], env=[{"name": "A", "value": "b"}]),
        baseOutputDirectory={"outputUriPrefix": "gs://bucket/out"},
        scheduling={"timeout": "3600s"},
    ) | {"labels": {"a": "b"}}
    job = await api.ask("POST", "/customJobs", body)
    assert re.fullmatch(PARENT + r"/customJobs/\d{19}", job["name"])
    assert job["jobSpec"] == body["jobSpec"]
    assert (job["displayName"], job["labels"], job["state"]) == ("train", {"a": "b"}, "JOB_STATE_QUEUED")
    assert not {"startTime", "endTime", "error"} & job.keys()
    assert await api.ask("GET", f"/customJobs/{number(job)}") == job
    assert await api.send("GET", f"/v1/{job['name']}") == await api.send("GET", f"{api.root}/customJobs/{number(job)}")
    spec = api.backend.jobs[number(job)].spec
    assert spec == TrainingSpec(
        job_id=number(job),
        package_uris=(GsUri("bucket", "trainer-0.1.tar.gz"),),
        python_module="trainer.task",
        args=("--epochs=1", ""),
        max_running_time=3600.0,
        service=Service.VERTEX_AI,
        base_output_directory=GsUri("bucket", "out"),
        env={"A": "b"},
        image=TRAINING_IMAGE,
    )


@pytest.mark.parametrize("name", ["restartJobOnWorkerRestart", "disableRetries"])
async def test_how_replicas_are_restarted_is_part_of_the_job(api, name):
    job = await api.ask("POST", "/customJobs", custom_job(pool(), pool(), scheduling={name: True}))
    assert job["jobSpec"]["scheduling"] == {name: True}
    spec = api.backend.jobs[number(job)].spec
    found = {"restartJobOnWorkerRestart": spec.restart_job_on_worker_restart, "disableRetries": spec.disable_retries}
    assert [each for each, is_set in found.items() if is_set] == [name]


async def test_enums_are_numbers_or_names_and_the_spelling_is_snake_or_camel_case(api):
    body = custom_job(scheduling={"strategy": 6})
    body["job_spec"] = body.pop("jobSpec")
    body["job_spec"]["worker_pool_specs"] = body["job_spec"].pop("workerPoolSpecs")
    path = f"{api.root}/customJobs?%24alt=json%3Benum-encoding%3Dint"
    job = (await api.send("POST", path, body)).json
    assert job["jobSpec"]["scheduling"] == {"strategy": 6}
    assert job["jobSpec"]["workerPoolSpecs"] == [pool()]
    assert job["state"] == 1
    plain = await api.ask("GET", f"/customJobs/{number(job)}")
    assert (plain["jobSpec"]["scheduling"], plain["state"]) == ({"strategy": "FLEX_START"}, "JOB_STATE_QUEUED")
    listed = await api.ask("GET", "/customJobs?alt=json%3Benum-encoding%3Dint")
    assert [one["state"] for one in listed["customJobs"]] == [1]


async def test_pools_are_roles_and_those_in_between_may_be_empty(api):
    job = await api.ask("POST", "/customJobs", custom_job(pool(), {}, pool(2), {}))
    assert job["jobSpec"]["workerPoolSpecs"] == [pool(), {}, pool("2"), {}]
    spec = api.backend.jobs[number(job)].spec
    assert spec.scale_tier is ScaleTier.CUSTOM
    assert (spec.worker_count, spec.parameter_server_count, spec.evaluator_count) == (0, 2, 0)


async def test_pools_may_run_programs_of_their_own(api):
    other = pool(2, pythonModule="trainer.serve", args=["--port=1"], env=[{"name": "A", "value": "b"}])
    job = await api.ask("POST", "/customJobs", custom_job(pool(args=["--epochs=1"]), other, {}, pool()))
    spec = api.backend.jobs[number(job)].spec
    package = (GsUri("bucket", "trainer-0.1.tar.gz"),)
    assert spec.programs == (
        PoolProgram(1, package, "trainer.serve", args=("--port=1",), env={"A": "b"}, image=TRAINING_IMAGE),
        PoolProgram(3, package, "trainer.task", image=TRAINING_IMAGE),
    )
    assert (spec.python_module, spec.args, spec.of_pool(0)) == ("trainer.task", ("--epochs=1",), spec)
    assert (spec.of_pool(1).python_module, spec.of_pool(3).args) == ("trainer.serve", ())


REDUCERS = "us-docker.pkg.dev/vertex-ai-restricted/training/reductionserver:latest"


async def test_replicas_of_reduction_server_are_none_of_the_cluster(api):
    reducers = {
        "machineSpec": {"machineType": "n1-highcpu-16"},
        "replicaCount": "4",
        "containerSpec": {"imageUri": REDUCERS},
    }
    job = await api.ask("POST", "/customJobs", custom_job(pool(), pool(2), reducers))
    assert job["jobSpec"]["workerPoolSpecs"][2] == reducers
    spec = api.backend.jobs[number(job)].spec
    assert (spec.worker_count, spec.parameter_server_count, spec.reduction_servers) == (2, 0, 4)
    for pools in ((reducers | {"replicaCount": "1"},), (pool(), reducers)):
        error = await api.refusal("POST", "/customJobs", custom_job(*pools))
        assert f"worker_pool_specs[{len(pools) - 1}].container_spec.image_uri" in error["message"]
        assert "Reduction Server is for pool 2." in error["message"]


async def test_the_states_are_vertex_ais(api):
    job = await api.ask("POST", "/customJobs", custom_job())
    path = f"/customJobs/{number(job)}"

    async def state(*events: JobEvent, message: str = "") -> str:
        api.backend.move(number(job), *events, message=message)
        return (await api.ask("GET", path))["state"]

    assert await state(JobEvent.SCHEDULED) == "JOB_STATE_PENDING"
    assert await state(JobEvent.STARTED) == "JOB_STATE_RUNNING"
    said = "The replica workerpool0-0 exited with a non-zero status of 1. \nTraceback"
    assert await state(JobEvent.FAILED, message=said) == "JOB_STATE_FAILED"
    found = await api.ask("GET", path)
    assert found["error"]["message"].startswith(f"{said}\nTo find out more about why your job exited please check")
    assert f"job_id%2F{number(job)}" in found["error"]["message"]
    assert found["startTime"] <= found["endTime"]


async def test_a_job_is_cancelled_and_then_deleted(api):
    job = await api.ask("POST", "/customJobs", custom_job())
    path = f"/customJobs/{number(job)}"
    api.backend.move(number(job), *RUN)
    assert (await api.refusal("DELETE", path))["status"] == "FAILED_PRECONDITION"
    assert await api.ask("POST", f"{path}:cancel", {}) == {}
    assert (await api.ask("GET", path))["state"] == "JOB_STATE_CANCELLING"
    api.backend.move(number(job), JobEvent.STOPPED, message="The job was cancelled by the user.")
    found = await api.ask("GET", path)
    assert (found["state"], found["error"]["code"]) == ("JOB_STATE_CANCELLED", 1)
    assert await api.ask("POST", f"{path}:cancel", {}) == {}
    operation = await api.ask("DELETE", path)
    assert operation["done"] is True
    assert operation["response"] == {"@type": "type.googleapis.com/google.protobuf.Empty"}
    assert (await api.refusal("GET", path))["code"] == 404


async def test_lists_are_filtered_ordered_newest_first_and_in_pages(api):
    names = ["b_1", "a_2", "a_3"]
    for name in names:
        await api.ask("POST", "/customJobs", custom_job() | {"displayName": name, "labels": {"n": name[-1]}})

    async def listed(query: str) -> list[str]:
        answer = await api.ask("GET", f"/customJobs?{query}")
        return [job["displayName"] for job in answer.get("customJobs", [])]

    assert await listed("") == ["a_3", "a_2", "b_1"]
    assert await listed("filter=display_name%3D%22a_2%22") == ["a_2"]
    assert await listed("filter=display_name%3Aa_*+AND+labels.n%3D3") == ["a_3"]
    assert await listed("filter=NOT+labels.n%3D3") == ["a_2", "b_1"]
    assert await listed("filter=state%3D%22JOB_STATE_RUNNING%22") == []
    assert await listed("filter=create_time%3E%222020-01-01T00%3A00%3A00Z%22+AND+labels.n:*") == ["a_3", "a_2", "b_1"]
    first = await api.ask("GET", "/customJobs?pageSize=2")
    rest = await api.ask("GET", f"/customJobs?pageSize=2&pageToken={first['nextPageToken']}")
    assert [job["displayName"] for job in first["customJobs"] + rest["customJobs"]] == ["a_3", "a_2", "b_1"]
    assert "nextPageToken" not in rest
    assert (await api.refusal("GET", "/customJobs?filter=displayname%3Dx"))["code"] == 400
    masked = await api.ask(
        "GET", "/customJobs?pageSize=1&readMask=displayName,job_spec.worker_pool_specs.replica_count"
    )
    assert masked["customJobs"] == [
        {"displayName": "a_3", "jobSpec": {"workerPoolSpecs": [{"replicaCount": "1"}]}},
    ]
    whole = [await api.ask("GET", f"/customJobs?readMask={mask}") for mask in ("*", "")]
    assert whole == [await api.ask("GET", "/customJobs")] * 2
    assert (await api.refusal("GET", "/customJobs?readMask=displayname"))["code"] == 400


async def test_a_job_of_ml_engine_is_none_of_vertex_ai_and_each_region_has_its_own(api):
    await api.backend.submit_job(TrainingSpec("lab", (GsUri("bucket", "p.tar.gz"),), "trainer.task"))
    await api.ask("POST", "/customJobs", custom_job())
    assert len((await api.ask("GET", "/customJobs"))["customJobs"]) == 1
    elsewhere = "/v1/projects/my-project/locations/europe-west4/customJobs"
    assert (await api.send("GET", elsewhere, host="aiplatform.googleapis.com")).json == {}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (custom_job() | {"displayName": ""}, "A display name has 1 to 128 characters"),
        ({"displayName": "x"}, "1.Field: job_spec.worker_pool_specs; Message: The first worker pool is required"),
        (custom_job({}, pool()), "The first worker pool is required"),
        (custom_job(pool("2")), "exactly 1"),
        (custom_job(pool(), pool(0) | {"replicaCount": "-1"}), "at least 1, not -1"),
        (custom_job(pool() | {"machineSpec": {"machineType": "n1-standard-2"}}), "n1-standard-2 is not supported."),
        (custom_job(pool() | {"machineSpec": {}}), "A machine type is required."),
        (
            custom_job(pool() | {"machineSpec": {"machineType": "n1-standard-4", "acceleratorType": 5}}),
            "1.Field: job_spec.worker_pool_specs[0].machine_spec.accelerator_type; Message: Both `accelerator_type` "
            "and `accelerator_count` should be specified or none.\t",
        ),
        (custom_job({"machineSpec": {"machineType": "n1-standard-4"}}), "One of `container_spec`"),
        (custom_job(pool(executorImageUri="docker.io/me/mine")), "prebuilt training images"),
        (custom_job(pool(executorImageUri=SERVING_IMAGE)), "prebuilt training images"),
        (custom_job(pool(packageUris=[])), "1 to 100 packages are required"),
        (custom_job(pool(packageUris=["/folder/x.tar.gz"])), "Must be of form gs://bucket/object"),
        (custom_job(pool(pythonModule="a b")), "python_module"),
        (custom_job(pool(env=[{"name": "A=B", "value": ""}])), "Not the name of a variable"),
        (custom_job(serviceAccount="me@example.com"), "Jobs and models run as"),
        (custom_job(network="projects/1/global/networks/x"), "job_spec.network"),
        (custom_job(tensorboard="projects/1/locations/us-central1/tensorboards/1"), "TensorBoard"),
        (custom_job(*[pool()] * 5), "At most 4 pools"),
    ],
)
async def test_what_cannot_be_run_is_refused_before_anything_is_made(api, body, said):
    error = await api.refusal("POST", "/customJobs", body)
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    assert said in error["message"]
    assert not api.backend.jobs


async def test_everything_that_is_wrong_is_said_at_once(api):
    error = await api.refusal("POST", "/customJobs", custom_job(pool("3", pythonModule="")))
    assert error["message"].startswith("List of found errors:\t1.Field: job_spec.worker_pool_specs[0].replica_count;")
    assert "\t2.Field: job_spec.worker_pool_specs[0].python_package_spec.python_module;" in error["message"]


T4 = {"machineType": "n1-standard-4", "acceleratorType": "NVIDIA_TESLA_T4", "acceleratorCount": 1}


async def test_accelerators_are_a_matter_of_quota(api):
    api.backend.abilities = replace(api.backend.abilities, gpus=False)
    error = await api.refusal("POST", "/customJobs", custom_job(pool() | {"machineSpec": T4}))
    assert (error["code"], error["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert error["message"] == "The following quotas are exceeded: CustomModelTrainingT4GPUsPerProjectPerRegion"
    api.backend.abilities = replace(api.backend.abilities, gpus=True, own_machines=False)
    error = await api.refusal("POST", "/customJobs", custom_job(pool() | {"machineSpec": T4}))
    assert "NVIDIA_TESLA_T4 cannot be handed on to this backend" in error["message"]


async def test_gpus_that_are_granted_are_in_the_job(api):
    workers = pool() | {"machineSpec": {"machineType": "g2-standard-12"}, "replicaCount": "2"}
    made = await api.ask("POST", "/customJobs", custom_job(pool() | {"machineSpec": T4}, workers))
    assert made["jobSpec"]["workerPoolSpecs"][0]["machineSpec"] == T4
    [job] = api.backend.jobs.values()
    assert job.spec.gpus == ("NVIDIA_TESLA_T4", "NVIDIA_L4")


@pytest.mark.parametrize(
    ("machine", "code", "said"),
    [
        ({"machineType": "e2-standard-8"}, 400, 'Accelerator "NVIDIA_TESLA_T4" is not supported for machine type "e2-'),
        (
            {"acceleratorCount": 3},
            400,
            'A machine of type "n1-standard-4" may have 1, 2, 4 of "NVIDIA_TESLA_T4", not 3.',
        ),
        (
            {"machineType": "cloud-tpu", "acceleratorType": "TPU_V3", "acceleratorCount": 8},
            429,
            "TrainingTPUV3PerProject",
        ),
        ({"machineType": "ct5lp-hightpu-1t", "acceleratorType": None, "acceleratorCount": None}, 429, "TPUV5LITEPOD"),
    ],
)
async def test_accelerators_that_a_machine_cannot_have(api, machine, code, said):
    spec = {name: value for name, value in (T4 | machine).items() if value is not None}
    error = await api.refusal("POST", "/customJobs", custom_job(pool() | {"machineSpec": spec}))
    assert (error["code"], said in error["message"]) == (code, True), error
    assert not api.backend.jobs


def container(*command: str, **given):
    spec = {"imageUri": "gcr.io/me/mine", "command": list(command)} | given
    return custom_job({"machineSpec": {"machineType": "n1-standard-4"}, "containerSpec": spec})


async def test_a_container_runs_where_its_command_can_run_without_the_image(api):
    body = container("python3", "-m", args=["json.tool", "--help"], env=[{"name": "A", "value": "1"}])
    job = await api.ask("POST", "/customJobs", body)
    spec = api.backend.jobs[number(job)].spec
    assert (spec.python_module, spec.args, spec.package_uris, spec.env) == ("json.tool", ("--help",), (), {"A": "1"})


IMAGES = [
    "gcr.io/cloud-aiplatform/training/tf-cpu.2-1:latest",
    "us-docker.pkg.dev/cloud-aiplatform/training/tf-cpu.2-1",
    f"europe-docker.pkg.dev/vertex-ai/training/sklearn-cpu.1-0@sha256:{64 * '0'}",
    "us-docker.pkg.dev/vertex-ai/training/xgboost-cpu.1-1",
    "gcr.io/cloud-aiplatform/training/pytorch-gpu.1-7",
]


@pytest.mark.parametrize("image", IMAGES)
async def test_googles_images_are_known_by_all_their_names_for_packages_and_for_commands(api, image):
    for body in (custom_job(pool(executorImageUri=image)), container("python3", "-m", "json.tool", imageUri=image)):
        job = await api.ask("POST", "/customJobs", body)
        assert api.backend.jobs[number(job)].spec.image == image


async def test_the_image_of_a_container_of_ones_own_decides_nothing(api):
    job = await api.ask("POST", "/customJobs", container("python3", "-m", "json.tool"))
    assert api.backend.jobs[number(job)].spec.image is None


async def test_what_the_sdk_writes_for_a_script_in_a_container_installs_its_package(api):
    # ``CustomJob.from_local_script`` of google-cloud-aiplatform 2.7.
    line = (
        "pip install --upgrade pip && pip3 install -q --user /gcs/bucket/aiplatform_custom_trainer_script-0.1.tar.gz"
        " && python3 -m aiplatform_custom_trainer_script.task --epochs=1"
    )
    job = await api.ask("POST", "/customJobs", container("sh", "-c", line))
    spec = api.backend.jobs[number(job)].spec
    assert spec.package_uris == (GsUri("bucket", "aiplatform_custom_trainer_script-0.1.tar.gz"),)
    assert (spec.python_module, spec.args) == ("aiplatform_custom_trainer_script.task", ("--epochs=1",))


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("python3", "train.py"),
        ("python3", "-m", "no_such_module_here"),
    ],
)
async def test_a_container_that_needs_its_image_is_refused(api, command):
    error = await api.refusal("POST", "/customJobs", container(*command))
    assert error["status"] == "INVALID_ARGUMENT"
    assert "Images are not pulled here" in error["message"]
    assert not api.backend.jobs


async def test_who_is_not_the_owner_is_told_which_permission_is_missing(api):
    error = await api.refusal("GET", "/customJobs", principal=SOMEBODY)
    assert error["code"] == 403
    assert error["message"].startswith("Permission 'aiplatform.customJobs.list' denied on resource '//aiplatform.")
    elsewhere = await api.send("GET", "/v1/projects/another/locations/us-central1/customJobs")
    assert elsewhere.status == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (custom_job(scheduling={"timeout": "-5s"}), "job_spec.scheduling.timeout"),
        (custom_job(baseOutputDirectory={"outputUriPrefix": "gs://No/"}), "output_uri_prefix"),
        (custom_job(pool(packageUris=["gs://bucket/folder/"])), "worker_pool_specs.python_package_spec.package_uris"),
        (custom_job(pool(packageUris=["gs://No/a.whl"])), "worker_pool_specs.python_package_spec.package_uris"),
    ],
)
async def test_a_fault_is_named_as_a_field_of_the_job(api, body, field):
    error = await api.refusal("POST", "/customJobs", body)
    found = error["details"][0]["fieldViolations"][0]["field"]
    assert (error["code"], found.startswith("job_spec."), found.endswith(field)) == (400, True, True), error
    assert api.backend.jobs == {}


async def test_no_program_gets_a_folder_with_a_nul_character(api):
    error = await api.refusal("POST", "/customJobs", custom_job(baseOutputDirectory={"outputUriPrefix": "gs://b-1/\0"}))
    assert "1.Field: job_spec.base_output_directory.output_uri_prefix; Message: " in error["message"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (pool(args=["a\0"]), "worker_pool_specs[0].python_package_spec.args"),
        (
            {**PLAIN, "containerSpec": {"imageUri": TRAINING_IMAGE, "command": ["python3", "-c", "\0"]}},
            "worker_pool_specs[0].container_spec.command",
        ),
        (pool() | {"containerSpec": {"imageUri": TRAINING_IMAGE}}, "worker_pool_specs[0]"),
    ],
)
async def test_what_no_program_can_be_given_is_refused(api, given, field):
    error = await api.refusal("POST", "/customJobs", custom_job(given))
    assert f"1.Field: job_spec.{field}; Message: " in error["message"]
    assert api.backend.jobs == {}
