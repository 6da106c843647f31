"""The contract's part on models, versions and online prediction."""

import asyncio
import math
from pathlib import Path
from weakref import WeakKeyDictionary

import pytest
import pytest_asyncio

from cloud.backends.base import Backend
from cloud.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, PredictionFailed
from cloud.lifecycle import JobState, VersionState
from cloud.names import GsUri
from cloud.resources import Json, VersionSpec
from cloud.testing.contract.base import PATIENCE, Contract, fresh
from cloud.testing.contract.probes import EXPORT

_FACTORS = (2, 3, 5)
_EXPORTED: WeakKeyDictionary[Backend, dict[int, GsUri]] = WeakKeyDictionary()
"""Where the SavedModels are, by their factor."""
_ASKED: WeakKeyDictionary[Backend, str] = WeakKeyDictionary()
"""The model that is only asked."""


class ModelContract(Contract):
    async def test_a_model_is_made_listed_and_deleted(self, backend: Backend) -> None:
        name = fresh("model")
        made = await backend.create_model(name, description="fares")
        assert (made.name, made.description, made.default_version) == (name, "fares", None)
        assert await backend.get_model(name) == made
        assert name in [model.name for model in await backend.list_models()]
        await backend.delete_model(name)
        with pytest.raises(NotFound, match=name):
            await backend.get_model(name)

    async def test_a_taken_model_name_is_refused(self, backend: Backend) -> None:
        name = fresh("model")
        await backend.create_model(name)
        with pytest.raises(AlreadyExists, match="A model with the same name already exists"):
            await backend.create_model(name)

    @pytest.mark.parametrize("name", ["", "1model", "has-hyphen", "m" * 129])
    async def test_an_illegal_model_name_is_refused(self, backend: Backend, name: str) -> None:
        with pytest.raises(InvalidArgument, match="A name should start with a letter"):
            await backend.create_model(name)

    async def test_a_model_nobody_made(self, backend: Backend) -> None:
        for call in (backend.get_model, backend.delete_model, backend.list_versions):
            with pytest.raises(NotFound, match="nobody"):
                await call("nobody")
        with pytest.raises(NotFound, match="nobody"):
            await backend.predict("nobody", [1])
        with pytest.raises(NotFound, match="nobody"):
            await backend.create_version(VersionSpec("nobody", "v1", GsUri("some-bucket", "x")))

    async def test_a_model_without_versions_cannot_predict(self, backend: Backend) -> None:
        name = fresh("model")
        await backend.create_model(name)
        assert await backend.list_versions(name) == []
        with pytest.raises(FailedPrecondition, match="default version"):
            await backend.predict(name, [1])


