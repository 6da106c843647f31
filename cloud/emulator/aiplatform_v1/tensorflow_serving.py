"""Bodies of TensorFlow Serving's REST API, which Google's prebuilt containers speak. Pure.

Both forms, by row (``instances``) and by column (``inputs``): https://www.tensorflow.org/tfx/serving/api_rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from cloud.errors import PredictionFailed
from cloud.resources import Json


@dataclass(frozen=True, slots=True)
class Request:
    instances: Sequence[Json]
    signature: str | None
    by_column: bool

    def answer(self, predictions: Sequence[Mapping[str, Json]]) -> dict[str, Json]:
        """The body of the response, from one prediction for each instance."""
        if not self.by_column:
            return {"predictions": [bare(prediction) for prediction in predictions]}
        names = predictions[0].keys() if predictions else ()
        return {"outputs": bare({name: [prediction[name] for prediction in predictions] for name in names})}


def read(content: bytes) -> Request:
    """Raises:
    PredictionFailed: it is no such body.
    """
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise PredictionFailed(f"JSON Parse error: {error}") from None
    given = [name for name in ("instances", "inputs") if isinstance(body, dict) and name in body]
    if len(given) != 1:
        raise PredictionFailed('Request body should be a JSON object with one of "instances" and "inputs".')
    signature = body.get("signature_name")
    if not isinstance(signature, str | None):
        raise PredictionFailed("The name of a signature is a string.")
    by_column = given == ["inputs"]
    instances = _rows(body["inputs"]) if by_column else body["instances"]
    if not isinstance(instances, list):
        raise PredictionFailed('"instances" should be a list, with a value for each instance.')
    return Request(instances, signature or None, by_column)


def bare(named: Mapping[str, Json]) -> Json:
    """Outputs by name, without the name if there is only one."""
    return next(iter(named.values())) if len(named) == 1 else named


def _rows(inputs: Json) -> list[Json]:
    """Instances from a tensor, or from tensors by name, whose first dimension is the batch."""
    if isinstance(inputs, list):
        return inputs
    columns = inputs if isinstance(inputs, dict) and inputs.keys() != {"b64"} else {"": inputs}
    sizes = {name: len(column) if isinstance(column, list) else None for name, column in columns.items()}
    if not sizes or None in sizes.values() or len(set(sizes.values())) != 1:
        raise PredictionFailed(
            'In "inputs" every tensor should be a list, all of one length: other models than those of batches are not '
            f"served here. Lengths: {sizes}"
        )
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
