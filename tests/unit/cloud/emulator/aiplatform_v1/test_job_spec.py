"""Containers of jobs whose images were built here."""

import pytest

from cloud.engine.runtimes import image_program, python_code
from emulator_api.built_images import URI
from emulator_api.vertex_api import custom_job

PLAIN = {"machineSpec": {"machineType": "n1-standard-4"}}


def container(name: str = "trainer:latest", **given):
    return PLAIN | {"containerSpec": {"imageUri": f"gcr.io/my-project/{name}"} | given}


@pytest.mark.parametrize(
    ("given", "module", "args"),
    [
        (container(), "trainer.task", ()),
        (container(command=[], args=["--lr=1"]), "trainer.task", ("--lr=1",)),
        (container("file"), image_program.MODULE, ("python", "task.py", "--epochs=1")),
        (container("file", args=["--epochs=9"]), image_program.MODULE, ("python", "task.py", "--epochs=9")),
        (container("file", command=["python", "-c", "print()"]), python_code.MODULE, ("print()",)),
        (container("file", command=["bash", "run.sh"], args=["x"]), image_program.MODULE, ("bash", "run.sh", "x")),
        (container("cmd"), "trainer.task", ()),
    ],
)
async def test_an_image_that_was_built_here_runs(api, given, module, args):
    made = await api.ask("POST", "/customJobs", custom_job(given))
    shown = {name: value for name, value in given["containerSpec"].items() if value}
    assert made["jobSpec"]["workerPoolSpecs"][0]["containerSpec"] == shown
    [job] = api.backend.jobs.values()
    assert (job.spec.python_module, job.spec.args) == (module, args)
    assert job.spec.image == given["containerSpec"]["imageUri"]
    assert job.spec.image_digest


async def test_pools_may_have_images_of_their_own(api):
    workers = container("file") | {"replicaCount": "2"}
    await api.ask("POST", "/customJobs", custom_job(container(), workers))
    [job] = api.backend.jobs.values()
    [program] = job.spec.programs
    assert (job.spec.image, job.spec.image_digest) == (URI, "sha256:1")
    assert (program.pool, program.image_digest, program.args[:2]) == (1, "sha256:2", ("python", "task.py"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (container("other"), "'gcr.io/my-project/other' was not built and pushed here: do so by `gcloud builds submit"),
        (container("nothing"), "The image has neither ENTRYPOINT nor CMD"),
        (container("cmd", args=["--x"]), "The image has no ENTRYPOINT, and the job's arguments replace its CMD"),
    ],
)
async def test_what_does_not_run_is_refused(api, given, said):
    error = await api.refusal("POST", "/customJobs", custom_job(given))
    assert (error["code"], said in error["message"]) == (400, True), error
    assert not api.backend.jobs


def tuning(pool):
    parameter = {"parameterId": "lr", "doubleValueSpec": {"minValue": 0, "maxValue": 1}}
    study = {"metrics": [{"metricId": "loss", "goal": "MINIMIZE"}], "parameters": [parameter]}
    spec = {"workerPoolSpecs": [pool]}
    return {
        "displayName": "t", "maxTrialCount": 2, "parallelTrialCount": 1, "studySpec": study, "trialJobSpec": spec,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "module", "args", "reaches_program"),
    [
        ("trainer:latest", "trainer.task", (), True),
        ("file", image_program.MODULE, ("python", "task.py"), True),
        ("shell", image_program.MODULE, ("/bin/sh", "-c", "python task.py && ls"), False),
    ],
)
async def test_arguments_of_trials_replace_those_of_the_image(api, name, module, args, reaches_program):
    await api.ask("POST", "/hyperparameterTuningJobs", tuning(container(name, command=[], args=[])))
    [job] = api.backend.jobs.values()
    training = job.spec.training
    assert (training.python_module, training.args, job.spec.reaches_program) == (module, args, reaches_program)


async def test_trials_of_an_image_without_entry_point_have_no_program(api):
    error = await api.refusal("POST", "/hyperparameterTuningJobs", tuning(container("cmd")))
    assert "The image has no ENTRYPOINT" in error["message"]
