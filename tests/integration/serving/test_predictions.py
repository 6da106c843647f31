"""Predictions through a real worker process."""

import asyncio
import base64
from collections.abc import Awaitable

import pytest

from cloud.engine.serving.service import ServingService
from cloud.errors import InvalidArgument, NotFound, PredictionFailed

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_predictions_are_in_the_order_of_the_instances(served: ServingService) -> None:
    instances = [{"y": number / 4, "x": number} for number in range(10_000)]
    assert await served.predict("double", instances) == [{"scaled": 2.25 * number} for number in range(10_000)]


async def test_many_callers_each_get_their_own_predictions(served: ServingService) -> None:
    async def predict(number: int) -> list[float]:
        rows = await served.predict("double", [{"x": number, "y": y} for y in range(number % 3 + 1)])
        return [row["scaled"] for row in rows]

    results = await asyncio.gather(*map(predict, range(300)))
    assert results == [[2.0 * number + y for y in range(number % 3 + 1)] for number in range(300)]


async def test_an_invalid_request_does_not_disturb_concurrent_ones(served: ServingService) -> None:
    async def predict(number: int) -> object:
        try:
            return await served.predict("zoo", [number], signature_name="picky")
        except PredictionFailed as error:
            return "thirteen" in str(error)

    async def predict_invalid(_: int) -> object:
        with pytest.raises(PredictionFailed, match="expected int32, got 'x'"):
            await served.predict("zoo", ["x"], signature_name="picky")
        return None

    results = await asyncio.gather(*map(predict, range(40)), *map(predict_invalid, range(5)), *map(predict, range(40)))
    expected = [True if number == 13 else [{"x": number}] for number in range(40)]
    assert results == [*expected, *[None] * 5, *expected]


async def test_concurrent_requests_get_the_same_as_alone(served: ServingService) -> None:
    def predict(request: int) -> Awaitable[object]:
        instances = (
            [{"x": request, "y": 0.5}],
            [{"x": request}],
            [{"x": 1, "y": 1}, {"x": "one", "y": 1}],
            [{"x": number, "y": request} for number in range(20_000)],  # too large to share a call
        )[request % 4]
        signature = "other" if request % 5 == 4 else None
        return served.predict("double", instances, signature_name=signature)

    together = await asyncio.gather(*(predict(request) for request in range(40)), return_exceptions=True)
    for request, outcome in enumerate(together):
        (alone,) = await asyncio.gather(predict(request), return_exceptions=True)
        assert (type(outcome), str(outcome)) == (type(alone), str(alone))


async def test_signatures_whose_rows_depend_on_each_other_are_not_joined(served: ServingService) -> None:
    results = await asyncio.gather(
        *(served.predict("zoo", [number, number + 2], signature_name="centred") for number in range(30))
    )
    assert results == [[{"centred": -1.0}, {"centred": 1.0}]] * 30


async def test_requests_with_different_inner_sizes_are_not_joined(served: ServingService) -> None:
    async def predict(number: int) -> object:
        ids = list(range(number % 4))
        return await served.predict("zoo", [{"ids": ids, "flip": number % 2 == 1}], signature_name="ragged")

    results = await asyncio.gather(*map(predict, range(20)))
    assert results == [[{"total": sum(range(n % 4)) * (-1 if n % 2 else 1)}] for n in range(20)]


async def test_a_model_of_tensorflow_1(served: ServingService) -> None:
    results = await served.predict("old", [{"x": 1.5, "y": 2}, {"x": 0, "y": -1}])
    assert results == [{"scaled": 17.0, "again": 2.0}, {"scaled": -1.0, "again": -1.0}]


async def test_the_only_signature_needs_no_name(served: ServingService) -> None:
    assert await served.predict("single", [{"x": 2, "y": 1}]) == [{"scaled": 7.0}]
    with pytest.raises(PredictionFailed, match=r"No signature found for signature key serving_default\."):
        await served.predict("zoo", [1])
    with pytest.raises(PredictionFailed, match=r"No signature found for signature key other\."):
        await served.predict("single", [{"x": 2, "y": 1}], signature_name="other")


async def test_float32_is_widened(served: ServingService) -> None:
    assert await served.predict("double", [{"x": 0, "y": 0.1}]) == [{"scaled": 0.10000000149011612}]


async def test_binary_and_text(served: ServingService) -> None:
    binary = {"b64": base64.b64encode(b"\xff\x00\xfe").decode()}
    results = await served.predict("zoo", ["Zürich", {"image": "\u0000"}], signature_name="echo")
    assert results == [
        {"size": 7, "same": "Zürich", "same_bytes": {"b64": "WsO8cmljaA=="}},
        {"size": 1, "same": "\u0000", "same_bytes": {"b64": "AA=="}},
    ]
    with pytest.raises(PredictionFailed, match=r"Output same is not UTF-8 text.*_bytes"):
        await served.predict("zoo", [binary], signature_name="echo")


async def test_a_table_inside_the_model(served: ServingService) -> None:
    results = await served.predict("zoo", [["a", "b"], {"two-words": ["?", "a"]}], signature_name="lookup")
    assert results == [{"ids": [1, 2]}, {"ids": [-1, 1]}]


async def test_nan_and_infinities(served: ServingService) -> None:
    results = await served.predict("zoo", [0, -0.0, -1.0, 4], signature_name="inverse")
    assert results[0] == {"inverse": "Infinity", "root": 0.0}
    assert results[1]["inverse"] == "-Infinity"
    assert results[2] == {"inverse": -1.0, "root": "NaN"}
    assert results[3] == {"inverse": 0.25, "root": 2.0}
    with pytest.raises(PredictionFailed, match=r"instance 1: x: expected float32, got null \(JSON has no NaN\)"):
        await served.predict("zoo", [1.0, float("nan")], signature_name="inverse")


async def test_an_output_without_rows(served: ServingService) -> None:
    assert await served.predict("zoo", [5], signature_name="total") == [{"total": 5}]
    with pytest.raises(PredictionFailed, match="outputs had differing sizes in the batch"):
        await served.predict("zoo", [5, 6], signature_name="total")


@pytest.mark.parametrize(
    ("instance", "reason"),
    [
        ({"x": 1}, r"Input y was missing in at least one input instance\."),
        ({"x": 1, "y": 1, "z": 1}, "Unexpected tensor name: z"),
        ({"x": "1", "y": 1}, "instance 1: x: expected float32, got '1' of type str"),
        ({"x": True, "y": 1}, "instance 1: x: expected float32, got True of type bool"),
        ({"x": [1], "y": 1}, "instance 1: x: expected float32, got a list of 1"),
        ({"x": 1e39, "y": 1}, "instance 1: x: expected float32, got 1e[+]39"),
        (b"bytes", "the instances are not JSON"),
    ],
    ids=str,
)
async def test_an_instance_that_does_not_fit(served: ServingService, instance: object, reason: str) -> None:
    with pytest.raises(PredictionFailed, match=reason):
        await served.predict("double", [{"x": 1, "y": 1}, instance])


async def test_requests_without_instances_or_for_unknown_models(served: ServingService) -> None:
    with pytest.raises(InvalidArgument, match="at least one instance"):
        await served.predict("double", [])
    with pytest.raises(NotFound, match="unknown"):
        await served.predict("unknown", [1])
    with pytest.raises(NotFound, match="v9"):
        await served.predict("double", [1], version="v9")
    with pytest.raises(InvalidArgument, match="bytes of JSON; at most"):
        await served.predict("double", ["x" * 33 * 1024 * 1024])
