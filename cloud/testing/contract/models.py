"""The contract's part on models and versions."""

from pathlib import Path
from weakref import WeakKeyDictionary

import pytest
import pytest_asyncio

from cloud.backends.base import Backend
from cloud.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from cloud.lifecycle import JobState, VersionState
from cloud.names import GsUri
from cloud.resources import VersionSpec
from cloud.testing.contract.base import TIMEOUT, Contract, unique_name
from cloud.testing.contract.probes import EXPORT

_FACTORS = (2, 3, 5)
_EXPORTED: WeakKeyDictionary[Backend, dict[int, GsUri]] = WeakKeyDictionary()
"""Each backend's SavedModels, by their factor."""
_SHARED_MODEL: WeakKeyDictionary[Backend, str] = WeakKeyDictionary()
"""Each backend's model for tests that do not change it."""


class ModelContract(Contract):
    async def test_a_model_is_created_listed_and_deleted(self, backend: Backend) -> None:
        name = unique_name("model")
        made = await backend.create_model(name, description="fares")
        assert (made.name, made.description, made.default_version) == (name, "fares", None)
        assert await backend.get_model(name) == made
        assert name in [model.name for model in await backend.list_models()]
        await backend.delete_model(name)
        with pytest.raises(NotFound, match=name):
            await backend.get_model(name)

    async def test_a_taken_model_name_is_refused(self, backend: Backend) -> None:
        name = unique_name("model")
        await backend.create_model(name)
        with pytest.raises(AlreadyExists, match="A model with the same name already exists"):
            await backend.create_model(name)

    @pytest.mark.parametrize("name", ["", "1model", "has-hyphen", "m" * 129])
    async def test_an_invalid_model_name_is_refused(self, backend: Backend, name: str) -> None:
        with pytest.raises(InvalidArgument, match="A name should start with a letter"):
            await backend.create_model(name)

    async def test_an_unknown_model_is_not_found(self, backend: Backend) -> None:
        for call in (backend.get_model, backend.delete_model, backend.list_versions):
            with pytest.raises(NotFound, match="unknown"):
                await call("unknown")
        with pytest.raises(NotFound, match="unknown"):
            await backend.predict("unknown", [1])
        with pytest.raises(NotFound, match="unknown"):
            await backend.raw_predict("unknown", b'{"instances": [1]}')
        with pytest.raises(NotFound, match="unknown"):
            await backend.create_version(VersionSpec("unknown", "v1", GsUri("some-bucket", "x")))

    async def test_a_model_without_versions_cannot_predict(self, backend: Backend) -> None:
        name = unique_name("model")
        await backend.create_model(name)
        assert await backend.list_versions(name) == []
        with pytest.raises(FailedPrecondition, match="default version"):
            await backend.predict(name, [1])


class DeployedContract(Contract):
    """Fixtures for the parts on versions and predictions."""

    @pytest_asyncio.fixture(loop_scope="session")
    async def exported(self, backend: Backend, tmp_path: Path) -> dict[int, GsUri]:
        """SavedModels that compute ``factor * x + y``, by their factor: made by a job of this backend, or empty if it
        does not run programs."""
        if backend not in _EXPORTED:
            bucket = await self.open_bucket(backend)
            folder = await self._export(backend, bucket, tmp_path)
            _EXPORTED[backend] = {factor: folder / str(number) for number, factor in enumerate(_FACTORS, 1)}
        return _EXPORTED[backend]

    @pytest_asyncio.fixture(loop_scope="session")
    async def model(self, backend: Backend, exported: dict[int, GsUri]) -> str:
        """A model with versions v1, which doubles, and v2, which triples; for tests that do not change it."""
        if backend not in _SHARED_MODEL:
            _SHARED_MODEL[backend] = await self.deployed(backend, exported[2], exported[3])
        return _SHARED_MODEL[backend]

    async def deployed(self, backend: Backend, *uris: GsUri) -> str:
        """A new model with versions v1, v2, … of these SavedModels, all READY."""
        name = unique_name("model")
        await backend.create_model(name)
        for number, uri in enumerate(uris, 1):
            version = await backend.deploy(VersionSpec(name, f"v{number}", uri), timeout=TIMEOUT)
            assert version.state is VersionState.READY, version.error_message
        return name

    async def _export(self, backend: Backend, bucket: str, tmp_path: Path) -> GsUri:
        """The folder of the SavedModels, with a folder 1, 2, … for each factor."""
        if backend.abilities.runs_programs:
            job = await self.train(backend, bucket, tmp_path, EXPORT, "--factors", *map(str, _FACTORS))
            assert job.state is JobState.SUCCEEDED, job.error_message
            return GsUri(bucket, f"jobs/{job.job_id}/export")
        folder = GsUri(bucket, "export")
        for number, _ in enumerate(_FACTORS, 1):
            await backend.write_object(folder / str(number) / "saved_model.pb", b"")
        return folder


class VersionContract(DeployedContract):
    async def test_a_version_is_created_and_becomes_ready(self, backend: Backend, exported: dict[int, GsUri]) -> None:
        name = unique_name("model")
        await backend.create_model(name)
        made = await backend.create_version(VersionSpec(name, "v1", exported[2], description="doubles"))
        assert (made.state, made.model, made.name) == (VersionState.CREATING, name, "v1")
        ready = await backend.wait_for_version(name, "v1", timeout=TIMEOUT)
        assert ready.state is VersionState.READY, ready.error_message
        assert await backend.get_version(name, "v1") == ready
        assert ready.spec.description == "doubles"

    async def test_the_first_version_becomes_the_default(self, backend: Backend, model: str) -> None:
        assert (await backend.get_model(model)).default_version == "v1"
        assert [(version.name, version.is_default) for version in await backend.list_versions(model)] == [
            ("v1", True),
            ("v2", False),
        ]

    async def test_another_version_can_become_the_default(self, backend: Backend, exported: dict[int, GsUri]) -> None:
        name = await self.deployed(backend, exported[2], exported[3])
        assert (await backend.set_default_version(name, "v2")).is_default
        assert (await backend.get_model(name)).default_version == "v2"
        assert not (await backend.get_version(name, "v1")).is_default

    async def test_the_default_cannot_be_deleted_while_there_are_others(
        self, backend: Backend, exported: dict[int, GsUri]
    ) -> None:
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

    async def test_an_unknown_version_is_not_found(self, backend: Backend, model: str) -> None:
        for call in (backend.get_version, backend.delete_version, backend.set_default_version):
            with pytest.raises(NotFound, match="v9"):
                await call(model, "v9")
        with pytest.raises(NotFound, match="v9"):
            await backend.predict(model, [{"x": 1, "y": 0}], version="v9")

    async def test_a_folder_without_a_saved_model(self, backend: Backend, bucket: str) -> None:
        name = unique_name("model")
        await backend.create_model(name)
        await backend.write_object(GsUri(bucket, "model/readme.txt"), b"no model")
        for folder in ("model", "nothing"):
            with pytest.raises(FailedPrecondition, match=r"saved_model\.pb"):
                await backend.create_version(VersionSpec(name, "v1", GsUri(bucket, folder)))
