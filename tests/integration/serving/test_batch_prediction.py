"""Batch prediction jobs of the engine, in a whole local cloud with the SavedModels of models.py."""

import ast
import asyncio
import errno
import gzip
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from cloud.errors import InvalidArgument, NotFound
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import Access, Job, Json, Service, ServingStack, VersionSpec
from cloud.resources.batch_prediction import BatchPredictionSpec, InputFormat, InstanceConfig, OutputFormat
from cloud.server.local import LocalCloud
from cloud.settings import LauncherKind, ServiceAgents, Settings

pytestmark = pytest.mark.asyncio(loop_scope="session")

BUCKET = "batch-prediction"
RESULTS, ERRORS = "prediction.results-00000-of-00001", "prediction.errors_stats-00000-of-00001"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cloud(models: Path) -> AsyncIterator[LocalCloud]:
    async with LocalCloud(Settings(launcher=LauncherKind.WARM)) as cloud:
        backend = cloud.backend
        await backend.create_bucket(BUCKET)
        for model in ("zoo", "double"):
            await backend.upload(models / model, GsUri(BUCKET, f"models/{model}"))
            await backend.create_model(model)
            await backend.create_version(VersionSpec(model, "v1", GsUri(BUCKET, f"models/{model}")))
            version = await backend.wait_for_version(model, "v1")
            assert not version.error_message
        yield cloud


async def run(cloud: LocalCloud, content: bytes | str, *, path: str = "in", **given: Json) -> tuple[Job, GsUri]:
    """The finished job, and the folder of its input and results."""
    folder = GsUri(BUCKET, f"jobs/{uuid4().hex}")
    await cloud.backend.write_object(folder / path, content.encode() if isinstance(content, str) else content)
    is_vertex = given.get("service") is Service.VERTEX_AI
    job_id = str(uuid4().int)[:18] if is_vertex else f"batch_{uuid4().hex}"
    defaults = {"input_uris": (folder / path,), "output_uri": folder / "out"}
    spec = BatchPredictionSpec(job_id, **(defaults | given))  # type: ignore[arg-type]
    await cloud.backend.submit_job(spec)
    return await cloud.backend.wait_for_job(job_id, timeout=60), folder


async def results(cloud: LocalCloud, job: Job) -> dict[str, str]:
    """The files by name."""
    assert job.state is JobState.SUCCEEDED, job.error_message
    assert job.predictions is not None
    assert job.predictions.output_uri is not None
    found = await cloud.backend.list_objects(job.predictions.output_uri)
    return {stored.uri.name: (await cloud.backend.read_object(stored.uri)).decode() for stored in found}


def counts(job: Job) -> tuple[int, int]:
    assert job.predictions is not None
    return job.predictions.succeeded, job.predictions.failed


async def test_lines_are_predicted_in_order_whatever_their_number(cloud):
    lines = "".join(f'{{"x": {number}, "y": 1}}\n' for number in range(5000))
    job, folder = await run(cloud, lines, model="double")
    files = await results(cloud, job)
    assert [json.loads(line) for line in files[RESULTS].splitlines()] == [
        {"scaled": 2.0 * number + 1} for number in range(5000)
    ]
    assert files[RESULTS].startswith('{"scaled": 1.0}\n')
    assert files[ERRORS] == ""
    assert counts(job) == (5000, 0)
    assert job.predictions.output_uri == folder / "out"
    log = [entry.message for entry in await cloud.backend.read_logs(job.job_id)]
    assert log == [
        "Validating job requirements...",
        "Job creation request has been successfully validated.",
        f"Job {job.job_id} is queued.",
        "Waiting for job to be provisioned.",
        "Job completed successfully.",
    ]


