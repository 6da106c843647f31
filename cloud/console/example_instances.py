"""An instance that a model's signature takes, to begin with in the form that tries it. Pure."""

import json
import math
from collections.abc import Mapping

from cloud.engine.serving.signatures import DEFAULT_SIGNATURE, Signature, TensorSpec
from cloud.resources import Json

_LARGEST = 64
"""Numbers in one input: nobody wants to begin with an image."""


def example(signatures: Mapping[str, Signature]) -> str:
    """A list of one instance as JSON, of zeros and empty texts; empty if no small one fits."""
    signature = signatures.get(DEFAULT_SIGNATURE) or next(iter(signatures.values()), None)
    if signature is None or not signature.inputs:
        return ""
    if any(spec.shape is None or math.prod(_row(spec)) > _LARGEST for spec in signature.inputs.values()):
        return ""
    values = {name: _filled(_row(spec), _zero(spec.dtype)) for name, spec in sorted(signature.inputs.items())}
    return json.dumps([values])


def _row(spec: TensorSpec) -> tuple[int, ...]:
    return tuple(1 if size is None else size for size in (spec.shape or ())[1:])


def _zero(dtype: str) -> Json:
    if dtype == "string":
        return ""
    if dtype == "bool":
        return False
    return 0 if "int" in dtype else 0.0


def _filled(shape: tuple[int, ...], value: Json) -> Json:
    return [_filled(shape[1:], value) for _ in range(shape[0])] if shape else value
