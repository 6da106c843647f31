"""``predict`` and ``rawPredict`` of endpoints.

``predict`` is Vertex AI's own form, in which all numbers are doubles; ``rawPredict`` hands the body to the model server
and its answer back as they are: TensorFlow Serving's, or those of this project's own worker.
"""

import random
from collections.abc import Mapping
from http import HTTPStatus

import orjson
from aiohttp import web

from cloud.emulator.aiplatform_v1.artifacts import framework, is_own
from cloud.emulator.aiplatform_v1.endpoints import backend_model, backend_version
from cloud.emulator.aiplatform_v1.models import ModelMethods
from cloud.emulator.aiplatform_v1.project import Project
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.records import Record
from cloud.errors import FailedPrecondition, InvalidArgument, NotFound
from cloud.resources import Framework, Json

MAX_PAYLOAD = 1_572_864
"""Bytes of a request: 1.5 MB."""
_EXACT = 2.0**53
"""Beyond it a double is no exact integer."""


class PredictionMethods:
    def __init__(self, project: Project, models: ModelMethods) -> None:
        self._project, self._models = project, models
        self._backend, self._records = project.backend, project.records

    async def predict(self, call: Call) -> Json:
        endpoint, deployed = self._route(call)
        version = self._records.get(deployed["version"])
        instances = _as_integers(call.body.get("instances", []))
        if framework(version.fields["containerSpec"]) is not Framework.TENSORFLOW:
            predictions = await self._predict_raw(endpoint, deployed, instances, call.body.get("parameters"))
            return self._answer(deployed, version, predictions)
        # TensorFlow Serving knows no parameters.
        signature = _chosen(call.body.get("parameters")) if _is_own(version) else None
        model, at = backend_model(endpoint.name), backend_version(deployed["id"])
        predictions = await self._backend.predict(model, instances, version=at, signature_name=signature)
        if not _is_own(version):
            predictions = list(map(_bare, predictions))
        return self._answer(deployed, version, predictions)

    async def _predict_raw(
        self, endpoint: Record, deployed: Mapping[str, Json], instances: Json, parameters: Json
    ) -> list[Json]:
        """By the model server's own answer.

        Raises:
            FailedPrecondition: with the server's text, as in googleapis/python-aiplatform#514.
        """
        body = orjson.dumps({"instances": instances, "parameters": parameters})
        model, at = backend_model(endpoint.name), backend_version(deployed["id"])
        answer = await self._backend.raw_predict(model, body, version=at)
        if answer.status != HTTPStatus.OK:
            raise FailedPrecondition(answer.content.decode())
        predictions: list[Json] = orjson.loads(answer.content)["predictions"]
        return predictions

    def _answer(self, deployed: Mapping[str, Json], version: Record, predictions: list[Json]) -> Json:
        name, _, number = version.name.partition("@")
        return {
            "predictions": predictions,
            "deployedModelId": deployed["id"],
            "model": self._project.full_name(name),
            "modelDisplayName": self._models.display_name(version),
            "modelVersionId": number,
        }

    async def raw_predict(self, call: Call) -> web.Response:
        endpoint, deployed = self._route(call)
        model, version = backend_model(endpoint.name), backend_version(deployed["id"])
        answer = await self._backend.raw_predict(model, call.content, version=version)
        name, _, number = deployed["version"].partition("@")
        headers = {
            "X-Vertex-AI-Endpoint-Id": endpoint.id,
            "X-Vertex-AI-Deployed-Model-Id": deployed["id"],
            "X-Vertex-AI-Model": self._project.full_name(name),
            "X-Vertex-AI-Model-Version-Id": number,
        }
        return web.Response(body=answer.content, status=answer.status, headers=headers, content_type="application/json")

    def _route(self, call: Call) -> tuple[Record, Mapping[str, Json]]:
        """The endpoint, and the deployed model that the split of traffic chooses this time."""
        if len(call.content) > MAX_PAYLOAD:
            raise InvalidArgument(f"Request payload size exceeds the limit: {MAX_PAYLOAD} bytes.")
        endpoint = self._records.get(call.below_project)
        split = endpoint.fields["trafficSplit"]
        if not split:
            what = "no traffic split" if endpoint.fields["deployedModels"] else "no deployed model"
            raise FailedPrecondition(f"The Endpoint has {what}: it predicts nothing.", field="endpoint")
        (chosen,) = random.choices(list(split), list(split.values()))  # noqa: S311 - a share, not a secret
        for deployed in endpoint.fields["deployedModels"]:
            if deployed["id"] == chosen:
                return endpoint, deployed
        raise NotFound(f"There is no DeployedModel {chosen!r} in the Endpoint.", field="endpoint")


def _is_own(version: Record) -> bool:
    return is_own(version.fields["containerSpec"])


def _bare(prediction: Json) -> Json:
    """As TensorFlow Serving writes a row: without the output's name if there is only one."""
    return next(iter(prediction.values())) if len(prediction) == 1 else prediction


def _chosen(parameters: Json) -> str | None:
    name = parameters.get("signature_name") if isinstance(parameters, dict) else None
    if not isinstance(name, str | None):
        raise InvalidArgument("The name of a signature is a string.", field="parameters")
    return name or None


def _as_integers(value: Json) -> Json:
    """Doubles that are whole as integers: a model that wants floats takes them as well, one that wants integers takes
    nothing else, and the client's transport made doubles of both."""
    if isinstance(value, list):
        return [_as_integers(item) for item in value]
    if isinstance(value, dict):
        return {key: _as_integers(item) for key, item in value.items()}
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        return int(value)
    return value
