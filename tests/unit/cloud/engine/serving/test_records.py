from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud.engine.database import open_database
from cloud.engine.restore import restore
from cloud.engine.serving.records import _MIGRATIONS, Records
from cloud.errors import AlreadyExists, FailedPrecondition, NotFound
from cloud.lifecycle import VersionEvent, VersionState
from cloud.names import GsUri
from cloud.resources import Framework, Model, ServingStack, Version, VersionSpec

STACK = ServingStack.TENSORFLOW_SERVING
NOW = datetime(2018, 8, 29, 13, 25, 1, 250000, tzinfo=UTC)


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    records = Records(tmp_path / "serving.sqlite")
    records.add_model(Model("taxi", "us-east1", NOW, "fares"))
    yield records
    records.close()


def add_version(records: Records, name: str) -> Version:
    spec = VersionSpec(
        "taxi",
        name,
        GsUri("bucket", "export/1/"),
        "2.21",
        "3.11",
        "first",
        serving_stack=ServingStack.TENSORFLOW_SERVING,
        image="tf2",
    )
    version = Version(spec, VersionState.CREATING, NOW)
    records.add_version(version, f"folder-{name}")
    return version


def test_records_survive_a_restart(records: Records, tmp_path: Path) -> None:
    add_version(records, "v1")
    records.change("taxi", "v1", VersionEvent.FAILED, "why")
    again = Records(tmp_path / "serving.sqlite")
    assert again.model("taxi") == Model("taxi", "us-east1", NOW, "fares", "v1")
    assert again.version("taxi", "v1") == Version(
        VersionSpec(
            "taxi",
            "v1",
            GsUri("bucket", "export/1/"),
            "2.21",
            "3.11",
            "first",
            serving_stack=ServingStack.TENSORFLOW_SERVING,
            image="tf2",
        ),
        VersionState.FAILED,
        NOW,
        is_default=True,
        error_message="why",
    )
    assert again.folder("taxi", "v1") == "folder-v1"
    again.close()


def test_models_and_versions_are_listed_by_name(records: Records) -> None:
    records.add_model(Model("a", "r", NOW))
    for name in ("v2", "v10", "v1"):
        add_version(records, name)
    assert [model.name for model in records.models()] == ["a", "taxi"]
    assert [version.name for version in records.versions("taxi")] == ["v1", "v10", "v2"]
    assert records.versions("a") == []
    assert records.folders() == {"folder-v1", "folder-v2", "folder-v10"}


def test_the_first_version_is_the_default_until_another_is_set(records: Records) -> None:
    assert records.resolve_version("taxi", None) == (None, None)
    add_version(records, "v1")
    add_version(records, "v2")
    assert records.resolve_version("taxi", None) == ("v1", VersionState.CREATING)
    records.set_default("taxi", "v2")
    assert [version.is_default for version in records.versions("taxi")] == [False, True]
    records.remove_version("taxi", "v2")
    assert records.model("taxi").default_version is None
    add_version(records, "v3")
    assert records.model("taxi").default_version == "v3"


def test_states_change_by_the_table_of_the_lifecycle(records: Records) -> None:
    add_version(records, "v1")
    with pytest.raises(FailedPrecondition, match="CREATING"):
        records.change("taxi", "v1", VersionEvent.DELETE_REQUESTED)
    records.change("taxi", "v1", VersionEvent.LOADED)
    assert records.resolve_version("taxi", "v1") == ("v1", VersionState.READY)
    records.change("taxi", "v1", VersionEvent.DELETE_REQUESTED)
    assert [version.name for version in records.versions_in(VersionState.DELETING)] == ["v1"]


def test_names_that_are_taken_or_unknown(records: Records) -> None:
    with pytest.raises(AlreadyExists, match=r"^model\.name: A model with the same name already exists\.$"):
        records.add_model(Model("taxi", "r", NOW))
    for call in (records.version, records.folder, records.resolve_version):
        with pytest.raises(NotFound, match='version resource: "v9"'):
            call("taxi", "v9")
        with pytest.raises(NotFound, match='model resource: "unknown" was not found'):
            call("unknown", "v1")
    with pytest.raises(NotFound, match="unknown"):
        records.resolve_version("unknown", None)


def test_a_model_is_removed(records: Records) -> None:
    records.remove_model("taxi")
    assert records.models() == []


def test_a_record_that_todays_checks_would_refuse_is_still_read(records: Records) -> None:
    uri = restore(GsUri, {"bucket": "My_Bucket", "path": "export"})
    spec = restore(VersionSpec, {"model": "taxi", "name": "no id", "deployment_uri": uri})
    records.add_version(Version(spec, VersionState.READY, NOW), "folder")
    assert [version.spec for version in records.versions("taxi")] == [spec]


def test_versions_of_vertex_ai_that_were_recorded_without_a_stack_are_tensorflow_servings(tmp_path: Path) -> None:
    path = tmp_path / "serving.sqlite"
    earlier = open_database(path, _MIGRATIONS[:1])
    for model in ("taxi", "endpoint_us_central1_7"):
        earlier.execute("INSERT INTO models VALUES (?, 'r', ?, '', NULL)", (model, NOW.isoformat()))
        row = (model, "v", "gs://b/x/", None, None, "", "READY", NOW.isoformat(), "", model)
        earlier.execute("INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    earlier.close()
    records = Records(path)
    assert records.serving_stack("taxi", "v") is ServingStack.PREDICTION_LIBRARY
    assert records.serving_stack("endpoint_us_central1_7", "v") is ServingStack.TENSORFLOW_SERVING
    spec = records.version("taxi", "v").spec
    assert (spec.framework, spec.image) == (Framework.TENSORFLOW, None)
    records.close()
