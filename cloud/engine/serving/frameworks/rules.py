"""The rules of Google's servers for scikit-learn and XGBoost, which run the prediction library in the Cloud SDK.

Answers of Vertex AI seen in public: googleapis/python-aiplatform#514, #2036.
"""

from collections.abc import Collection
from typing import Any

import orjson

from cloud.engine.serving.batching import Model
from cloud.errors import PredictionFailed
from cloud.resources import Json


class FrameworkRules:
    """``read`` returns the JSON of a request's ``parameters``, which the library hands to ``predict``."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def joinable(self, _: Collection[str]) -> Collection[str]:
        return ()

    def read(self, body: bytes) -> tuple[str, list[Json]]:
        try:
            request = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise PredictionFailed(f"the request is not JSON (which has no NaN): {error}") from None
        if not isinstance(request, dict) or not isinstance(request.get("instances"), list):
            raise PredictionFailed('the request is not {"instances": […]}')
        parameters = request.get("parameters")
        return "" if parameters is None else orjson.dumps(parameters).decode(), request["instances"]

    def write(self, _: str, results: list[Any]) -> bytes:
        return orjson.dumps({"predictions": results})

    write_named = write

    def write_error(self, text: str) -> bytes:
        return orjson.dumps({"error": text})

    def write_raw_error(self, text: str) -> bytes:
        return orjson.dumps(f"Prediction failed: {text}", option=orjson.OPT_APPEND_NEWLINE)
