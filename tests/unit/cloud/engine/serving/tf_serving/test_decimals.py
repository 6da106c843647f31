import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cloud.engine.serving.tf_serving.decimals import as_doubles, compact

SINGLES = st.floats(width=32, allow_nan=False, allow_infinity=False)


def written(value: float, kind: type) -> str:
    """The rule, spelt out."""
    text = f"{value:.6g}"
    if kind(float(text)) != kind(value):
        text = f"{value:.{9 if kind is np.float32 else 17}g}"
    return text if "." in text or "e" in text else f"{text}.0"


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (10.880475997924805, np.float32, "10.880476"),
        (0.2, np.float32, "0.2"),
        (1 / 3, np.float32, "0.333333343"),
        (1e7, np.float32, "1e+07"),
        (9, np.float32, "9.0"),
        (16777217 * 8, np.float32, "134217728.0"),
        (-0.0, np.float32, "-0.0"),
        (0.00001, np.float32, "1e-05"),
        (0.1, np.float64, "0.1"),
        (1 / 3, np.float64, "0.33333333333333331"),
        (math.nan, np.float32, "NaN"),
        (math.inf, np.float64, "Infinity"),
        (-math.inf, np.float32, "-Infinity"),
    ],
)
def test_one_number(value, kind, text):
    assert compact(np.array(value, kind)).decode() == text
    assert compact(np.full([50, 1], value, kind)).decode() == f"[{','.join([f'[{text}]'] * 50)}]"


@given(st.lists(SINGLES, min_size=1, max_size=100), st.booleans())
def test_many_singles_are_each_written_by_the_rule(values, ordinary):
    if ordinary:
        values = [value % 1000 for value in values]
    array = np.array(values * 20, np.float32)
    assert compact(array).decode() == f"[{','.join(written(float(value), np.float32) for value in array)}]"
    assert np.array_equal(as_doubles(array).astype(np.float32), array)


@given(arrays.arrays(st.sampled_from([np.float32, np.float64]), arrays.array_shapes(min_dims=0, min_side=0)))
def test_arrays_of_any_shape_read_back_equal(array):
    array = np.nan_to_num(array)
    read = np.array(json.loads(compact(array)), array.dtype)
    assert np.array_equal(read.reshape(array.shape), array)
    assert np.ndim(json.loads(compact(array))) == array.ndim or not array.size
