"""Versions that TensorFlow Serving would answer for, through a real worker process."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from cloud.engine.serving.service import ServingService
from cloud.errors import FailedPrecondition, InvalidArgument, NotFound, PredictionFailed
from cloud.lifecycle import VersionState
from cloud.resources import Json, ServingStack
from integration.serving.clouds import Cloud, RecordingLauncher, deploy

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def serving(
    launcher: RecordingLauncher, models: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ServingService]:
    """With the models ``zoo``, ``double`` and ``single`` (only the signature ``predict``)."""
    async with Cloud(tmp_path_factory.mktemp("state"), launcher, models).service() as service:
        sources = {"zoo": "zoo", "double": "double", "single": "only_predict"}
        stack = ServingStack.TENSORFLOW_SERVING
        versions = await asyncio.gather(*(deploy(service, model, "v1", at, stack) for model, at in sources.items()))
        assert {version.state for version in versions} == {VersionState.READY}, versions
        yield service


async def ask(service: ServingService, model: str, body: bytes) -> tuple[int, str]:
    answer = await service.raw_predict(model, body)
    return answer.status, answer.content.decode()


@pytest.mark.parametrize(
    ("model", "body", "text"),
    [
        (
            "double",
            b'{"instances": [{"x": 0.1, "y": 0}, {"x": 5e6, "y": 0}]}',
            '{\n    "predictions": [0.2, 1e+07\n    ]\n}',
        ),
        ("double", b'{"inputs": {"x": [1, 2], "y": 0.5}}', '{\n    "outputs": [\n        2.5,\n        4.5\n    ]\n}'),
        (
            "zoo",
            b'{"signature_name": "inverse", "instances": [0, -1, NaN]} and more',
            '{\n    "predictions": [\n'
            '        {\n            "inverse": Infinity,\n            "root": 0.0\n        },\n'
            '        {\n            "inverse": -1.0,\n            "root": NaN\n        },\n'
            '        {\n            "inverse": NaN,\n            "root": NaN\n        }\n    ]\n}',
        ),
        ("zoo", b'{"signature_name": "total", "inputs": [1, 2]}', '{\n    "outputs": 3\n}'),
        ("single", b'{"signature_name": "predict", "instances": [{"x": 1, "y": 1}]}', None),
    ],
    ids=str,
)
async def test_bodies_are_answered_as_by_tensorflow_serving(serving, model, body, text) -> None:
    status, answer = await ask(serving, model, body)
    assert (status, answer) == (200, text or answer)


@pytest.mark.parametrize(
    ("model", "body", "text"),
    [
        ("single", b'{"instances": [1]}', 'Serving signature name: "serving_default" not found in signature def'),
        ("double", b'{"instances": [', "JSON Parse error: Invalid value. at offset: 15"),
        ("double", b'{"examples": []}', "Missing 'inputs' or 'instances' key"),
        (
            "zoo",
            b'{"signature_name": "total", "instances": [1, 2]}',
            "Tensor name: total has no shape information ",
        ),
        (
            "zoo",
            b'{"signature_name": "total", "instances": [1.0]}',
            "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: "
            "JSON Value: 1.0 Type: Number is not of expected type: int32",
        ),
    ],
    ids=str,
)
async def test_refusals_have_tensorflow_servings_texts(serving, model, body, text) -> None:
    status, answer = await ask(serving, model, body)
    assert (status, answer) == (400, '{\n    "error": ' + json.dumps(text) + "\n}")


async def test_a_failure_of_the_graph_has_tensorflows_own_text(serving) -> None:
    status, answer = await ask(serving, "zoo", b'{"signature_name": "picky", "instances": [13]}')
    text = json.loads(answer)["error"]
    assert (status, "thirteen" in text, "Exception during" in text) == (400, True, False)


async def test_predictions_are_named_as_those_of_other_versions(serving) -> None:
    assert await serving.predict("double", [{"x": 1, "y": 0.2}]) == [{"scaled": 2.2}]
    (special,) = await serving.predict("zoo", [0], signature_name="inverse")
    assert special == {"inverse": "Infinity", "root": 0.0}
    many = [{"x": number, "y": 0} for number in range(1000)]
    together = await asyncio.gather(*(serving.predict("double", [one]) for one in many[:50]))
    assert together == [[row] for row in (await serving.predict("double", many))[:50]]


@pytest.mark.parametrize(
    ("model", "instances", "text"),
    [
        ("double", [], "No values in 'instances' array"),
        ("double", [{"x": 1}], "keys must be equal to: x,y"),
        ("single", [{"x": 1, "y": 1}], "not found in signature def"),
    ],
    ids=str,
)
async def test_instances_are_refused_by_its_rules(serving, model: str, instances: list[Json], text: str) -> None:
    with pytest.raises(PredictionFailed, match=text):
        await serving.predict(model, instances)


async def test_what_is_not_there(serving) -> None:
    with pytest.raises(NotFound):
        await serving.raw_predict("none", b"{}")
    with pytest.raises(InvalidArgument, match="at most"):
        await serving.raw_predict("double", b" " * 2**25)
    await serving.create_model("empty")
    with pytest.raises(FailedPrecondition):
        await serving.raw_predict("empty", b"{}")
