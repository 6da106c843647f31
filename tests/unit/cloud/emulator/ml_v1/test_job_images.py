import pytest

from cloud.engine.runtimes import image_program
from emulator_api.built_images import URI
from emulator_api.ml_requests import training_job


def job(name: str = "trainer:latest", *, config=None, **given):
    asked = training_job(**given)
    for left_out in ("packageUris", "pythonModule", "runtimeVersion", "pythonVersion", "args", "jobDir"):
        if left_out not in given:
            asked["trainingInput"].pop(left_out, None)
    asked["trainingInput"]["masterConfig"] = {"imageUri": f"gcr.io/my-project/{name}"} | (config or {})
    return asked


@pytest.mark.parametrize(
    ("asked", "module", "args"),
    [
        (job(), "trainer.task", ()),
        (job(args=["--lr=1"]), "trainer.task", ("--lr=1",)),
        (job("file"), image_program.MODULE, ("python", "task.py", "--epochs=1")),
        (job("file", args=["--lr=1"]), image_program.MODULE, ("python", "task.py", "--lr=1")),
        (job("file", jobDir="gs://bucket/out"), image_program.MODULE, ("python", "task.py")),
        (
            job("file", config={"containerCommand": ["bash"], "containerArgs": ["run.sh"]}, args=["x"]),
            image_program.MODULE,
            ("bash", "run.sh", "x"),
        ),
    ],
)
async def test_an_image_that_was_built_here_runs(api, asked, module, args):
    made = await api.ask("POST", "/jobs", asked)
    assert made["trainingInput"] == asked["trainingInput"]
    [created] = api.backend.jobs.values()
    assert (created.spec.python_module, created.spec.args) == (module, args)
    assert created.spec.image == asked["trainingInput"]["masterConfig"]["imageUri"]
    assert created.spec.image_digest


async def test_replicas_run_the_image_of_the_master(api):
    custom = {"scaleTier": "CUSTOM", "masterType": "n1-standard-4", "workerType": "n1-standard-4", "workerCount": "2"}
    asked = job(**custom, useChiefInTfConfig=True)
    asked["trainingInput"]["workerConfig"] = {"imageUri": URI}
    await api.ask("POST", "/jobs", asked)
    [created] = api.backend.jobs.values()
    assert (created.spec.worker_count, created.spec.chief_in_tf_config) == (2, True)
    other = job(**custom) | {"jobId": "other"}
    other["trainingInput"]["workerConfig"] = {"imageUri": "gcr.io/my-project/file"}
    error = await api.refusal("POST", "/jobs", other)
    assert "All replicas run the master's image and command here" in error["message"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (job("other"), "'gcr.io/my-project/other' was not built and pushed here"),
        (job("nothing"), "The image has neither ENTRYPOINT nor CMD"),
        (job("cmd", args=["--x"]), "The image has no ENTRYPOINT"),
        (job(runtimeVersion="2.3"), "Only one of runtime version or the master Docker image URI"),
    ],
)
async def test_what_does_not_run_is_refused(api, asked, said):
    error = await api.refusal("POST", "/jobs", asked)
    assert (error["code"], said in error["message"]) == (400, True), error
    assert not api.backend.jobs
