from dataclasses import replace

import pytest

from cloud.lifecycle import JobEvent
from cloud.names import GsUri
from cloud.resources import Service, TrainingSpec
from emulator_api.ml_requests import training_job

RUN = (JobEvent.SCHEDULED, JobEvent.STARTED)


async def test_a_job_is_answered_as_it_was_asked_for(api):
    body = training_job(
        args=["--train_steps=10", ""],
        jobDir="gs://bucket/out",
        runtimeVersion="1.8",
        scaleTier="CUSTOM",
        masterType="n1-standard-4",
        workerType="n1-standard-4",
        workerCount=2,
        scheduling={"maxRunningTime": "7200s", "priority": 5},
    ) | {"labels": {"owner": "me", "empty": ""}}
    job = await api.ask("POST", "/jobs", body)
    assert job["trainingInput"] == body["trainingInput"] | {"workerCount": "2"}
    assert job["labels"] == body["labels"]
    assert job["state"] == "QUEUED"
    assert not {"startTime", "endTime", "errorMessage"} & job.keys()
    spec = api.backend.jobs["lab"].spec
    assert (spec.worker_count, spec.max_running_time, spec.args) == (2, 7200.0, ("--train_steps=10", ""))
    assert await api.ask("GET", "/jobs/lab") == job | {"jobPosition": "1"}


async def test_the_default_scale_tier_is_left_out(api):
    assert "scaleTier" not in (await api.ask("POST", "/jobs", training_job(scaleTier="BASIC")))["trainingInput"]


async def test_output_only_fields_of_a_request_change_nothing(api):
    job = await api.ask(
        "POST", "/jobs", training_job() | {"state": "SUCCEEDED", "etag": "AAAA", "endTime": "2020-01-01T00:00:00Z"}
    )
    assert job["state"] == "QUEUED"
    assert job["etag"] != "AAAA"
    assert "endTime" not in job


async def test_times_and_errors_appear_with_the_state(api):
    await api.ask("POST", "/jobs", training_job())
    api.backend.move("lab", *RUN)
    assert {"startTime"} == {"startTime", "endTime"} & (await api.ask("GET", "/jobs/lab")).keys()
    api.backend.move("lab", JobEvent.FAILED, message="The replica master 0 exited with a non-zero status of 1.")
    job = await api.ask("GET", "/jobs/lab")
    assert (job["state"], job["errorMessage"]) == ("FAILED", "The replica master 0 exited with a non-zero status of 1.")
    assert job["endTime"] >= job["startTime"] >= job["createTime"]


@pytest.mark.parametrize("job_id", ["not-good", "", "1st", "a" * 129, "ä", "a b"])
async def test_a_bad_id_is_refused_in_googles_words(api, job_id):
    error = await api.refusal("POST", "/jobs", training_job(job_id))
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    assert error["message"] == (
        "Field: job_id Error: A name should start with a letter and contain only letters, numbers and underscores."
    )


async def test_an_id_is_used_once(api):
    await api.ask("POST", "/jobs", training_job())
    error = await api.refusal("POST", "/jobs", training_job())
    assert error == {
        "code": 409,
        "message": "Field: job.job_id Error: A job with this id already exists.",
        "status": "ALREADY_EXISTS",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{"field": "job.job_id", "description": "A job with this id already exists."}],
            }
        ],
    }


CUSTOM = {"scaleTier": "CUSTOM"}
T4 = {"acceleratorConfig": {"count": "2", "type": "NVIDIA_TESLA_T4"}}