class VersionContract(Contract):
    @pytest_asyncio.fixture(loop_scope="session")
    async def exported(self, backend: Backend, tmp_path: Path) -> dict[int, GsUri]:
        """SavedModels that answer ``factor * x + y``, by their factor, made by one job of this backend."""
        if backend not in _EXPORTED:
            bucket = await self.open_bucket(backend)
            job = await self.train(backend, bucket, tmp_path, EXPORT, "--factors", *map(str, _FACTORS))
            assert job.state is JobState.SUCCEEDED, job.error_message
            assert job.training.job_dir is not None
            folder = job.training.job_dir / "export"
            _EXPORTED[backend] = {factor: folder / str(number) for number, factor in enumerate(_FACTORS, 1)}
        return _EXPORTED[backend]

    @pytest_asyncio.fixture(loop_scope="session")
    async def model(self, backend: Backend, exported: dict[int, GsUri]) -> str:
        """A model with versions v1, which doubles, and v2, which triples; for tests that change nothing."""
        if backend not in _ASKED:
            _ASKED[backend] = await self.deployed(backend, exported[2], exported[3])
        return _ASKED[backend]

    async def deployed(self, backend: Backend, *uris: GsUri) -> str:
        """A new model with versions v1, v2, … of these SavedModels, all READY."""
        name = fresh("model")
        await backend.create_model(name)
        for number, uri in enumerate(uris, 1):
            version = await backend.deploy(VersionSpec(name, f"v{number}", uri), timeout=PATIENCE)
            assert version.state is VersionState.READY, version.error_message
        return name

    async def test_the_first_version_becomes_the_default(self, backend: Backend, model: str) -> None:
        assert (await backend.get_model(model)).default_version == "v1"
        assert [(version.name, version.is_default) for version in await backend.list_versions(model)] == [
            ("v1", True),
            ("v2", False),
        ]
        assert await backend.predict(model, [{"x": 1, "y": 0}]) == [{"scaled": 2.0}]
        assert await backend.predict(model, [{"x": 1, "y": 0}], version="v1") == [{"scaled": 2.0}]

    async def test_a_version_that_is_not_the_default_answers_or_is_refused(self, backend: Backend, model: str) -> None:
        asked = backend.predict(model, [{"x": 1, "y": 0}], version="v2")
        if backend.abilities.predicts_any_version:
            assert await asked == [{"scaled": 3.0}]
        else:
            with pytest.raises(FailedPrecondition, match=r"'v2'.*default"):
                await asked

    async def test_the_default_can_be_moved(self, backend: Backend, exported: dict[int, GsUri]) -> None:
        name = await self.deployed(backend, exported[2], exported[3])
        assert (await backend.set_default_version(name, "v2")).is_default
        assert await backend.predict(name, [{"x": 1, "y": 0}]) == [{"scaled": 3.0}]
        assert not (await backend.get_version(name, "v1")).is_default

    async def test_the_default_stays_while_there_are_others(self, backend: Backend, exported: dict[int, GsUri]) -> None:
        name = await self.deployed(backend, exported[2], exported[3])
        with pytest.raises(FailedPrecondition):
            await backend.delete_version(name, "v1")
        with pytest.raises(FailedPrecondition):
            await backend.delete_model(name)
        await backend.delete_version(name, "v2")
        await backend.delete_version(name, "v1")
        assert await backend.list_versions(name) == []
        await backend.delete_model(name)

    async def test_a_taken_version_name_is_refused(
        self, backend: Backend, model: str, exported: dict[int, GsUri]
    ) -> None:
        with pytest.raises(AlreadyExists):
            await backend.create_version(VersionSpec(model, "v1", exported[2]))

    async def test_a_version_nobody_made(self, backend: Backend, model: str) -> None:
        for call in (backend.get_version, backend.delete_version, backend.set_default_version):
            with pytest.raises(NotFound, match="v9"):
                await call(model, "v9")
        with pytest.raises(NotFound, match="v9"):
            await backend.predict(model, [{"x": 1, "y": 0}], version="v9")

    async def test_a_version_outlives_its_files(self, backend: Backend, exported: dict[int, GsUri]) -> None:
        name = await self.deployed(backend, exported[5])
        await backend.delete_objects(exported[5])
        assert await backend.predict(name, [{"x": 1, "y": 1}]) == [{"scaled": 6.0}]

    async def test_a_folder_without_a_saved_model(self, backend: Backend, bucket: str) -> None:
        name = fresh("model")
        await backend.create_model(name)
        await backend.write_object(GsUri(bucket, "model/readme.txt"), b"no model")
        for folder in ("model", "nothing"):
            with pytest.raises(FailedPrecondition, match=r"saved_model\.pb"):
                await backend.create_version(VersionSpec(name, "v1", GsUri(bucket, folder)))

    async def test_a_corrupt_saved_model(self, backend: Backend, bucket: str) -> None:
        name = fresh("model")
        await backend.create_model(name)
        await backend.write_object(GsUri(bucket, "model/saved_model.pb"), b"this is no protocol buffer")
        version = await backend.deploy(VersionSpec(name, "v1", GsUri(bucket, "model/")), timeout=PATIENCE)
        assert version.state is VersionState.FAILED
        assert "Bad model detected" in version.error_message
        with pytest.raises(FailedPrecondition):
            await backend.predict(name, [{"x": 1, "y": 0}], version="v1")
        await backend.delete_version(name, "v1")


class PredictionContract(VersionContract):
    async def test_one_answer_for_each_instance_in_order(self, backend: Backend, model: str) -> None:
        instances = [{"x": number, "y": 0.5} for number in range(1000)]
        assert await backend.predict(model, instances) == [{"scaled": 2.0 * number + 0.5} for number in range(1000)]

    async def test_many_askers_each_get_their_own_answer(self, backend: Backend, model: str) -> None:
        async def ask(number: int) -> object:
            instance: dict[str, Json] = {"x": number} if number % 10 == 9 else {"x": number, "y": 1}
            try:
                return await backend.predict(model, [instance])
            except PredictionFailed as error:
                return "Input y was missing" in str(error)

        async with asyncio.timeout(PATIENCE):
            answers = await asyncio.gather(*map(ask, range(100)))
        assert answers == [number % 10 == 9 or [{"scaled": 2.0 * number + 1}] for number in range(100)]

    async def test_a_signature_by_name(self, backend: Backend, model: str) -> None:
        asked = await backend.predict(model, [{"x": 1, "y": 1}], signature_name="serving_default")
        assert asked == [{"scaled": 3.0}]
        with pytest.raises(PredictionFailed, match="No signature found for signature key other"):
            await backend.predict(model, [{"x": 1, "y": 1}], signature_name="other")

    async def test_no_instances(self, backend: Backend, model: str) -> None:
        with pytest.raises(InvalidArgument, match="instances"):
            await backend.predict(model, [])

    @pytest.mark.parametrize(
        ("instance", "reason"),
        [
            ({"x": 1}, "Input y was missing"),
            ({"x": 1, "y": 1, "z": 1}, "Unexpected tensor name: z"),
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

    async def test_not_a_number_is_no_json(self, backend: Backend, model: str) -> None:
        with pytest.raises(PredictionFailed, match="NaN"):
            await backend.predict(model, [{"x": math.nan, "y": 1}])
