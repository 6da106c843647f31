"""``ml.projects.predict`` and ``ml.projects.explain``.

Request, answers and their two forms (the global endpoint's own server; TensorFlow Serving behind the regional ones,
which reads bodies and writes answers itself):
the documentation pages "online predict" and "explain", and replies seen in public.
"""

import orjson
from aiohttp import web

from cloud.emulator.ml_v1.project import Project
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.discovery import parse
from cloud.emulator.rest.responses import json_response
from cloud.errors import FailedPrecondition, InvalidArgument, NotFound, PredictionFailed
from cloud.resources import Json, ServingStack

MAX_PAYLOAD = 1_572_864
"""Bytes of a request: 1.5 MB."""


class PredictionMethods:
    def __init__(self, project: Project) -> None:
        self._project, self._backend = project, project.backend

    async def predict(self, call: Call) -> web.Response:
        model, version = _target(call)
        if len(call.content) > MAX_PAYLOAD:
            raise InvalidArgument(f"Request payload size exceeds the limit: {MAX_PAYLOAD} bytes.")
        # Most models have no such version, and predictions should be quick.
        if self._any_regional(model) and await self._is_served_by_tensorflow_serving(model, version):
            answer = await self._backend.raw_predict(model, call.content, version=version)
            return json_response(answer.content, answer.status)
        instances, signature = _read(parse(call.content))
        try:
            predictions = await self._backend.predict(model, instances, version=version, signature_name=signature)
        except PredictionFailed as error:
            # Not the usual error envelope, and status 200.
            return _answer({"error": f"Prediction failed: {error.message}"})
        return _answer({"predictions": predictions})

    async def explain(self, call: Call) -> Json:
        model, version = _target(call)
        version = version or (await self._backend.get_model(model)).default_version
        if version is None:
            raise FailedPrecondition(f"Model {model} has no default version.", field="name")
        found = await self._backend.get_version(model, version)
        record = self._project.records.of(f"models/{model}/versions/{version}", found.create_time)
        if "explanationConfig" in record.fields:
            raise FailedPrecondition("Explanations are not computed here, only predictions.", field="name")
        raise FailedPrecondition(
            f"Version {version} of model {model} was created without an explanationConfig: it explains nothing.",
            field="name",
        )

    def _any_regional(self, model: str) -> bool:
        """Whether any of the model's versions may be on a machine of a regional endpoint."""
        return self._project.records.any_below(f"models/{model}", "machineType", "n1-")

    async def _is_served_by_tensorflow_serving(self, model: str, version: str | None) -> bool:
        found = (await self._backend.get_model(model)).default_version if version is None else version
        if found is None:
            return False  # which predict refuses
        spec = (await self._backend.get_version(model, found)).spec
        return spec.serving_stack is ServingStack.TENSORFLOW_SERVING


def _target(call: Call) -> tuple[str, str | None]:
    match call.name.split("/")[2:]:
        case ["models", model]:
            return model, None
        case ["models", model, "versions", version]:
            return model, version
    raise NotFound(f"{call.name[:300]!r} is neither a model nor a version.", field="name")


def _read(body: Json) -> tuple[list[Json], str | None]:
    if not isinstance(body, dict) or not isinstance(body.get("instances"), list):
        raise InvalidArgument("The request is an object with a list of 'instances'.", field="instances")
    signature = body.get("signature_name")
    if not isinstance(signature, str | None):
        raise InvalidArgument("The name of a signature is a string.", field="signature_name")
    return body["instances"], signature or None


def _answer(body: Json) -> web.Response:
    return json_response(orjson.dumps(body), 200)
