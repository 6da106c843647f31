"""TensorFlow Serving's rules for a worker."""

from collections.abc import Collection
from typing import Any

import orjson
from numpy.typing import NDArray

from cloud.engine.serving.rules import Servable
from cloud.engine.serving.tf_serving import answers
from cloud.engine.serving.tf_serving.requests import Form, columns_to_arrays, read_body, rows_to_arrays
from cloud.resources import Json

Batch = dict[str, NDArray[Any]]


class TensorFlowServingRules:
    """``read`` returns a ``Form``; results are the JSON of rows, or of the whole answer by column."""

    def __init__(self, model: Servable) -> None:
        self._served = model
        self.model = _Model(model)

    def joinable(self, signatures: Collection[str]) -> Collection[Form]:
        return {Form(name, by_column=False) for name in signatures}

    def read(self, body: bytes) -> tuple[Form, list[Json]]:
        request = read_body(body, self._served.signatures)
        return request.form, request.items

    def write(self, form: Form, results: list[bytes]) -> bytes:
        if form.by_column:
            return results[0]
        return answers.by_row(results, several=len(self._outputs(form)) > 1)

    def write_named(self, form: Form, results: list[bytes]) -> bytes:
        if form.by_column:
            return results[0]
        if len(outputs := self._outputs(form)) == 1:
            before = b"{" + orjson.dumps(next(iter(outputs))) + b":"
            results = [before + row + b"}" for row in results]
        return b'{"predictions":[' + b",".join(results) + b"]}"

    def write_error(self, text: str) -> bytes:
        return answers.error(text)

    write_raw_error = write_error

    def _outputs(self, form: Form) -> Collection[str]:
        return self._served.signatures[form.signature].outputs


class _Model:
    """A model as ``batching.Model``, with a ``Form`` for the signature."""

    def __init__(self, model: Servable) -> None:
        self._model = model

    def prepare(self, form: Form, items: list[Json]) -> Batch:
        inputs = self._model.signatures[form.signature].inputs
        return columns_to_arrays(items[0], inputs) if form.by_column else rows_to_arrays(items, inputs)

    def run(self, form: Form, batch: Batch, _: int) -> list[bytes]:
        outputs = self._model.call(form.signature, batch)
        return [answers.by_column(outputs)] if form.by_column else answers.to_rows(outputs)
