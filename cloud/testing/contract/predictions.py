"""The contract's part on online prediction."""

import asyncio
import json
import math
import re

import pytest

from cloud.backends.base import Backend
from cloud.errors import FailedPrecondition, InvalidArgument, PredictionFailed
from cloud.lifecycle import VersionState
from cloud.names import GsUri
from cloud.resources import Json, VersionSpec
from cloud.testing.contract.base import TIMEOUT, unique_name
from cloud.testing.contract.models import DeployedContract

_MISSES_Y = "Input y was missing|keys must be equal to: x,y"
"""The prediction library's text, and TensorFlow Serving's."""


class PredictionContract(DeployedContract):
    """Needs a backend that declares ``abilities.runs_programs``."""

    async def test_the_default_version_predicts_with_and_without_its_name(self, backend: Backend, model: str) -> None:
        assert await backend.predict(model, [{"x": 1, "y": 0}]) == [{"scaled": 2.0}]
        assert await backend.predict(model, [{"x": 1, "y": 0}], version="v1") == [{"scaled": 2.0}]

    async def test_a_version_that_is_not_the_default_predicts_or_is_refused(self, backend: Backend, model: str) -> None:
        prediction = backend.predict(model, [{"x": 1, "y": 0}], version="v2")
        if backend.abilities.predicts_any_version:
            assert await prediction == [{"scaled": 3.0}]
        else:
            with pytest.raises(FailedPrecondition, match=r"'v2'.*default"):
                await prediction

    async def test_a_new_default_predicts(self, backend: Backend, exported: dict[int, GsUri]) -> None:
        name = await self.deployed(backend, exported[2], exported[3])
        await backend.set_default_version(name, "v2")
        assert await backend.predict(name, [{"x": 1, "y": 0}]) == [{"scaled": 3.0}]

    async def test_a_version_outlives_its_files(self, backend: Backend, exported: dict[int, GsUri]) -> None:
        name = await self.deployed(backend, exported[5])
        await backend.delete_objects(exported[5])
        assert await backend.predict(name, [{"x": 1, "y": 1}]) == [{"scaled": 6.0}]

    async def test_a_corrupt_saved_model(self, backend: Backend, bucket: str) -> None:
        name = unique_name("model")
        await backend.create_model(name)
        await backend.write_object(GsUri(bucket, "model/saved_model.pb"), b"this is no protocol buffer")
        version = await backend.deploy(VersionSpec(name, "v1", GsUri(bucket, "model/")), timeout=TIMEOUT)
        assert version.state is VersionState.FAILED
        assert "Bad model detected" in version.error_message
        with pytest.raises(FailedPrecondition):
            await backend.predict(name, [{"x": 1, "y": 0}], version="v1")
        await backend.delete_version(name, "v1")

    async def test_one_prediction_for_each_instance_in_order(self, backend: Backend, model: str) -> None:
        instances = [{"x": number, "y": 0.5} for number in range(1000)]
        assert await backend.predict(model, instances) == [{"scaled": 2.0 * number + 0.5} for number in range(1000)]

    async def test_many_callers_each_get_their_own_predictions(self, backend: Backend, model: str) -> None:
        async def predict(number: int) -> object:
            instance: dict[str, Json] = {"x": number} if number % 10 == 9 else {"x": number, "y": 1}
            try:
                return await backend.predict(model, [instance])
            except PredictionFailed as error:
                return re.search(_MISSES_Y, str(error)) is not None

        async with asyncio.timeout(TIMEOUT):
            outcomes = await asyncio.gather(*map(predict, range(100)))
        assert outcomes == [number % 10 == 9 or [{"scaled": 2.0 * number + 1}] for number in range(100)]

    async def test_a_signature_by_name(self, backend: Backend, model: str) -> None:
        predictions = await backend.predict(model, [{"x": 1, "y": 1}], signature_name="serving_default")
        assert predictions == [{"scaled": 3.0}]
        with pytest.raises(PredictionFailed, match=r"[Ss]ignature.*\bother\b"):
            await backend.predict(model, [{"x": 1, "y": 1}], signature_name="other")

    async def test_a_raw_body_is_answered_by_the_versions_server(self, backend: Backend, model: str) -> None:
        answer = await backend.raw_predict(model, b'{"instances": [{"x": 1, "y": 0}]}')
        assert answer.status == 200
        # TensorFlow Serving leaves the name of a single output out.
        assert json.loads(answer.content) in ({"predictions": [{"scaled": 2.0}]}, {"predictions": [2.0]})
        assert await backend.raw_predict(model, b'{"instances": [{"x": 1, "y": 0}]}', version="v1") == answer

    async def test_a_raw_body_that_does_not_fit_is_refused_by_the_versions_server(
        self, backend: Backend, model: str
    ) -> None:
        answer = await backend.raw_predict(model, b'{"instances": [{"x": "one", "y": 0}]}')
        assert list(json.loads(answer.content)) == ["error"]  # ML Engine's status is 200 then

    async def test_no_instances(self, backend: Backend, model: str) -> None:
        with pytest.raises(InvalidArgument, match="instances"):
            await backend.predict(model, [])

    @pytest.mark.parametrize(
        ("instance", "reason"),
        [
            ({"x": 1}, _MISSES_Y),
            ({"x": 1, "y": 1, "z": 1}, "(Unexpected tensor name|does not have named input): z"),
            ({"x": "one", "y": 1}, "x"),
            ({"x": [1, 2], "y": 1}, "x"),
            ({"x": None, "y": 1}, "x"),
            (7, "x"),
        ],
        ids=str,
    )
    async def test_an_instance_that_does_not_fit(
        self, backend: Backend, model: str, instance: object, reason: str
    ) -> None:
        with pytest.raises(PredictionFailed, match=reason):
            await backend.predict(model, [{"x": 1, "y": 1}, instance])
        assert await backend.predict(model, [{"x": 1, "y": 1}]) == [{"scaled": 3.0}]

    async def test_nan_is_refused(self, backend: Backend, model: str) -> None:
        with pytest.raises(PredictionFailed, match="NaN"):
            await backend.predict(model, [{"x": math.nan, "y": 1}])
