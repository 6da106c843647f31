"""The model of a job: a deployed version, or a worker of the job's own."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import orjson

from cloud.engine.batch_prediction.pipeline import RowsFailedError
from cloud.engine.serving.process import MAX_REQUEST, ModelServer
from cloud.engine.serving.service import ServingService
from cloud.engine.serving.signatures import Signature
from cloud.engine.serving.worker_command import Log
from cloud.errors import CloudError, FailedPrecondition, NotFound, Unavailable
from cloud.names import GsUri
from cloud.resources import Framework, Json, Service, Version, VersionSpec
from cloud.resources.batch_prediction import BatchPredictionSpec

TIME_LIMIT = 600.0
"""Seconds for one request, as Vertex AI's jobs give one."""
_MAX_LOST = 3
"""Batches in sequence whose worker was lost, after which the job ends."""
_RAW, _NAMED = "/raw_predict", "/predict"


class Predictor:
    """Sends rows to a model's worker, in the form of the job's service.

    Args:
        check: raises if there is no such model any more.
    """

    def __init__(self, spec: BatchPredictionSpec, server: ModelServer, check: Callable[[], None]) -> None:
        self._server, self._check = server, check
        self._is_vertex = spec.service is Service.VERTEX_AI
        self._path = _RAW if self._is_vertex else _NAMED
        self._tail = _tail(spec)
        self._lost = 0

    async def signatures(self) -> Mapping[str, Signature]:
        """See ``ModelServer.signatures``."""
        return await self._server.signatures()

    async def predict(self, instances: Sequence[bytes]) -> list[Json]:
        """A prediction for each instance.

        Raises:
            RowsFailedError: the model does not answer for these instances.
            CloudError: it does not answer at all, or was deleted.
        """
        body = b'{"instances":[' + b",".join(instances) + self._tail
        if len(body) > MAX_REQUEST:
            raise RowsFailedError(f"{len(body)} bytes of JSON; at most {MAX_REQUEST} in one request")
        try:
            status, content = await self._server.post(self._path, body, TIME_LIMIT)
        except Unavailable as error:
            self._check()
            self._lost += 1
            if self._lost >= _MAX_LOST:
                raise
            raise RowsFailedError(self._refusal(HTTPStatus.SERVICE_UNAVAILABLE, error.message)) from error
        self._lost = 0
        answer = _loads(content)
        if status != HTTPStatus.OK:
            text = content.decode() if self._is_vertex else str(answer["error"])
            raise RowsFailedError(self._refusal(status, text))
        predictions: list[Json] = answer["predictions"]
        if len(predictions) != len(instances):
            raise RowsFailedError(f"{len(predictions)} predictions for {len(instances)} instances")
        return predictions

    def _refusal(self, status: int, text: str) -> str:
        """In the words of the service."""
        if not self._is_vertex:
            return text.partition("\n\nCaused by op")[0]
        return (
            "Post request fails. Cannot get predictions. Error: Exceeded retries: "
            f"Non-OK result {int(status)} ({text}) from server, retry=0, elapsed=0.00s."
        )


@asynccontextmanager
async def opened(
    spec: BatchPredictionSpec,
    serving: ServingService,
    download: Callable[[GsUri, Path], Awaitable[object]],
    folder: Path,
    log: Log,
) -> AsyncIterator[Predictor]:
    """The model, ready to predict.

    Args:
        download: copies the files of a model that is not deployed.
        folder: for them.

    Raises:
        CloudError: it does not exist, cannot be read, or cannot be served.
    """
    if spec.model_uri is None:
        version, server = serving.served(spec.model, spec.version)

        def check() -> None:
            _check_exists(serving, version)

        try:
            await server.start()
        except CloudError as error:
            raise _not_served(spec, error) from error
        yield Predictor(spec, server, check)
        return
    await download(spec.model_uri.as_folder(), folder)
    server = serving.own_server(_own_version(spec, spec.model_uri), folder, log)
    try:
        try:
            await server.start()
        except CloudError as error:
            raise _not_served(spec, error) from error
        yield Predictor(spec, server, lambda: None)
    finally:
        await server.close()


def _check_exists(serving: ServingService, version: Version) -> None:
    try:
        serving.served(version.model, version.name)
    except (NotFound, FailedPrecondition) as error:
        raise FailedPrecondition(
            f"Version {version.name} of model {version.model} was deleted while the job used it."
        ) from error


def _not_served(spec: BatchPredictionSpec, error: CloudError) -> CloudError:
    if spec.service is Service.VERTEX_AI:
        return FailedPrecondition(
            "Error: model server never became ready. Please validate that your model file or container configuration "
            f"are valid. ({error.message})"
        )
    return FailedPrecondition(f"Failed to load model: {error.message}")


def _own_version(spec: BatchPredictionSpec, uri: GsUri) -> VersionSpec:
    return VersionSpec(
        model="batch_prediction",
        name="model",
        deployment_uri=uri,
        runtime_version=spec.runtime_version,
        framework=spec.framework,
        serving_stack=spec.serving_stack,
        image=spec.image,
    )


def _tail(spec: BatchPredictionSpec) -> bytes:
    rest: dict[str, Json] = {}
    # Jobs with models of scikit-learn and XGBoost succeed at Google whatever their parameters are, which ``predict``
    # of these libraries would refuse, as it does for an endpoint: Google's samples give such jobs some.
    if spec.parameters is not None and spec.framework is Framework.TENSORFLOW:
        rest["parameters"] = spec.parameters
    if spec.signature_name:
        rest["signature_name"] = spec.signature_name
    return b"]," + orjson.dumps(rest)[1:] if rest else b"]}"


def _loads(content: bytes) -> Json:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:  # TensorFlow Serving writes NaN
        return json.loads(content)
