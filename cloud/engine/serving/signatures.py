"""What a SavedModel's signatures take and give, and which one a request means. Pure.

Choice and error text follow the prediction library in the Cloud SDK (``TensorFlowClient.get_signature``), which is
what makes a model that exports only ``predict`` usable without naming it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cloud.errors import PredictionFailed

DEFAULT_SIGNATURE = "serving_default"
INTERNAL_SIGNATURES = frozenset({"__saved_model_init_op", "__saved_model_train_op"})
"""Entries of a SavedModel's signature map that are no signatures for prediction."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    dtype: str
    """TensorFlow's name: ``float32``, ``int64``, ``string``, …"""
    shape: tuple[int | None, ...] | None
    """The batch first; None is a size, or as a whole a rank, that is not known before the call."""


@dataclass(frozen=True, slots=True)
class Signature:
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]

    @property
    def may_batch(self) -> bool:
        """Whether the shapes allow rows of several requests in one call: every tensor has an open first dimension."""
        specs = (*self.inputs.values(), *self.outputs.values())
        return bool(self.inputs) and all(spec.shape and spec.shape[0] is None for spec in specs)


def choose(signatures: Mapping[str, object], name: str | None) -> str:
    """The key of the signature a request means: the named one, else the only one, else ``serving_default``.

    Raises:
        PredictionFailed: there is no such signature.
    """
    if not name and len(signatures) == 1:
        return next(iter(signatures))
    key = name or DEFAULT_SIGNATURE
    if key not in signatures:
        raise PredictionFailed(f"No signature found for signature key {key}.")
    return key
