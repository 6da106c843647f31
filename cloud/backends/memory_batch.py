"""Batch prediction as ``MemoryBackend`` simulates it: JSON lines in and out, and the counts."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cloud.errors import CloudError, InvalidArgument, PredictionFailed
from cloud.gcs.input_files import check_inputs, find_inputs
from cloud.lifecycle import JobEvent, VersionState
from cloud.names import GsUri
from cloud.resources import Job, Json, PredictionCounts, Service, Version, VersionSpec
from cloud.resources.batch_prediction import BatchPredictionSpec, InputFormat, OutputFormat
from cloud.resources.log_entries import Severity

if TYPE_CHECKING:
    from cloud.backends.memory import MemoryBackend

_SHARD = "-00000-of-00001"


async def check(backend: "MemoryBackend", spec: BatchPredictionSpec) -> None:
    """Raises:
    InvalidArgument: it is not simulated, or there is no input.
    NotFound: there is no such model or version.
    """
    if (spec.input_format, spec.output_format) != (InputFormat.JSON_LINES, OutputFormat.JSON_LINES):
        raise InvalidArgument(
            f"Only JSON lines are simulated in memory, not {spec.input_format} to {spec.output_format}.", field="job"
        )
    await check_inputs(spec, backend.list_objects)
    if spec.model and spec.version is not None:
        await backend.get_version(spec.model, spec.version)
    elif spec.model:
        await backend.get_model(spec.model)


async def run(backend: "MemoryBackend", job: Job, spec: BatchPredictionSpec) -> None:
    """A ``Run`` of such a job."""
    backend.log(job.job_id, f"Job {job.job_id} is queued.")
    backend.move(job.job_id, JobEvent.SCHEDULED)
    try:
        counts = await _predict_lines(backend, job, spec)
    except CloudError as error:
        backend.log(job.job_id, "Job failed.", severity=Severity.ERROR)
        backend.move(job.job_id, JobEvent.FAILED, message=str(error))
        return
    backend.count(job.job_id, counts)
    backend.log(job.job_id, "Job completed successfully.")
    backend.move(job.job_id, JobEvent.STARTED, JobEvent.COMPLETED)


async def _predict_lines(backend: "MemoryBackend", job: Job, spec: BatchPredictionSpec) -> PredictionCounts:
    """Predict for each line of the input, and write the results."""
    lines: list[str] = []
    for uri in await find_inputs(spec, backend.list_objects):
        lines += (await backend.read_object(uri)).decode().splitlines()
    results: list[str] = []
    errors: dict[str, int] = {}
    failed = 0
    for start in range(0, len(lines), spec.batch_size):
        batch = lines[start : start + spec.batch_size]
        try:
            results += await _results(backend, spec, [json.loads(line) for line in batch])
        except (PredictionFailed, ValueError) as error:
            errors[str(error)] = errors.get(str(error), 0) + 1
            failed += len(batch)
    folder = _folder(job, spec)
    texts = {"results": results, "errors_stats": [repr(pair) for pair in errors.items()]}
    for name, rows in texts.items():
        text = "".join(f"{row}\n" for row in rows)
        await backend.write_object(folder / f"prediction.{name}{_SHARD}", text.encode())
    return PredictionCounts(len(results), failed, folder)


async def _results(backend: "MemoryBackend", spec: BatchPredictionSpec, instances: Sequence[Json]) -> list[str]:
    predictions = await _predictions(backend, spec, instances)
    if spec.service is Service.ML_ENGINE:
        return [json.dumps(prediction) for prediction in predictions]
    pairs = zip(instances, predictions, strict=True)
    return [json.dumps({"instance": instance, "prediction": prediction}) for instance, prediction in pairs]


async def _predictions(backend: "MemoryBackend", spec: BatchPredictionSpec, instances: Sequence[Json]) -> list[Json]:
    if spec.model_uri is None:
        return await backend.predict(spec.model, instances, version=spec.version, signature_name=spec.signature_name)
    version = VersionSpec("batch_prediction", "model", spec.model_uri, image=spec.image, framework=spec.framework)
    return backend.simulate(Version(version, VersionState.READY, datetime.now(UTC)), instances, spec.signature_name)


def _folder(job: Job, spec: BatchPredictionSpec) -> GsUri:
    if spec.service is Service.ML_ENGINE:
        return spec.output_uri
    time = job.create_time.astimezone(UTC).strftime("%Y_%m_%dT%H_%M_%S_%f")[:-3]
    return spec.output_uri / f"prediction-{spec.model_display_name or spec.model}-{time}Z"
