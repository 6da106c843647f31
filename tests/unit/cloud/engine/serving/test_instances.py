import base64
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.serving.instances import to_batch, to_predictions
from cloud.engine.serving.signatures import TensorSpec
from cloud.errors import PredictionFailed

INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = {"float16": 16, "float32": 32, "float64": 64}
FLOAT = TensorSpec("float32", (None,))


@st.composite
def columns(draw: st.DrawFn) -> tuple[TensorSpec, list[Any]]:
    """A spec, and JSON values that fit it for one to five instances."""
    dtype = draw(st.sampled_from([*INTEGERS, *FLOATS, "bool", "string"]))
    if dtype in INTEGERS:
        limits = np.iinfo(dtype)
        leaf: st.SearchStrategy[Any] = st.integers(int(limits.min), int(limits.max))
    elif dtype in FLOATS:
        leaf = st.floats(allow_nan=False, allow_infinity=False, width=FLOATS[dtype])  # type: ignore[arg-type]
    elif dtype == "bool":
        leaf = st.booleans()
    else:
        leaf = st.text(st.characters(exclude_categories=["Cs"]))
    sizes = draw(st.lists(st.integers(0, 3), max_size=3))
    value = leaf
    for size in reversed(sizes):
        value = st.lists(value, min_size=size, max_size=size)
    shape = (None, *(draw(st.sampled_from([size, None])) for size in sizes))
    return TensorSpec(dtype, shape), draw(st.lists(value, min_size=1, max_size=5))


@given(st.lists(columns(), min_size=2, max_size=3))
def test_instances_round_trip(given_columns: list[tuple[TensorSpec, list[Any]]]) -> None:
    count = min(len(values) for _, values in given_columns)
    inputs = {f"in{number}": spec for number, (spec, _) in enumerate(given_columns)}
    instances = [{f"in{k}": values[row] for k, (_, values) in enumerate(given_columns)} for row in range(count)]
    batch = to_batch(json.loads(json.dumps(instances)), inputs)
    for alias, spec in inputs.items():
        assert batch[alias].dtype == (object if spec.dtype == "string" else spec.dtype)
        assert len(batch[alias]) == count
        assert spec.shape is not None
        assert batch[alias].ndim == len(spec.shape)
    assert to_predictions(batch, count) == instances


@given(st.binary(), st.booleans())
def test_binary_data_round_trips(data: bytes, named: bool) -> None:
    encoded = {"b64": base64.b64encode(data).decode()}
    batch = to_batch([{"image": encoded} if named else encoded], {"image": TensorSpec("string", (None,))})
    assert batch["image"].tolist() == [data]
    assert to_predictions({"image_bytes": batch["image"]}, 1) == [{"image_bytes": encoded}]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists), columns())
def test_any_json_fits_or_is_refused(value: Any, column: tuple[TensorSpec, list[Any]]) -> None:
    spec, values = column
    try:
        batch = to_batch([*values, value], {"x": spec})
    except PredictionFailed:
        return
    assert len(batch["x"]) == len(values) + 1
    if batch["x"].dtype.kind == "f":
        assert np.isfinite(batch["x"]).all()


def test_numbers_are_converted_to_the_type_of_the_input() -> None:
    assert to_batch([1, 2.5], {"x": FLOAT})["x"].tolist() == [1.0, 2.5]
    assert to_batch([1, 2.0, -3e2], {"x": TensorSpec("int32", (None,))})["x"].tolist() == [1, 2, -300]


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("float32", "1"),
        ("float32", True),
        ("float32", None),
        ("float32", {"b64": "AA=="}),
        ("float32", 1e39),
        ("float32", 10**400),
        ("float32", math.nan),
        ("float32", -math.inf),
        ("float16", 70000),
        ("int32", 1.5),
        ("int32", "1"),
        ("int32", False),
        ("int32", 2**31),
        ("int32", 1e20),
        ("int64", math.inf),
        ("int64", math.nan),
        ("uint8", -1),
        ("bool", 1),
        ("bool", "true"),
        ("string", 1),
        ("string", None),
        ("string", "\ud800"),
        ("string", {"b64": "%%%"}),
        ("string", {"b64": 7}),
        ("string", {"b64": "AA==", "more": 1}),
    ],
)
def test_nothing_is_cut_wrapped_or_guessed(dtype: str, value: Any) -> None:
    good: Any = {"float": 1.0, "int": 1, "uint": 1, "bool": True, "string": "a"}[dtype.rstrip("12346 8")]
    inputs = {"x": TensorSpec(dtype, (None,)), "y": FLOAT}
    instances = [{"x": good, "y": 0}, {"x": good, "y": 0}, {"x": value, "y": 0}]
    with pytest.raises(PredictionFailed, match=f"^Error processing input: instance 2: x: expected {dtype}, got "):
        to_batch(instances, inputs)


@pytest.mark.parametrize("given", ["%%%", "aGk", "_-8="])
def test_invalid_base64_has_its_own_error(given: str) -> None:
    with pytest.raises(PredictionFailed, match="expected string, got a 'b64' that is not base64 with its padding"):
        to_batch([{"b64": given}], {"x": TensorSpec("string", (None,))})