@pytest.mark.parametrize(
    ("given", "code", "text"),
    [
        ({"runtimeVersion": "1.9", "pythonVersion": "3.7"}, 400, "'1.9' with the Python version '3.7' is not"),
        ({"runtimeVersion": "2.3", "pythonVersion": "3.5"}, 400, "is not supported or is deprecated.  Please specify"),
        ({"runtimeVersion": "9.9"}, 400, "The specified runtime version '9.9' with the Python version ''"),
        ({"runtimeVersion": "2.3", "masterConfig": {"imageUri": "gcr.io/p/i"}}, 400, "Only one of runtime version or"),
        ({"masterConfig": {"containerArgs": ["--x"]}}, 400, "training_input.master_config.container_args"),
        ({"parameterServerConfig": {"containerCommand": ["x"]}}, 400, "parameter_server_config.container_command"),
        ({"region": "mars-east1"}, 400, "mars-east1"),
        ({"region": ""}, 400, "A region is required"),
        ({"scaleTier": "CUSTOM"}, 400, "machine type is required"),
        ({"scaleTier": "CUSTOM", "masterType": "standard", "workerCount": "1"}, 400, "worker_type"),
        ({"scaleTier": "CUSTOM", "masterType": "standard", "workerType": "n1-standard-4"}, 400, "legacy or Compute"),
        ({"scaleTier": "CUSTOM", "masterType": "big"}, 400, "'big' is not supported"),
        ({"workerCount": "1"}, 400, "only legal with scale tier CUSTOM"),
        ({"scaleTier": "BASIC_TPU"}, 429, "Quota failure for project my-project. The request for 8 TPU_V2"),
        ({"masterConfig": T4}, 400, "Accelerators need a machine type of Compute Engine, such as"),
        (CUSTOM | {"masterType": "standard", "masterConfig": T4}, 400, "not standard"),
        (CUSTOM | {"masterType": "n1-standard-64", "masterConfig": T4}, 400, 'may have 4 of "NVIDIA_TESLA_T4", not 2'),
        (CUSTOM | {"masterType": "e2-standard-4", "masterConfig": T4}, 400, "is not supported for machine type"),
        ({"hyperparameters": {"maxTrials": 2}}, 400, "training_input.hyperparameters.params"),
        ({"scheduling": {"maxWaitTime": "1799s"}}, 400, "1800s"),
        ({"scheduling": {"priority": 1001}}, 400, "1000"),
        ({"serviceAccount": "else@my-project.iam.gserviceaccount.com"}, 400, "service_account"),
        ({"packageUris": []}, 400, "must have packages"),
        ({"packageUris": ["x.tar.gz"]}, 400, "gs://bucket/object"),
        ({"packageUris": ["gs://bucket/*.whl"]}, 400, "no pattern"),
        ({"jobDir": "gs://bucket"}, 400, "Must be of form gs://bucket/object"),
        ({"pythonModule": ""}, 400, "python_module"),
    ],
)  # fmt: skip
async def test_what_cannot_be_run_is_refused(api, given, code, text):
    error = await api.refusal("POST", "/jobs", training_job(**given))
    assert error["code"] == code
    assert text in error["message"]
    assert api.backend.jobs == {}


@pytest.mark.parametrize(
    ("given", "asked", "kinds"),
    [
        ({"scaleTier": "BASIC_GPU"}, "1 K80", ()),
        (CUSTOM | {"masterType": "complex_model_m_p100"}, "4 P100", ("NVIDIA_TESLA_P100",)),
        (CUSTOM | {"masterType": "n1-standard-8", "masterConfig": T4}, "2 T4", ("NVIDIA_TESLA_T4",)),
        (CUSTOM | {"masterType": "standard_gpu"}, "1 K80", ("NVIDIA_TESLA_K80",)),
    ],
)
async def test_gpus_are_a_matter_of_quota(api, given, asked, kinds):
    made = await api.ask("POST", "/jobs", training_job(**given))
    assert {name: made["trainingInput"][name] for name in given} == given
    [job] = api.backend.jobs.values()
    assert job.spec.gpus == kinds
    api.backend.abilities = replace(api.backend.abilities, gpus=False)
    error = await api.refusal("POST", "/jobs", training_job(**given) | {"jobId": "other"})
    assert error["code"] == 429
    assert f"Quota failure for project my-project. The request for {asked} accelerators" in error["message"]


async def test_a_runtime_version_of_the_backends_own_is_taken(api):
    asked = training_job(runtimeVersion="2.21", pythonVersion="3.11")
    assert "'2.21' with the Python version '3.11' is not" in (await api.refusal("POST", "/jobs", asked))["message"]
    api.backend.abilities = replace(api.backend.abilities, runtimes={"2.21": frozenset({"3.11"})})
    assert (await api.ask("POST", "/jobs", asked))["state"] == "QUEUED"


@pytest.mark.parametrize("runtime", ["1.0", "1.8", "1.15", "2.1", "2.11"])
async def test_every_runtime_version_there_was_is_taken(api, runtime):
    await api.ask("POST", "/jobs", training_job(runtimeVersion=runtime))


async def test_a_job_without_an_input_is_refused(api):
    assert (await api.refusal("POST", "/jobs", {"jobId": "x"}))["code"] == 400


# ---------------------------------------------------------------- lists


async def test_jobs_are_listed_newest_first_in_pages_of_20(api):
    assert await api.ask("GET", "/jobs") == {}
    for number in range(45):
        await api.ask("POST", "/jobs", training_job(f"job_{number}"))
    seen, token, sizes = [], "", []
    while True:
        answer = await api.ask("GET", f"/jobs?pageToken={token}")
        sizes.append(len(answer["jobs"]))
        seen += [job["jobId"] for job in answer["jobs"]]
        token = answer.get("nextPageToken")
        if not token:
            break
        await api.ask("POST", "/jobs", training_job(f"late_{len(sizes)}"))
    assert seen == [f"job_{number}" for number in reversed(range(45))]
    assert sizes == [20, 20, 5]
    assert len((await api.ask("GET", "/jobs?pageSize=1000"))["jobs"]) == 47


