import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.serving.tf_serving.json_text import debug_text, double_text, type_name


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (0, "0"),
        (1.0, "1.0"),
        (True, "true"),
        (None, "null"),
        ('a"\n\x1fé', '"a\\"\\n\\u001Fé"'),
        ([1, [2.5, "x"], []], '[1, [2.5, "x"], []]'),
        ({}, "{}"),
        ({"x": [1, {"y": 2}], "z": {}}, '{\n    "x": [1, {\n            "y": 2\n        }],\n    "z": {}\n}'),
    ],
    ids=repr,
)
def test_values_are_laid_out_as_rapidjson_does(value, text):
    assert debug_text(value) == text


def test_a_text_ends_with_the_item_that_passes_256_bytes():
    assert debug_text(list(range(1000))).endswith(", 66")
    assert len(debug_text(list(range(1000)))) == 257
    assert debug_text(["é" * 200, 1]) == '["' + "é" * 200 + '"'
    assert len(debug_text({"instances": ["x" * 1000, "y"]})) < 1100


def test_a_number_that_is_none_ends_the_text():
    assert debug_text([1, math.nan, 2]) == "[1, "


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (100.0, "100.0"),
        (1e16, "10000000000000000.0"),
        (1e21, "1e21"),
        (1.25e30, "1.25e30"),
        (0.000012, "0.000012"),
        (1.2e-7, "1.2e-7"),
        (-123.456, "-123.456"),
    ],
)
def test_doubles(value, text):
    assert double_text(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_reads_back(value):
    assert float(double_text(value)) == value


@given(
    st.recursive(
        st.integers() | st.text(max_size=3) | st.none() | st.booleans(), lambda inner: st.lists(inner, max_size=3)
    )
)
def test_a_short_text_reads_back(value):
    text = debug_text(value)
    if len(text.encode()) < 256:
        assert json.loads(text) == value


def test_types():
    values = (None, True, False, "", [], {}, 1, 1.5)
    assert [type_name(value) for value in values] == [
        "Null",
        "True",
        "False",
        "String",
        "Array",
        "Object",
        "Number",
        "Number",
    ]