@pytest.mark.parametrize(
    ("shape", "values", "reason"),
    [
        ((None, 2), [[1, 2], [1]], "instance 1: x: expected a list of 2 in dimension 1 of shape"),
        ((None, 2), [[1, 2], 1], "instance 1: x: expected a list of 2"),
        ((None, 2), [[1, 2], [1, [2]]], r"instance 1: x: expected float32, got a list of 1"),
        ((None, None), [[1, 2], [1]], "instance 1: x: expected a list of 2"),
        ((None, None), [1, [1]], "instance 0: x: expected a list in dimension 1"),
        ((None, 1, 2), [[[1, 2]], [[1, 2], [3, 4]]], "instance 1: x: expected a list of 1 in dimension 1"),
        ((None, 2, 2), [[[1, 2], [3, 4]], [[1, 2], [3]]], "instance 1: x: expected a list of 2 in dimension 2"),
        ((None,), [1, [1]], r"instance 1: x: expected float32, got a list of 1"),
        (None, [[1], 1], "instance 1: x: expected a list of 1"),
        (None, [[[1], [2]], [[1], 2]], "instance 1: x: expected a list of 1 in dimension 2"),
        ((), [1], "Input x has no batch dimension"),
    ],
)
def test_ragged_and_misshapen_lists(shape: tuple[int | None, ...] | None, values: list[Any], reason: str) -> None:
    with pytest.raises(PredictionFailed, match=reason):
        to_batch(values, {"x": TensorSpec("float32", shape)})


def test_an_unknown_rank_comes_from_the_instances() -> None:
    assert to_batch([[[1, 2]], [[3, 4]]], {"x": TensorSpec("int64", None)})["x"].shape == (2, 1, 2)


def test_empty_lists_keep_their_sizes() -> None:
    assert to_batch([[], []], {"x": TensorSpec("float32", (None, None, 3))})["x"].shape == (2, 0, 3)


@pytest.mark.parametrize(
    ("instances", "reason"),
    [
        ([{"a": 1, "b": 2}, {"a": 1}], "^Input b was missing in at least one input instance.$"),
        ([{}], "^Input a was missing in at least one input instance.$"),
        ([{"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3}], "^Unexpected tensor name: c$"),
        ([{"a": 1, "B": 2}], "^Unexpected tensor name: B$"),
        ([{"a": 1, "b": 2}, 7], r"instance 1: expected an object with the keys \['a', 'b'\], got 7 of type int"),
        ([[1, 2]], r"instance 0: expected an object with the keys \['a', 'b'\], got a list of 2"),
    ],
)
def test_keys_of_several_inputs(instances: list[Any], reason: str) -> None:
    with pytest.raises(PredictionFailed, match=reason):
        to_batch(instances, {"a": FLOAT, "b": FLOAT})


def test_keys_of_a_single_input() -> None:
    assert to_batch([1, {"x": 2}], {"x": FLOAT})["x"].tolist() == [1.0, 2.0]
    for instance, got in (({"y": 1}, r"\['y'\]"), ({"x": 1, "y": 2}, r"\['x', 'y'\]"), ({}, r"\[\]")):
        with pytest.raises(PredictionFailed, match=rf"^Expected tensor name: x, got tensor name: {got}\.$"):
            to_batch([instance], {"x": FLOAT})
    with pytest.raises(PredictionFailed, match=r"got tensor name: \['b64'\]"):
        to_batch([{"b64": "AA=="}], {"x": FLOAT})


def test_a_type_without_a_json_representation() -> None:
    with pytest.raises(PredictionFailed, match="Input x is complex64, which JSON instances cannot give"):
        to_batch([1], {"x": TensorSpec("complex64", (None,))})
    with pytest.raises(PredictionFailed, match="Output z is complex64, which JSON cannot carry"):
        to_predictions({"z": np.zeros(1, np.complex64)}, 1)


def test_float32_is_widened() -> None:
    predictions = to_predictions({"fare": np.array([[10.880476]], np.float32)}, 1)
    assert json.dumps(predictions) == '[{"fare": [10.880475997924805]}]'


def test_nan_and_infinities_are_strings() -> None:
    values = np.array([[1.5, np.nan], [np.inf, -np.inf]])
    assert to_predictions({"x": values}, 2) == [{"x": [1.5, "NaN"]}, {"x": ["Infinity", "-Infinity"]}]
    assert [float(name) for name in ("Infinity", "-Infinity")] == [math.inf, -math.inf]


def test_outputs_need_a_row_for_each_instance() -> None:
    outputs = {"a": np.zeros(2), "b": np.zeros(3)}
    with pytest.raises(PredictionFailed, match=r"outputs had differing sizes .* {'a': 2, 'b': 3}, for 2 instances"):
        to_predictions(outputs, 2)
    assert to_predictions({"a": np.float32(4)[...]}, 1) == [{"a": 4.0}]


def test_text_that_is_not_utf_8() -> None:
    with pytest.raises(PredictionFailed, match="Output text is not UTF-8 text"):
        to_predictions({"text": np.array([b"\xff"], object)}, 1)