async def test_a_bad_row_fails_its_whole_batch_and_no_other(cloud):
    lines = [str(number) for number in range(100, 200)]
    lines[25], lines[57], lines[58] = "13", "no JSON", "[1]"
    job, _ = await run(cloud, "\n".join(lines), model="zoo", version="v1", signature_name="picky", batch_size=10)
    files = await results(cloud, job)
    assert counts(job) == (80, 20)
    assert len(files[RESULTS].splitlines()) == 80
    errors = dict(map(ast.literal_eval, files[ERRORS].splitlines()))
    assert sorted(errors.values()) == [1, 1]
    assert "Expecting value: line 1 column 1 (char 0)" in errors
    assert any("thirteen" in message for message in errors)


async def test_a_model_with_one_string_input_gets_raw_lines_and_records(cloud):
    job, _ = await run(cloud, '{"image": 1}\nüb\n', model="zoo", signature_name="echo")
    files = await results(cloud, job)
    rows = [json.loads(line) for line in files[RESULTS].splitlines()]
    assert [(row["same"], row["size"]) for row in rows] == [('{"image": 1}', 12), ("üb", 3)]


async def test_files_may_be_several_compressed_and_named_by_a_pattern(cloud):
    folder = GsUri(BUCKET, f"jobs/{uuid4().hex}")
    await cloud.backend.write_object(folder / "part-1.gz", gzip.compress(b"1\n2\n"))
    await cloud.backend.write_object(folder / "part-2", b"3")
    await cloud.backend.write_object(folder / "deeper/part-3", b"4")
    job, _ = await run(
        cloud, "5", model="zoo", signature_name="picky", input_uris=(folder / "part-*", folder / "part-2")
    )
    assert [json.loads(line)["x"] for line in (await results(cloud, job))[RESULTS].splitlines()] == [1, 2, 3]


async def test_the_output_may_be_csv(cloud):
    job, _ = await run(cloud, "4\n", model="zoo", signature_name="inverse", output_format=OutputFormat.CSV)
    files = await results(cloud, job)
    assert files["prediction.results_header.csv"] == "inverse,root\r\n"
    assert files[RESULTS + ".csv"] == "0.25,2.0\r\n"


async def test_a_savedmodel_that_is_not_deployed_gets_a_worker_of_its_own(cloud):
    job, _ = await run(cloud, '{"x": 1, "y": 1}', model_uri=GsUri(BUCKET, "models/double"))
    assert (await results(cloud, job))[RESULTS] == '{"scaled": 3.0}\n'


async def test_a_folder_without_a_model_fails_the_job(cloud):
    job, folder = await run(cloud, "1", model_uri=GsUri(BUCKET, "models/none"))
    assert (job.state, counts(job)) == (JobState.FAILED, (0, 0))
    assert "no object matches 'gs://batch-prediction/models/none/'" in job.error_message
    assert [stored.uri.name for stored in await cloud.backend.list_objects(folder)] == ["in"]


async def test_an_unreadable_file_fails_the_job_on_ml_engine(cloud):
    job, folder = await run(
        cloud, b"no record", model="zoo", signature_name="picky", input_format=InputFormat.TF_RECORD
    )
    assert job.state is JobState.FAILED
    assert job.error_message == f"Cannot read {folder}/in: truncated record at 0"
    assert [stored.uri.name for stored in await cloud.backend.list_objects(folder)] == ["in"]


async def test_what_does_not_exist_is_refused_at_once(cloud):
    for model, version in (("none", None), ("zoo", "v2")):
        with pytest.raises(NotFound):
            await run(cloud, "1", model=model, version=version)
    with pytest.raises(InvalidArgument, match=r"job.prediction_input.input_paths: No file matches 'gs://.*/none\*'"):
        await run(cloud, "1", model="zoo", input_uris=(GsUri(BUCKET, "none*"),))
    with pytest.raises(InvalidArgument, match="input_paths: The specified bucket does not exist"):
        await run(cloud, "1", model="zoo", input_uris=(GsUri("no-such-bucket-at-all", "none"),))


async def test_a_signature_that_does_not_exist_fails_the_job(cloud):
    job, _ = await run(cloud, "1", model="zoo", signature_name="none")
    assert job.error_message == "No signature found for signature key none."


