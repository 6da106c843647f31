import errno
import os
from pathlib import Path

import pytest

from cloud.engine.runtimes.layers import Layer, Layers
from cloud.errors import FailedPrecondition, ResourceExhausted


def build(layers: Layers, key: str) -> Layer:
    with layers.building() as (folder, _):
        (folder / "packages").mkdir()
        return layers.finish(key, Layer(folder, ("a==1",), ("b==2",), ("a warning",)))


def test_a_layer_is_found_by_its_key(tmp_path: Path) -> None:
    layers = Layers(tmp_path / "store")
    assert layers.find("key") is None

    built = build(layers, "key")

    assert layers.find("key") == built
    assert (built.folder / "packages").is_dir()
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["key"]


def test_of_two_that_build_the_same_the_first_is_used(tmp_path: Path) -> None:
    layers = Layers(tmp_path)
    with layers.building() as (folder, _):
        first = build(layers, "key")
        (first.folder / "mark").touch()

        second = layers.finish("key", Layer(folder, ("a==1",)))

    assert second == first
    assert (first.folder / "mark").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_what_is_being_built_is_not_removed_and_what_was_left_is(tmp_path: Path) -> None:
    layers = Layers(tmp_path)
    (tmp_path / "omlc-layer-0dead000" / "packages").mkdir(parents=True)
    with layers.building() as (folder, _):
        build(layers, "other")

        assert folder.is_dir()
        assert not (tmp_path / "omlc-layer-0dead000").exists()


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), Layers(tmp_path).building():
        raise KeyError

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (errno.ENOSPC, ResourceExhausted, "There is no room left for the store of runtimes"),
        (errno.EROFS, FailedPrecondition, "cannot be written"),
    ],
)
def test_a_store_that_cannot_be_written(tmp_path: Path, code: int, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words) as failure, Layers(tmp_path).building():
        raise OSError(code, os.strerror(code))

    assert "CLOUD_RUNTIMES" in str(failure.value)


def test_where_the_store_cannot_be_written_layers_are_made_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("no folder")
    layers = Layers(tmp_path / "store", tmp_path / "own")

    built = build(layers, "key")

    assert built.folder == tmp_path / "own/key"
    assert layers.find("key") == built
