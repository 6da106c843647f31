"""From body to answer, with a model that doubles, by way of the batcher."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from cloud.engine.serving.batching import Batcher
from cloud.engine.serving.signatures import Signature, TensorSpec
from cloud.engine.serving.tf_serving.rules import TensorFlowServingRules
from cloud.errors import CloudError, NotFound, PredictionFailed

ROWS = TensorSpec("float32", (None,))


class Doubles:
    signatures: ClassVar = {
        "serving_default": Signature({"x": ROWS}, {"y": ROWS}),
        "both": Signature({"x": ROWS}, {"y": ROWS, "z": ROWS}),
        "half": Signature({"x": TensorSpec("float16", (None,))}, {"y": ROWS}),
        "mean": Signature({"x": ROWS}, {"y": ROWS}),
    }

    def __init__(self) -> None:
        self.calls: list[int] = []

    def call(self, signature: str, batch: Mapping[str, Any]) -> Mapping[str, Any]:
        self.calls.append(batch["x"].size)
        if (batch["x"] == 5).any():
            raise NotFound("no such key")
        if signature == "mean":
            return {"y": batch["x"].mean(keepdims=True)}
        doubled = batch["x"] * 2
        return {"y": doubled, "z": doubled > 2} if signature == "both" else {"y": doubled}

    def warm_up(self) -> set[str]:
        return {"serving_default", "both", "mean"}

    def prepare(self, _: str, __: Any) -> Any: ...

    def run(self, _: str, __: Any, ___: int) -> Any: ...


async def answers(*bodies: bytes, named: bool = False, model: Doubles | None = None) -> list[bytes | CloudError]:
    """To requests that arrive together."""
    model = model or Doubles()
    rules = TensorFlowServingRules(model)
    batcher = Batcher(rules.model, joinable=rules.joinable(model.warm_up()))

    async def answer(body: bytes) -> bytes:
        form, items = rules.read(body)
        results = await batcher.submit(form, items)
        return rules.write_named(form, results) if named else rules.write(form, results)

    found: list[Any] = await asyncio.gather(*map(answer, bodies), return_exceptions=True)
    await batcher.close()
    return found


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b'{"instances": [1, 0.1]}', '{\n    "predictions": [2.0, 0.2\n    ]\n}'),
        (b'{"inputs": 3}', '{\n    "outputs": 6.0\n}'),
        (b'{"inputs": {"x": [NaN]}}', '{\n    "outputs": [\n        NaN\n    ]\n}'),
        (
            b'{"signature_name": "both", "instances": [{"x": 1}]}',
            '{\n    "predictions": [\n        {\n            "y": 2.0,\n            "z": false\n        }\n    ]\n}',
        ),
    ],
    ids=str,
)
async def test_bodies_and_answers(body, answer):
    assert await answers(body) == [answer.encode()]


async def test_rows_share_a_call_and_columns_do_not():
    model = Doubles()
    bodies = [b'{"instances": [1, 2]}', b'{"inputs": [3]}', b'{"instances": [4]}']
    found = [json.loads(body) for body in await answers(*bodies, model=model)]
    assert [next(iter(answer.values())) for answer in found] == [[2, 4], [6], [8]]
    assert sorted(model.calls) == [1, 3]


async def test_rows_of_two_forms_have_each_their_answer():
    found = await answers(b'{"instances": [1]}', b'{"instances": [{"x": 2}]}')
    assert [json.loads(body)["predictions"] for body in found] == [[2], [4]]


async def test_a_model_may_give_fewer_rows_than_there_are_instances():
    body = b'{"signature_name": "mean", "instances": [1, 2, 3]}'
    expected = b'{\n    "predictions": [2.0\n    ]\n}'
    assert await answers(body) == [expected]
    assert await answers(body, body) == [expected, expected]


async def test_a_failure_has_tensorflows_code_and_concerns_its_request_alone():
    good, bad, half, misfit = await answers(
        b'{"instances": [1]}',
        b'{"instances": [5]}',
        b'{"signature_name": "half", "inputs": [5]}',
        b'{"instances": ["a"]}',
    )
    assert isinstance(good, bytes)
    assert isinstance(bad, NotFound)
    assert isinstance(half, PredictionFailed)
    assert isinstance(misfit, PredictionFailed)
    assert misfit.message.startswith("Failed to process element: 0 of 'instances' list.")


async def test_outputs_by_name():
    (one,) = await answers(b'{"instances": [1, 2]}', named=True)
    assert json.loads(one) == {"predictions": [{"y": 2.0}, {"y": 4.0}]}
    (two,) = await answers(b'{"signature_name": "both", "instances": [1]}', named=True)
    assert json.loads(two) == {"predictions": [{"y": 2.0, "z": False}]}


def test_an_error_is_laid_out_as_an_answer():
    assert TensorFlowServingRules(Doubles()).write_error("no") == b'{\n    "error": "no"\n}'