async def vertex(cloud: LocalCloud, content: bytes | str, model: str = "zoo", **given: Json) -> tuple[Job, GsUri]:
    defaults = {
        "service": Service.VERTEX_AI,
        "model_uri": GsUri(BUCKET, f"models/{model}"),
        "serving_stack": ServingStack.TENSORFLOW_SERVING,
        "model_display_name": "my model",
    }
    return await run(cloud, content, **(defaults | given))


async def test_vertex_lines_have_the_instance_and_the_stacks_own_prediction(cloud):
    job, folder = await vertex(cloud, '{"x": 1, "y": 0.5}\n{"x": 2, "y": 0}\n', "double")
    files = await results(cloud, job)
    assert files[RESULTS].splitlines() == [
        '{"instance": {"x": 1, "y": 0.5}, "prediction": 2.5}',
        '{"instance": {"x": 2, "y": 0}, "prediction": 4.0}',
    ]
    assert files[ERRORS] == ""
    time = job.create_time.strftime("%Y_%m_%dT%H_%M_%S_")
    assert str(job.predictions.output_uri).startswith(f"{folder}/out/prediction-my model-{time}")


async def test_vertex_instances_are_made_as_the_configuration_says(cloud):
    config = InstanceConfig(key_field="id", excluded_fields=("note",))
    lines = '{"id": "a", "x": 1, "y": 2, "note": "n"}'
    job, _ = await vertex(cloud, lines, "double", instance_config=config)
    assert (await results(cloud, job))[RESULTS] == '{"key": "a", "prediction": 4.0}\n'


async def test_a_vertex_job_without_any_prediction_fails(cloud):
    job, folder = await vertex(cloud, '{"z": 1}', "double")
    assert job.state is JobState.FAILED
    assert "Non-OK result 400 (" in job.error_message
    assert [stored.uri.name for stored in await cloud.backend.list_objects(folder)] == ["in"]


# ---------------------------------------------------------------- bad days


SLOW = "100000\n" * 4000
"""Lines for the signature "slow" of the zoo, which takes a second or more for each request."""


async def started(cloud: LocalCloud, **given: Json) -> tuple[str, GsUri]:
    """A job that is RUNNING for minutes, and its folder."""
    folder = GsUri(BUCKET, f"jobs/{uuid4().hex}")
    await cloud.backend.write_object(folder / "in", SLOW.encode())
    job_id = f"slow_{uuid4().hex}"
    defaults = {"model": "zoo", "signature_name": "slow"}
    await cloud.backend.submit_job(BatchPredictionSpec(job_id, (folder / "in",), folder / "out", **(defaults | given)))
    async with asyncio.timeout(30):
        while (await cloud.backend.get_job(job_id)).state is not JobState.RUNNING:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return job_id, folder


async def names(cloud: LocalCloud, folder: GsUri) -> list[str]:
    return [stored.uri.name for stored in await cloud.backend.list_objects(folder)]


async def test_a_line_of_40_mb_fails_alone(cloud):
    lines = b"1\n" + b"9" * 40_000_000 + b"\n2\n"
    job, _ = await run(cloud, lines, model="zoo", signature_name="picky")
    files = await results(cloud, job)
    assert [json.loads(line)["x"] for line in files[RESULTS].splitlines()] == [1, 2]
    assert ast.literal_eval(files[ERRORS]) == (
        "The instance is too large: 40000000 bytes, where a request to the model has at most 32 MiB.",
        1,
    )
    assert counts(job) == (2, 1)


async def test_cancelling_leaves_no_file(cloud):
    job_id, folder = await started(cloud)
    await cloud.backend.cancel_job(job_id)
    job = await cloud.backend.wait_for_job(job_id, timeout=30)
    assert job.state is JobState.CANCELLED
    assert await names(cloud, folder) == ["in"]


