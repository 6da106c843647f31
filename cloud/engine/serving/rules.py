"""How a worker reads requests and writes answers, which its serving stack decides."""

from collections.abc import Collection, Hashable, Mapping
from typing import Any, Protocol

import orjson

from cloud.engine.serving.batching import Model
from cloud.engine.serving.signatures import Signature, choose_signature
from cloud.resources import Json
from cloud.wire.container import read_request


class Servable(Model, Protocol):
    """A loaded model, by the rules of the prediction library."""

    @property
    def signatures(self) -> Mapping[str, Signature]: ...

    def call(self, signature: str, batch: dict[str, Any]) -> Mapping[str, Any]:
        """The model's outputs for its inputs, whatever their sizes.

        Raises:
            CloudError: with TensorFlow's code and text.
        """


class Rules(Protocol):
    """The rules of one serving stack."""

    @property
    def model(self) -> Model:
        """What ``read`` returns is for this model."""

    def joinable(self, signatures: Collection[str]) -> Collection[Hashable]:
        """What ``read`` returns for requests of such signatures, if they may share a call."""

    def read(self, body: bytes) -> tuple[Hashable, list[Json]]:
        """A request's signature, and its instances.

        Raises:
            CloudError: it is no request.
        """

    def write(self, signature: Any, results: list[Any]) -> bytes:
        """The body of the answer with the model's results."""

    def write_named(self, signature: Any, results: list[Any]) -> bytes:
        """``{"predictions": [{OUTPUT: VALUE, …}, …]}``"""

    def write_error(self, text: str) -> bytes:
        """``{"error": TEXT}``"""

    def write_raw_error(self, text: str) -> bytes:
        """The body of the stack's own answer."""


class PredictionLibraryRules:
    """Those of the prediction library in the Cloud SDK, in the form of ``cloud.wire.container``."""

    def __init__(self, model: Servable) -> None:
        self.model = model

    def joinable(self, signatures: Collection[str]) -> Collection[str]:
        return signatures

    def read(self, body: bytes) -> tuple[str, list[Json]]:
        name, instances = read_request(body)
        return choose_signature(self.model.signatures, name), instances

    def write(self, _: str, results: list[Any]) -> bytes:
        return orjson.dumps({"predictions": results})

    write_named = write

    def write_error(self, text: str) -> bytes:
        return orjson.dumps({"error": text})

    write_raw_error = write_error