async def test_a_filter_chooses(api):
    for name in ("census_1", "census_2", "rnn_1"):
        await api.ask("POST", "/jobs", training_job(name))
    api.backend.move("census_2", *RUN, JobEvent.FAILED)
    for given, wanted in (
        ("jobId:census*", ["census_2", "census_1"]),
        ("jobId:census* AND state:FAILED", ["census_2"]),
        ("NOT state=FAILED", ["rnn_1", "census_1"]),
        ("trainingInput.region:us-east1 jobId:rnn*", ["rnn_1"]),
        ("jobId:nothing", []),
    ):
        answer = await api.ask("GET", f"/jobs?filter={given.replace(' ', '%20')}")
        assert [job["jobId"] for job in answer.get("jobs", [])] == wanted, given


@pytest.mark.parametrize(
    "query", ["pageSize=-1", "pageSize=x", "pageToken=x", "filter=%28", "filter=nothing:x", "unknown=1", "alt=xml"]
)
async def test_bad_parameters_are_400(api, query):
    assert (await api.refusal("GET", f"/jobs?{query}"))["status"] == "INVALID_ARGUMENT"


async def test_a_token_is_good_for_its_own_list_only(api):
    for number in range(3):
        await api.ask("POST", "/jobs", training_job(f"job_{number}"))
    token = (await api.ask("GET", "/jobs?pageSize=1"))["nextPageToken"]
    assert (await api.refusal("GET", f"/jobs?pageSize=1&filter=jobId:job*&pageToken={token}"))["code"] == 400
    assert (await api.refusal("GET", f"/models?pageToken={token}"))["code"] == 400


# ---------------------------------------------------------------- patch and cancel


async def test_labels_are_replaced_whole_if_the_etag_is_the_current_one(api):
    job = await api.ask("POST", "/jobs", training_job() | {"labels": {"a": "1", "b": "2"}})
    given = {"labels": {"c": "3"}, "etag": job["etag"]}
    patched = await api.ask("PATCH", "/jobs/lab?updateMask=labels,etag", given)
    assert patched["labels"] == {"c": "3"}
    assert patched["etag"] != job["etag"]
    error = await api.refusal("PATCH", "/jobs/lab?updateMask=labels,etag", given)
    assert (error["code"], error["status"]) == (409, "ABORTED")
    assert (await api.ask("PATCH", "/jobs/lab?updateMask=labels", {})).get("labels") is None
    api.restart()
    assert "labels" not in await api.ask("GET", "/jobs/lab")


@pytest.mark.parametrize(
    "query", ["", "?updateMask=", "?updateMask=state", "?updateMask=labels,state", "?updateMask=*"]
)
async def test_only_labels_can_be_patched(api, query):
    await api.ask("POST", "/jobs", training_job())
    assert (await api.refusal("PATCH", f"/jobs/lab{query}", {"labels": {}}))["code"] == 400


async def test_cancel(api):
    await api.ask("POST", "/jobs", training_job())
    api.backend.move("lab", *RUN)
    assert await api.ask("POST", "/jobs/lab:cancel") == {}
    assert await api.ask("POST", "/jobs/lab:cancel", {}) == {}
    assert await api.ask("POST", "/jobs/lab:cancel", {"name": "projects/my-project/jobs/lab"}) == {}
    assert (await api.ask("GET", "/jobs/lab"))["state"] == "CANCELLING"
    api.backend.move("lab", JobEvent.STOPPED, message="The job was cancelled by the user.")
    assert (await api.refusal("POST", "/jobs/lab:cancel"))["status"] == "FAILED_PRECONDITION"
    assert (await api.refusal("POST", "/jobs/none:cancel"))["code"] == 404


async def test_a_job_submitted_another_way_is_shown_too(api):
    await api.backend.submit_job(
        TrainingSpec("other", (GsUri("bucket", "p.tar.gz"),), "trainer.task", max_running_time=90.5, labels={"a": "b"})
    )
    job = await api.ask("GET", "/jobs/other")
    assert job["trainingInput"] == {
        "packageUris": ["gs://bucket/p.tar.gz"],
        "pythonModule": "trainer.task",
        "region": "us-central1",
        "scheduling": {"maxRunningTime": "90.500s"},
    }
    assert job["labels"] == {"a": "b"}


async def test_a_job_of_vertex_ai_is_none_of_ml_engine(api):
    await api.backend.submit_job(TrainingSpec("17", (), "trainer.task", service=Service.VERTEX_AI))
    await api.ask("POST", "/jobs", training_job())
    assert [job["jobId"] for job in (await api.ask("GET", "/jobs"))["jobs"]] == ["lab"]
    for verb, path in (("GET", "/jobs/17"), ("PATCH", "/jobs/17?updateMask=labels"), ("POST", "/jobs/17:cancel")):
        assert (await api.refusal(verb, path, {} if verb != "GET" else b""))["code"] == 404
