import json
import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.serving.tf_serving.json_reader import _Reader, read_json, to_bytes
from cloud.errors import PredictionFailed

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_what_is_json_is_read_as_by_the_standard_library(value):
    body = json.dumps(value).encode()
    assert read_json(body) == value
    assert _Reader(body).read() == value  # the slow way, which orjson's refusals take


@given(st.binary() | st.text('[]{}:,"\\u0nN1.e-If ').map(str.encode))
def test_anything_is_read_or_refused(body):
    with suppress(PredictionFailed):
        read_json(body)


@given(JSON, st.data())
def test_a_cut_text_is_refused_where_it_ends_or_earlier(value, data):
    body = json.dumps({"instances": [value]}).encode()
    cut = body[: data.draw(st.integers(1, len(body) - 1))]
    with pytest.raises(PredictionFailed, match=r"at offset: \d+$") as caught:
        read_json(cut)
    assert int(str(caught.value).rpartition(" ")[2]) <= len(cut)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"[NaN]", [math.nan]),
        (b"[Inf, -Inf, Infinity, -Infinity]", [math.inf, -math.inf, math.inf, -math.inf]),
        (b'{"a": 1} and more', {"a": 1}),
        (b'[1]"', [1]),
        (b"\xef\xbb\xbf[1]", [1]),
        (b'{"a": NaN, "b": [], "c": {}, "a": 2}', {"a": math.nan, "b": [], "c": {}}),
        (b"[18446744073709551615, 18446744073709551616, NaN]", [2**64 - 1, 2.0**64, math.nan]),
        (b"[-9223372036854775808, -9223372036854775809, NaN]", [-(2**63), -(2.0**63), math.nan]),
        (
            b'[1.5e3, 0, -0, "\\u00e9\\ud83d\\ude00\\n", true, false, null, NaN]',
            [1500.0, 0, 0, "é😀\n", True, False, None, math.nan],
        ),
    ],
    ids=repr,
)
def test_rapidjson_takes_more_than_json(body, value):
    assert repr(read_json(body)) == repr(value)


def test_bytes_that_are_not_utf_8_are_kept():
    assert to_bytes(read_json(b'"\xff\xc3\xa9"')) == b"\xff\xc3\xa9"
    assert to_bytes(read_json(b'"\\udc00"')) == b"\xed\xb0\x80"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "The document is empty"),
        (b"  ", "The document is empty. at offset: 2"),
        (b"]", "The document is empty. at offset: 0"),
        (b"nul", "Invalid value. at offset: 3"),
        (b"x=1", "Invalid value. at offset: 0"),
        (b"-x", "Invalid value. at offset: 1"),
        (b"[Infinite]", "Invalid value. at offset: 8"),
        (b"[1,]", "Invalid value. at offset: 3"),
        (b"[1 2]", "Missing a comma or ']' after an array element. at offset: 3"),
        (b'{"instances": [1', "Missing a comma or ']' after an array element. at offset: 16"),
        (b'{"a": 1 "b"}', "Missing a comma or '}' after an object member. at offset: 8"),
        (b'{"a" 1}', "Missing a colon after a name of object member. at offset: 5"),
        (b'{"a": }', "Invalid value. at offset: 6"),
        (b"{a: 1}", "Missing a name for object member. at offset: 1"),
        (b'{"a": 1,}', "Missing a name for object member. at offset: 8"),
        (b"[01]", "Missing a comma or ']' after an array element. at offset: 2"),
        (b"[1.]", "Miss fraction part in number. at offset: 3"),
        (b"[1e]", "Miss exponent in number. at offset: 3"),
        (b"[1e+]", "Miss exponent in number. at offset: 4"),
        (b"[1e400]", "Number too big to be stored in double. at offset: 1"),
        ('["é'.encode(), "Missing a closing quotation mark in string. at offset: 4"),
        (b'["\n"]', "Invalid escape character in string. at offset: 2"),
        (b'["a\\x"]', "Invalid escape character in string. at offset: 3"),
        (b'["\\u12G4"]', "Incorrect hex digit after \\u escape in string. at offset: 2"),
        (b'["\\ud800"]', "The surrogate pair in string is invalid. at offset: 2"),
        (b'["\\ud800\\u0041"]', "The surrogate pair in string is invalid. at offset: 2"),
    ],
    ids=repr,
)
def test_errors_have_rapidjsons_text_and_offset(body, text):
    with pytest.raises(PredictionFailed) as caught:
        read_json(body)
    assert caught.value.message == f"JSON Parse error: {text}"


def test_depth_is_not_limited():
    assert read_json(b"[" * 5000 + b"]" * 5000)
