"""What Vertex AI sends to a serving container, as our own reads it. Pure.

https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements#request_requirements
"""

import orjson

from cloud.errors import PredictionFailed
from cloud.resources import Json


def read_request(body: bytes) -> tuple[str | None, list[Json]]:
    """The name of a signature, if one is given, and the instances: at least one.

    Raises:
        PredictionFailed: it is no such request.
    """
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise PredictionFailed(f"the request is not JSON (which has no NaN): {error}") from None
    if not isinstance(asked, dict) or not isinstance(asked.get("instances"), list) or not asked["instances"]:
        raise PredictionFailed('the request is not {"instances": […]} with at least one instance')
    # Vertex AI hands on nothing beside instances but "parameters".
    name, parameters = asked.get("signature_name"), asked.get("parameters")
    if name is None and isinstance(parameters, dict):
        name = parameters.get("signature_name")
    if not isinstance(name, str | None):
        raise PredictionFailed(f"signature_name is not a string: {name!r:.100}")
    return name, asked["instances"]
