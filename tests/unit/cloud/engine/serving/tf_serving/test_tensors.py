import base64
import string
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.serving.tf_serving.tensors import check_value, rows_to_array, to_array
from cloud.errors import CloudError, PredictionFailed, Unimplemented

TYPES = ["float32", "float64", "int8", "int64", "uint8", "uint32", "uint64", "bool", "string", "float16", "bfloat16"]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.integers(0, 3)
    | st.floats()
    | st.text(max_size=2)
    | st.sampled_from([{"b64": "AA=="}, {"b64": "?"}, {"x": 1}])
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3), max_leaves=6)


@given(VALUES, st.sampled_from(TYPES))
def test_what_is_made_into_an_array_is_what_passes_the_checks_of_each_value(value, dtype):
    array = rows_to_array([value], dtype)
    try:
        size, shape = check_value(value, dtype)
    except CloudError:
        assert array is None
    else:
        assert array is not None or (dtype == "bfloat16" and not size)
        assert array is None or (list(array.shape), array.size) == ([1, *shape], size)


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (1, "float32", np.float32(1)),
        ([1, 2.5], "float32", np.float32([1, 2.5])),
        (1e39, "float32", np.float32(np.inf)),
        ([], "int64", np.zeros(0, np.int64)),
        ([[], []], "float16", np.zeros([2, 0], np.float16)),
        ([2**64 - 1], "uint64", np.uint64([2**64 - 1])),
        ([[True], [False]], "bool", np.array([[True], [False]])),
    ],
    ids=repr,
)
def test_arrays(value, dtype, expected):
    array = to_array(value, dtype)
    assert (array.dtype, array.shape) == (expected.dtype, expected.shape)
    assert np.array_equal(array, expected)


def test_nan_is_a_number():
    assert np.isnan(to_array([float("nan")], "float32")).all()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("aGk=", b"hi"),
        ("aGk", b"hi"),
        (" aG\nk= ", b"hi"),
        ("aGk.", b"hi"),
        ("", b""),
        ("aGk==", None),
        ("a", None),
        ("aG-_", None),
        ("====", None),
    ],
)
def test_base64_needs_no_padding(text, expected):
    if expected is None:
        with pytest.raises(PredictionFailed, match="Unable to base64 decode"):
            to_array({"b64": text}, "string")
    else:
        assert to_array({"b64": text}, "string") == expected


@given(st.binary(), st.booleans())
def test_any_bytes_in_base64(data, padded):
    text = base64.b64encode(data).decode()
    assert to_array([{"b64": text if padded else text.rstrip("=")}], "string").tolist() == [data]


@given(st.text(string.printable))
def test_any_base64_is_read_or_refused(text):
    with suppress(PredictionFailed):
        assert isinstance(to_array({"b64": text}, "string")[()], bytes)


@pytest.mark.parametrize(
    ("value", "dtype", "text"),
    [
        (1.0, "int64", "JSON Value: 1.0 Type: Number is not of expected type: int64"),
        (300, "uint8", "JSON Value: 300 Type: Number is not of expected type: uint8"),
        (2**31, "int32", "JSON Value: 2147483648 Type: Number is not of expected type: int32"),
        ("1", "float32", 'JSON Value: "1" Type: String is not of expected type: float'),
        (True, "float64", "JSON Value: true Type: True is not of expected type: double"),
        (None, "bool", "JSON Value: null Type: Null is not of expected type: bool"),
        ({"b64": "AA"}, "float32", 'JSON Value: {\n    "b64": "AA"\n} Type: Object is not of expected type: float'),
        (1, "string", "JSON Value: 1 Type: Number is not of expected type: string"),
        ({"b64": 1}, "string", 'JSON Value: {\n    "b64": 1\n} not formatted correctly for base64 data'),
        ([[1, 2], 3], "float32", "JSON Value: 3 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
        ([1, [2]], "float32", "Encountered list at unexpected level: 1 expected < 1"),
        ([[1, 2], [3]], "float32", "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
    ],
    ids=repr,
)
def test_what_does_not_fit(value, dtype, text):
    with pytest.raises(PredictionFailed) as caught:
        to_array(value, dtype)
    assert caught.value.message == text


def test_types_that_json_cannot_give_have_a_code_of_their_own():
    with pytest.raises(Unimplemented, match=r"^Conversion of JSON Value: 1 to type: half$"):
        to_array([1], "float16")


def test_a_tensor_has_at_most_254_dimensions():
    value = 1
    for _ in range(5000):
        value = [value]
    with pytest.raises(PredictionFailed, match="254 dimensions"):
        to_array(value, "float32")
