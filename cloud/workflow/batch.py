"""Batch prediction of labelled rows in a run: the instances' file, and the results beside the labels."""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping

from cloud.backends.base import Backend
from cloud.errors import FailedPrecondition
from cloud.names import GsUri
from cloud.resources import Job, Json
from cloud.resources.batch_prediction import BatchPredictionSpec

Row = tuple[Mapping[str, Json], float]
"""An instance and its label."""
_RESULTS = "prediction.results-*"


async def upload(backend: Backend, rows: Iterable[Row], file: GsUri) -> int:
    """Write the rows' instances, one in JSON a line; returns how many.

    Raises:
        NotFound: no such bucket.
    """
    lines = [json.dumps(instance) for instance, _ in rows]
    await backend.write_object(file, "".join(f"{line}\n" for line in lines).encode())
    return len(lines)


def batch_spec(job_id: str, model: str, version: str, file: GsUri, output: GsUri, region: str) -> BatchPredictionSpec:
    return BatchPredictionSpec(job_id, (file,), output, model=model, version=version, region=region)


async def results(backend: Backend, job: Job, rows: Callable[[], Iterator[Row]]) -> AsyncIterator[tuple[float, Json]]:
    """Yield each row's label and prediction, in any order.

    Vertex AI's results have the instance, which finds the label. ML Engine's do not, so that they are taken in order,
    which holds within one file.

    Raises:
        FailedPrecondition: there are rows without a prediction, or results that cannot be told apart.
    """
    counts = job.predictions
    if counts is None or counts.output_uri is None or counts.failed:
        failed = counts.failed if counts else 0
        raise FailedPrecondition(f"job {job.job_id} has no prediction for {failed or 'any'} of its instances")
    files = await backend.list_objects(counts.output_uri / _RESULTS)
    in_order, labels = rows(), dict[str, float]()
    for file in files:
        for line in (await backend.read_object(file.uri)).splitlines():
            result = json.loads(line)
            if "instance" in result and "prediction" in result:
                labels = labels or {_key(instance): label for instance, label in rows()}
                yield labels[_key(result["instance"])], result["prediction"]
            elif len(files) > 1:
                raise FailedPrecondition(f"the results are in {len(files)} files, and do not have their instances")
            else:
                yield next(in_order)[1], result


def _key(instance: Mapping[str, Json]) -> str:
    return json.dumps(instance, sort_keys=True)
