"""The model: features in the graph, scales from the data, the SavedModel. Needs TensorFlow."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from trainer.rows import INPUTS

# Every pytest worker imports every test module: TensorFlow is imported only in the tests.
if TYPE_CHECKING:
    from trainer.model import FareModel

MIDTOWN_TO_JFK = [-73.98, 40.75, -73.785, 40.645, 2.0]
GARBAGE = [[0.0, 0.0, 0.0, 0.0, 1.0], [1e30, -1e30, -73.98, 40.75, 1e30]]


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    random = np.random.default_rng(1)
    ends = random.normal([-73.98, 40.75, -73.97, 40.76], 0.03, (500, 4))
    return np.column_stack([random.uniform(3, 60, 500), ends, random.integers(1, 7, 500)]).astype(np.float32)


@pytest.fixture(scope="module")
def model(rows: np.ndarray) -> "FareModel":
    from trainer.model import FareModel

    model = FareModel("engineered", [8, 4], seed=1)
    model.adapt(rows)
    return model


def test_features_hold_the_length_and_the_airport() -> None:
    import tensorflow as tf

    from trainer.features import engineered_features

    there, back = engineered_features(
        tf.constant([MIDTOWN_TO_JFK, [*MIDTOWN_TO_JFK[2:4], *MIDTOWN_TO_JFK[:2], 2.0]])
    ).numpy()
    straight, blocks = there[:2]
    assert straight == pytest.approx(20.2, abs=0.1)
    assert straight < blocks < straight * 2**0.5
    np.testing.assert_allclose(there[:4], back[:4], rtol=1e-5)
    np.testing.assert_allclose(there[4:8], -back[4:8], rtol=1e-4)
    assert there[15:21].round(3).tolist() == [0, 1, 0, 0, 0, 0]
    assert back[15:21].round(3).tolist() == [1, 0, 0, 0, 0, 0]


def test_an_invalid_position_is_marked_and_ignored() -> None:
    import tensorflow as tf

    from trainer.features import engineered_features

    values = engineered_features(tf.constant(GARBAGE)).numpy()
    assert np.abs(values).max() < 100
    assert values[:, 12].tolist() == [1, 1]
    assert values[:, 13].tolist() == [1, 0]


@pytest.mark.parametrize("features", ["raw", "engineered"])
def test_garbage_gets_a_moderate_fare(features: str, rows: np.ndarray) -> None:
    import tensorflow as tf

    from trainer.model import FareModel

    model = FareModel(features, [8, 4], seed=1)
    model.adapt(rows)
    assert (np.abs(model(tf.constant(GARBAGE)).numpy()) < 200).all()


def test_initial_weights_depend_on_the_seed() -> None:
    from trainer.model import FareModel

    def weights(seed: int) -> list[np.ndarray]:
        return [np.asarray(weight) for weight in FareModel("raw", [4], seed).weights]

    assert all(map(np.array_equal, weights(1), weights(1)))
    assert not all(map(np.array_equal, weights(1), weights(2)))


def test_the_export_takes_five_named_floats_and_predicts_as_the_model(
    model: "FareModel", rows: np.ndarray, tmp_path: Path
) -> None:
    import tensorflow as tf

    from trainer.export import export

    signature = tf.saved_model.load(export(model, str(tmp_path))).signatures["serving_default"]
    inputs = signature.structured_input_signature[1]
    assert {name: (spec.shape.as_list(), spec.dtype) for name, spec in inputs.items()} == {
        name: ([None], tf.float32) for name in INPUTS
    }
    for count in (1, 7):
        trips = rows[:count, 1:]
        served = signature(**{name: tf.constant(trips[:, place]) for place, name in enumerate(INPUTS)})
        assert list(served) == ["predictions"]
        assert served["predictions"].shape == [count, 1]
        np.testing.assert_allclose(served["predictions"][:, 0], model(tf.constant(trips)), rtol=1e-5)


def test_exports_are_named_by_unix_time_and_always_increase(tmp_path: Path) -> None:
    from trainer.export import export
    from trainer.model import FareModel

    model = FareModel("raw", [2], seed=1)
    exporter = tmp_path / "export" / "exporter"
    (exporter / "temp-notes").mkdir(parents=True)
    made = [export(model, f"{tmp_path}/", now) for now in (1535549236.9, 1535549236.0, 1500000000.0, 1600000000.0)]
    assert [Path(path).name for path in made] == ["1535549236", "1535549237", "1535549238", "1600000000"]
    assert all((Path(path) / "saved_model.pb").is_file() for path in made)
    assert [path.name for path in (tmp_path / "export").iterdir()] == ["exporter"]