async def test_a_version_that_is_deleted_meanwhile_fails_the_job_by_its_name(cloud):
    backend = cloud.backend
    await backend.create_model("doomed")
    await backend.create_version(VersionSpec("doomed", "v1", GsUri(BUCKET, "models/zoo")))
    await backend.wait_for_version("doomed", "v1")
    job_id, folder = await started(cloud, model="doomed")
    await backend.delete_version("doomed", "v1")
    job = await backend.wait_for_job(job_id, timeout=30)
    assert job.error_message == "Version v1 of model doomed was deleted while the job used it."
    assert await names(cloud, folder) == ["in"]


async def test_a_model_that_is_deleted_before_the_start_fails_the_job(models, tmp_path):
    async with LocalCloud(Settings(launcher=LauncherKind.COLD, concurrent_jobs=1)) as cloud:
        backend = cloud.backend
        await backend.create_bucket(BUCKET)
        await backend.upload(models / "zoo", GsUri(BUCKET, "models/zoo"))
        for model in ("zoo", "doomed"):
            await backend.create_model(model)
            await backend.create_version(VersionSpec(model, "v1", GsUri(BUCKET, "models/zoo")))
            await backend.wait_for_version(model, "v1")
        first, folder = await started(cloud)
        spec = BatchPredictionSpec("second", (folder / "in",), folder / "out", model="doomed")
        await backend.submit_job(spec)
        await backend.delete_version("doomed", "v1")
        await backend.cancel_job(first)
        job = await backend.wait_for_job("second", timeout=30)
        assert (job.state, "default version" in job.error_message) == (JobState.FAILED, True)


async def test_an_output_that_may_not_be_written_is_told_with_the_mend(models):
    settings = Settings(launcher=LauncherKind.COLD, service_agents=ServiceAgents.BARE)
    async with LocalCloud(settings) as cloud:
        backend = cloud.backend
        await backend.create_bucket(BUCKET)
        await backend.upload(models / "zoo", GsUri(BUCKET, "models/zoo"))
        await backend.write_object(GsUri(BUCKET, "in"), b"1")
        agent = await backend.ml_service_account()
        for access in (Access.READ, Access.READ_NEW):
            await backend.grant(BUCKET, agent, access)
        spec = {"input_uris": (GsUri(BUCKET, "in"),), "model_uri": GsUri(BUCKET, "models/zoo")}
        job, folder = await run(cloud, "1", **spec, signature_name="picky")
        assert job.state is JobState.FAILED
        for part in (agent, "storage.objects.create", BUCKET, "gcloud storage buckets add-iam-policy-binding"):
            assert part in job.error_message
        assert await names(cloud, folder) == ["in"]


async def test_a_full_disk_fails_the_job_in_words(cloud, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("cloud.engine.batch_prediction.writers.Output.succeeded", full)
    job, folder = await run(cloud, "1", model="zoo", signature_name="picky")
    assert "There is no room left on the disk" in job.error_message
    assert await names(cloud, folder) == ["in"]


async def test_a_job_whose_server_stops_begins_again_with_the_next(models, tmp_path):
    settings = Settings(launcher=LauncherKind.COLD, state_dir=tmp_path / "state")
    async with LocalCloud(settings) as cloud:
        backend = cloud.backend
        await backend.create_bucket(BUCKET)
        await backend.upload(models / "zoo", GsUri(BUCKET, "models/zoo"))
        await backend.create_model("zoo")
        await backend.create_version(VersionSpec("zoo", "v1", GsUri(BUCKET, "models/zoo")))
        await backend.wait_for_version("zoo", "v1")
        job_id, folder = await started(cloud)
    async with LocalCloud(settings) as cloud:
        assert (await cloud.backend.get_job(job_id)).state is JobState.RUNNING
        assert await names(cloud, folder) == ["in"]
        await cloud.backend.write_object(folder / "in", b"1\n2\n")
        job = await cloud.backend.wait_for_job(job_id, timeout=60)
        assert counts(job) in ((2, 0), (4000, 0))
        assert len((await results(cloud, job))[RESULTS].splitlines()) == counts(job)[0]
        log = [entry.message async for entry in cloud.backend.follow_logs(job_id)]
        assert "Job cancelled." not in log
        assert log[-1] == "Job completed successfully."
