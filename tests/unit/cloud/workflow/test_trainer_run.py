"""A trainer's whole way through a backend in memory, where jobs are simulated; the real one is an integration test."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cloud.backends.memory import MemoryBackend, succeed
from cloud.errors import InvalidArgument
from cloud.lifecycle import JobEvent
from cloud.names import GsUri
from cloud.resources import Job
from cloud.resources.log_entries import Severity
from cloud.testing.contract.probes import wheel
from cloud.workflow.steps import StepFailed
from cloud.workflow.trainer_run import run_trainer

Run = Callable[[MemoryBackend, Job], Awaitable[None]]


def exporting(*names: str) -> Run:
    """A job that writes these objects below its job dir, or what its arguments name, and succeeds."""

    async def run(backend: MemoryBackend, job: Job) -> None:
        folder = job.training.job_dir or GsUri.parse(job.training.args[0])
        for name in names:
            await backend.write_object(folder / name, b"")
        await succeed(backend, job)

    return run


def failing(*lines: str) -> Run:
    async def run(backend: MemoryBackend, job: Job) -> None:
        for line in lines:
            backend.log(job.job_id, line, severity=Severity.ERROR)
        backend.move(job.job_id, JobEvent.SCHEDULED, JobEvent.STARTED)
        backend.move(job.job_id, JobEvent.FAILED, message="The replica master 0 exited with a non-zero status of 2.")

    return run


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A package that is built already: to build one takes half a second."""
    file = tmp_path / "mine-1-py3-none-any.whl"
    file.write_bytes(wheel("mine.task", ""))
    return file


async def test_the_newest_model_predicts_the_instances(archive: Path, tmp_path: Path) -> None:
    backend = MemoryBackend(run=exporting("export/9/saved_model.pb", "export/10/saved_model.pb"))
    (tmp_path / "instances.json").write_text("1\n2.5\n")
    run = await run_trainer(backend, module="mine.task", packages=[archive], json_instances=tmp_path / "instances.json")
    assert run.predictions == [(1, {"double": 2.0}), (2.5, {"double": 5.0})]
    assert run.version.spec.deployment_uri == run.output / "export/10"
    assert run.version.model == "mine"
    assert "Job completed successfully." in [entry.message for entry in run.log]
    again = await run_trainer(backend, module="mine.task", packages=[archive], json_instances=[4])
    assert (again.version.name, again.predictions) == ("v2", [(4, {"double": 8.0})])


async def test_many_instances_are_sent_in_parts(archive: Path) -> None:
    backend = MemoryBackend(run=exporting("saved_model.pb"))
    run = await run_trainer(backend, module="mine.task", packages=[archive], json_instances=range(1200))
    assert [prediction for _, prediction in run.predictions] == [{"double": 2.0 * number} for number in range(1200)]
    assert max(len(request.instances) for request in backend.predictions) <= 500


async def test_the_job_is_what_was_asked_for(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/train.csv").write_text("1")
    backend = MemoryBackend(run=exporting("saved_model.pb"), objects={"gs://other-bucket/dep-1.tar.gz": b""})
    run = await run_trainer(
        backend,
        module="mine.task",
        args=["{output}", "--in={data}/train.csv"],
        data=tmp_path / "data",
        packages=["gs://other-bucket/dep-1.tar.gz", str(archive)],
        env={"KIND": "x", "WHERE": "{output}/logs"},
        runtime_version="2.11",
        python_version="3.7",
        job_dir=False,
        bucket="my-bucket",
    )
    job = run.job.training
    staging = f"gs://my-bucket/{job.job_id}"
    assert job.args == (f"{staging}/output", f"--in={staging}/data/train.csv")
    assert job.env == {"KIND": "x", "WHERE": f"{staging}/output/logs"}
    assert (job.job_dir, str(job.base_output_directory)) == (None, f"{staging}/output")
    assert (job.runtime_version, job.python_version) == ("2.11", "3.7")
    assert (run.version.spec.runtime_version, run.version.spec.python_version) == ("2.11", "3.7")
    assert [uri.name for uri in job.package_uris] == [archive.name, "dep-1.tar.gz"]
    assert await backend.read_object(job.package_uris[0]) == archive.read_bytes()
    assert await backend.read_object(GsUri("my-bucket", f"{job.job_id}/data/train.csv")) == b"1"
    assert run.predictions == []


async def test_a_failed_prediction_fails_the_run(archive: Path) -> None:
    backend = MemoryBackend(run=exporting("saved_model.pb"))
    with pytest.raises(StepFailed, match="not a number") as caught:
        await run_trainer(backend, module="mine.task", packages=[archive], json_instances=["text"])
    assert caught.value.step == "predict"
    assert "--json-instances" in caught.value.advice


async def test_a_failed_jobs_error_has_the_end_of_its_log(archive: Path) -> None:
    backend = MemoryBackend(run=failing(*(f"line {number}" for number in range(100))))
    with pytest.raises(StepFailed, match="status of 2") as caught:
        await run_trainer(backend, module="mine.task", packages=[archive])
    notes = "\n".join(caught.value.__notes__)
    assert "Step train. What to do: read the job's log" in notes
    assert "line 99" in notes
    assert "line 1\n" not in notes


async def test_a_line_of_the_log_decides_what_to_do(archive: Path) -> None:
    line = "task.py: error: unrecognized arguments: --job-dir gs://bkt/output"
    with pytest.raises(StepFailed) as caught:
        await run_trainer(MemoryBackend(run=failing(line, "and more")), module="mine.task", packages=[archive])
    assert "--no-job-dir" in caught.value.advice


async def test_a_job_without_a_model_fails_at_the_deployment(archive: Path) -> None:
    with pytest.raises(StepFailed, match=r"model\.keras is Keras's own format") as caught:
        await run_trainer(MemoryBackend(run=exporting("model.keras")), module="mine.task", packages=[archive])
    assert caught.value.step == "deploy"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"module": "a b"}, "module"),
        ({"module": "__.task"}, "--module"),
        ({"packages": ["x.whl"]}, "--packages"),
        ({"packages": []}, "--package-path"),
        ({"env": {"TF_CONFIG": "{}"}}, "--env"),
        ({"args": ["{data}/x"]}, "--data-dir"),
        ({"env": {"IN": "{data}"}}, "--data-dir"),
        ({"bucket": "No"}, ""),
        ({"json_instances": "missing.json"}, "--json-instances"),
    ],
    ids=str,
)
async def test_a_mistake_is_found_before_anything_is_made(archive: Path, options: dict, field: str) -> None:
    backend = MemoryBackend(run=succeed)
    with pytest.raises(InvalidArgument) as caught:
        await run_trainer(backend, **{"module": "mine.task", "packages": [archive], **options})
    assert field in (caught.value.field or "")
    assert await backend.list_buckets() == []
