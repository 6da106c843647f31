"""Batch prediction as ``MemoryBackend`` simulates it: JSON lines in and out, and the counts."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from cloud.backends.base import Backend
from cloud.errors import InvalidArgument, PredictionFailed
from cloud.gcs.input_files import check_inputs, find_inputs
from cloud.lifecycle import VersionState
from cloud.names import GsUri
from cloud.resources import Job, Json, PredictionCounts, Service, Version, VersionSpec
from cloud.resources.batch_prediction import BatchPredictionSpec, InputFormat, OutputFormat

Predict = Callable[[Version, Sequence[Json], str | None], list[Json]]
"""Computes a READY version's predictions for these instances, with this signature if one is named."""

_SHARD = "-00000-of-00001"


async def check(backend: Backend, spec: BatchPredictionSpec) -> None:
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


async def predict_lines(backend: Backend, simulate: Predict, job: Job, spec: BatchPredictionSpec) -> PredictionCounts:
    """Predict for each line of the input, by ``simulate`` where no version of the backend does, and write the results.

    Raises:
        CloudError: the input or the model is gone, or the results cannot be written.
    """
    lines: list[str] = []
    for uri in await find_inputs(spec, backend.list_objects):
        lines += (await backend.read_object(uri)).decode().splitlines()
    results: list[str] = []
    errors: dict[str, int] = {}
    failed = 0
    for start in range(0, len(lines), spec.batch_size):
        batch = lines[start : start + spec.batch_size]
        try:
            results += await _results(backend, simulate, spec, [json.loads(line) for line in batch])
        except (PredictionFailed, ValueError) as error:
            errors[str(error)] = errors.get(str(error), 0) + 1
            failed += len(batch)
    folder = _folder(job, spec)
    texts = {"results": results, "errors_stats": [repr(pair) for pair in errors.items()]}
    for name, rows in texts.items():
        text = "".join(f"{row}\n" for row in rows)
        await backend.write_object(folder / f"prediction.{name}{_SHARD}", text.encode())
    return PredictionCounts(len(results), failed, folder)


async def _results(
    backend: Backend, simulate: Predict, spec: BatchPredictionSpec, instances: Sequence[Json]
) -> list[str]:
    predictions = await _predictions(backend, simulate, spec, instances)
    if spec.service is Service.ML_ENGINE:
        return [json.dumps(prediction) for prediction in predictions]
    pairs = zip(instances, predictions, strict=True)
    return [json.dumps({"instance": instance, "prediction": prediction}) for instance, prediction in pairs]


async def _predictions(
    backend: Backend, simulate: Predict, spec: BatchPredictionSpec, instances: Sequence[Json]
) -> list[Json]:
    if spec.model_uri is None:
        return await backend.predict(spec.model, instances, version=spec.version, signature_name=spec.signature_name)
    version = VersionSpec("batch_prediction", "model", spec.model_uri, image=spec.image, framework=spec.framework)
    return simulate(Version(version, VersionState.READY, datetime.now(UTC)), instances, spec.signature_name)


def _folder(job: Job, spec: BatchPredictionSpec) -> GsUri:
    if spec.service is Service.ML_ENGINE:
        return spec.output_uri
    time = job.create_time.astimezone(UTC).strftime("%Y_%m_%dT%H_%M_%S_%f")[:-3]
    return spec.output_uri / f"prediction-{spec.model_display_name or spec.model}-{time}Z"
