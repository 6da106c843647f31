"""Inputs and outputs of a SavedModel's signatures, and the choice of a request's signature. Pure.

Choice and error text follow the prediction library in the Cloud SDK (``TensorFlowClient.get_signature``): a model that
exports only ``predict`` can be used without naming that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cloud.errors import PredictionFailed

DEFAULT_SIGNATURE = "serving_default"
INTERNAL_SIGNATURES = frozenset({"__saved_model_init_op", "__saved_model_train_op"})
"""Entries of a SavedModel's signature map that are not for prediction."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    dtype: str
    """TensorFlow's name: ``float32``, ``int64``, ``string``, …"""
    shape: tuple[int | None, ...] | None
    """The batch is first. None is an unknown size, or for the whole shape an unknown rank."""


@dataclass(frozen=True, slots=True)
class Signature:
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]

    @property
    def may_batch(self) -> bool:
        """Whether several requests' rows can share a call: every tensor's first dimension is of unknown size."""
        specs = (*self.inputs.values(), *self.outputs.values())
        return bool(self.inputs) and all(spec.shape and spec.shape[0] is None for spec in specs)


def choose_signature(signatures: Mapping[str, object], name: str | None) -> str:
    """The key of a request's signature: the named one, else the only one, else ``serving_default``.

    Raises:
        PredictionFailed: there is no such signature.
    """
    if not name and len(signatures) == 1:
        return next(iter(signatures))
    key = name or DEFAULT_SIGNATURE
    if key not in signatures:
        raise PredictionFailed(f"No signature found for signature key {key}.")
    return key


def read_signatures(value: Mapping[str, Any]) -> dict[str, Signature]:
    """Those that a worker's ``GET /health`` tells, as JSON has them."""
    return {
        name: Signature(inputs=_specs(signature["inputs"]), outputs=_specs(signature["outputs"]))
        for name, signature in value.items()
    }


def _specs(value: Mapping[str, Any]) -> dict[str, TensorSpec]:
    return {
        alias: TensorSpec(spec["dtype"], None if spec["shape"] is None else tuple(spec["shape"]))
        for alias, spec in value.items()
    }
