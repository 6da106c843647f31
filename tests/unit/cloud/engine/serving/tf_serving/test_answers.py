import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cloud.engine.serving.tf_serving import answers
from cloud.errors import PredictionFailed

NUMBERS = st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.bool_])


def strings(*values: bytes) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def rows(**outputs: np.ndarray) -> str:
    return answers.by_row(answers.to_rows(outputs), several=len(outputs) > 1).decode()


def test_rows_of_one_output_stand_on_one_line():
    assert rows(y=np.float32([2, 2.5])) == '{\n    "predictions": [2.0, 2.5\n    ]\n}'
    assert rows(y=np.int32([[1, 2], [3, 4]])) == '{\n    "predictions": [[1, 2], [3, 4]\n    ]\n}'
    assert rows(y=np.zeros([0, 3])) == '{\n    "predictions": []\n}'


def test_rows_of_several_outputs_are_objects():
    assert rows(a=np.float32([[1, 2], [3, 4]]), b=strings(b"x", b"\xc3\xa9")) == (
        '{\n    "predictions": [\n        {\n            "a": [1.0, 2.0],\n            "b": "x"\n        },\n'
        '        {\n            "a": [3.0, 4.0],\n            "b": "é"\n        }\n    ]\n}'
    )


def test_bytes_are_in_base64():
    assert rows(image_bytes=strings(b"\xff")) == (
        '{\n    "predictions": [{\n            "b64": "/w=="\n        }\n    ]\n}'
    )
    both = rows(a_bytes=strings(b"\x00"), b=np.array([True]))
    assert json.loads(both) == {"predictions": [{"a_bytes": {"b64": "AA=="}, "b": True}]}
    assert '"a_bytes": {\n                "b64": "AA=="\n            },\n' in both


def test_columns_have_a_line_for_each_value():
    assert answers.by_column({"y": np.float32([1, 0.5])}) == b'{\n    "outputs": [\n        1.0,\n        0.5\n    ]\n}'
    assert answers.by_column({"a": np.int64(3), "b": np.float32([[1], [2]])}).decode() == (
        '{\n    "outputs": {\n        "a": 3,\n        "b": [\n            [\n                1.0\n            ],\n'
        "            [\n                2.0\n            ]\n        ]\n    }\n}"
    )
    scalar = np.array(b"x", object)
    assert answers.by_column({"y": scalar}) == b'{\n    "outputs": "x"\n}'
    assert answers.by_column({"y_bytes": scalar}) == b'{\n    "outputs": {\n        "b64": "eA=="\n    }\n}'
    assert answers.by_column({"y": np.zeros([2, 0])}).split() == b'{ "outputs": [ [], [] ] }'.split()


def test_text_that_is_not_utf_8_is_written_as_it_is():
    assert b'"a\xff\\n"' in answers.by_column({"y": strings(b"a\xff\n")})


@pytest.mark.parametrize(
    ("outputs", "text"),
    [
        ({"total": np.float32(1)}, "Tensor name: total has no shape information "),
        (
            {"rows": np.float32([1, 2]), "total": np.float32([1])},
            "Tensor name: total has inconsistent batch size: 1 expecting: 2",
        ),
        ({"y": np.float16([1])}, "Failed to write JSON value for tensor type: half"),
        ({"y": np.complex64([[1]])}, "Failed to write JSON value for tensor type: complex64"),
    ],
)
def test_what_cannot_be_answered(outputs, text):
    with pytest.raises(PredictionFailed) as caught:
        answers.to_rows(outputs)
    assert caught.value.message == text


def test_an_error():
    assert answers.error('no "x"') == b'{\n    "error": "no \\"x\\""\n}'


@given(
    NUMBERS.flatmap(lambda kind: arrays.arrays(kind, arrays.array_shapes(min_side=0)))
    | arrays.arrays(object, arrays.array_shapes(max_dims=3), elements=st.text().map(str.encode))
)
def test_any_array_reads_back_by_row_and_by_column(array):
    if array.dtype.kind == "f":
        array = np.nan_to_num(array)
    expected = np.vectorize(bytes.decode, [object])(array) if array.dtype == object and array.size else array
    by_row = json.loads(answers.by_row(answers.to_rows({"y": array}), several=False))["predictions"]
    by_column = json.loads(answers.by_column({"y": array}))["outputs"]
    assert by_row == by_column
    assert np.array_equal(np.array(by_row, array.dtype).reshape(array.shape), expected)


@given(arrays.arrays(object, 3, elements=st.binary()))
def test_any_bytes_read_back(array):
    read = json.loads(rows(y_bytes=array))["predictions"]
    assert [base64.b64decode(row["b64"]) for row in read] == array.tolist()
