"""Parses the prediction requests that Vertex AI sends to a serving container. Pure.

https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements#request_requirements
"""

import orjson

from cloud.errors import PredictionFailed
from cloud.resources import Json


def read_request(body: bytes) -> tuple[str | None, list[Json]]:
    """The signature's name, if given, and the instances, at least one.

    Raises:
        PredictionFailed: the body is not such a request.
    """
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise PredictionFailed(f"the request is not JSON (which has no NaN): {error}") from None
    if not isinstance(request, dict) or not isinstance(request.get("instances"), list) or not request["instances"]:
        raise PredictionFailed('the request is not {"instances": […]} with at least one instance')
    # Vertex AI forwards only "instances" and "parameters".
    name, parameters = request.get("signature_name"), request.get("parameters")
    if name is None and isinstance(parameters, dict):
        name = parameters.get("signature_name")
    if not isinstance(name, str | None):
        raise PredictionFailed(f"signature_name is not a string: {name!r:.100}")
    return name, request["instances"]
