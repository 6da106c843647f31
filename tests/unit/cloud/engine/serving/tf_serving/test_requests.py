import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.serving.signatures import Signature, TensorSpec
from cloud.engine.serving.tf_serving.requests import Form, columns_to_arrays, read_body, rows_to_arrays
from cloud.errors import PredictionFailed


def spec(dtype: str = "float32", *shape: int | None) -> TensorSpec:
    return TensorSpec(dtype, (None, *shape))


ONE = {"x": spec()}
TWO = {"x": spec(), "y": spec("int64")}
TEXT = {"image_bytes": spec("string")}
SIGNATURES = {
    "serving_default": Signature(TWO, {"z": spec()}),
    "other": Signature(ONE, {"z": spec()}),
    "nothing": Signature({}, {"z": spec()}),
}


def refusal(call, *arguments) -> str:
    with pytest.raises(PredictionFailed) as caught:
        call(*arguments)
    return caught.value.message


def test_a_request_by_row_and_by_column():
    request = read_body(b'{"instances": [1, 2], "signature_name": "other", "more": 1} and more', SIGNATURES)
    assert (request.form, request.items) == (Form("other", by_column=False), [1, 2])
    request = read_body(b'{"inputs": {"x": []}, "signature_name": ""}', SIGNATURES)
    assert (request.form, request.items) == (Form("serving_default", by_column=True), [{"x": []}])


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"[1]", "JSON Value: [1] Is not object"),
        (
            b'{"signature_name": 1}',
            'JSON Value: {\n    "signature_name": 1\n} not formatted correctly. '
            "'signature_name' key must be a string value.",
        ),
        (
            b'{"signature_name": "predict", "instances": []}',
            'Serving signature name: "predict" not found in signature def',
        ),
        (b'{"signature_name": "nothing"}', "Failed to get input map for signature: nothing"),
        (b'{"examples": [{"x": 1}]}', "Missing 'inputs' or 'instances' key"),
        (b"{}", "Missing 'inputs' or 'instances' key"),
        (
            b'{"instances": [1], "inputs": 2}',
            'JSON Value: {\n    "instances": [1],\n    "inputs": 2\n} '
            "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ",
        ),
        (
            b'{"instances": {"x": 1}}',
            'JSON Value: {\n    "instances": {\n        "x": 1\n    }\n} Expecting \'instances\' to be an list/array',
        ),
        (b'{"instances": []}', "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array"),
    ],
    ids=repr,
)
def test_what_is_no_request(body, text):
    assert refusal(read_body, body, SIGNATURES) == text


def test_only_the_default_signature_needs_no_name():
    text = refusal(read_body, b'{"instances": [1]}', {"predict": SIGNATURES["other"]})
    assert text == 'Serving signature name: "serving_default" not found in signature def'


# -------------------------------------------------------------------- by row


def test_rows_are_values_or_objects():
    for instances in ([1, 2.5], [{"x": 1}, {"x": 2.5}]):
        arrays = rows_to_arrays(instances, ONE)
        assert arrays["x"].tolist() == [1.0, 2.5]
        assert arrays["x"].dtype == np.float32
    arrays = rows_to_arrays([{"x": [1], "y": 3}, {"y": 4, "x": [2]}], TWO)
    assert {name: array.tolist() for name, array in arrays.items()} == {"x": [[1.0], [2.0]], "y": [3, 4]}
    for instances in ([{"b64": "aGk"}, "hi"], [{"image_bytes": {"b64": "aGk="}}, {"image_bytes": "hi"}]):
        assert rows_to_arrays(instances, TEXT)["image_bytes"].tolist() == [b"hi", b"hi"]


@pytest.mark.parametrize(
    ("instances", "inputs", "text"),
    [
        (
            [{"x": 1, "z": 1}],
            TWO,
            "Failed to process element: 0 key: z of 'instances' list. "
            "Error: INVALID_ARGUMENT: JSON object: does not have named input: z",
        ),
        (
            [{"x": 1, "y": 1}, {"x": 1}],
            TWO,
            "Failed to process element: 1 of 'instances' list. JSON object: {\n    \"x\": 1\n} "
            "keys must be equal to: x,y",
        ),
        (
            [{"x": 1, "y": 1.0}],
            TWO,
            "Failed to process element: 0 key: y of 'instances' list. "
            "Error: INVALID_ARGUMENT: JSON Value: 1.0 Type: Number is not of expected type: int64",
        ),
        (
            [[1, 2, 3], [1, 2]],
            ONE,
            "Failed to process element: 1 of 'instances' list. "
            "Error: INVALID_ARGUMENT: Expecting tensor size: 3 but got: 2",
        ),
        (
            [[1, 2, 3], [[1, 2, 3]]],
            ONE,
            "Failed to process element: 1 of 'instances' list. "
            "Error: INVALID_ARGUMENT: Expecting shape [3] but got: [1,3]",
        ),
        (
            [1, 2],
            TWO,
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map",
        ),
        ([{"x": 1}, 1], ONE, "Expecting object but got list at item 1 of input list"),
        ([1, {"x": 1}], ONE, "Expecting value/list but got object at item 1 of input list"),
        (
            [{"b64": "AA=="}],
            {"a": spec("string"), "b": spec()},
            "input size does not match signature: 1!=2 len({a}) != len({a,b}). Sent extra: {}. "
            "Missing but required: {b}.",
        ),
        (
            [1],
            {"x": spec("float16")},
            "Failed to process element: 0 of 'instances' list. "
            "Error: UNIMPLEMENTED: Conversion of JSON Value: 1 to type: half",
        ),
        (
            ["x" * 1000],
            ONE,
            "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: "
            f'JSON Value: "{"x" * 1000}" Type: String is not of expected type: float',
        ),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_instances_that_do_not_fit(instances, inputs, text):
    assert refusal(rows_to_arrays, instances, inputs) == text


# -------------------------------------------------------------------- by column


def test_columns_are_values_or_an_object_and_need_not_have_one_length():
    assert columns_to_arrays(3, ONE)["x"].shape == ()
    assert columns_to_arrays([], ONE)["x"].shape == (0,)
    assert columns_to_arrays({"b64": "aGk"}, TEXT)["image_bytes"] == b"hi"
    arrays = columns_to_arrays({"x": [1, 2], "y": [[3]], "z": "ignored"}, TWO)
    assert {name: array.tolist() for name, array in arrays.items()} == {"x": [1.0, 2.0], "y": [[3]]}


@pytest.mark.parametrize(
    ("value", "inputs", "text"),
    [
        ({"x": 1}, TWO, "Missing named input: y in 'inputs' object."),
        (
            [1],
            TWO,
            "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
            "tensorinfo_map",
        ),
        ([1, "a"], ONE, 'JSON Value: "a" Type: String is not of expected type: float'),
    ],
    ids=repr,
)
def test_inputs_that_do_not_fit(value, inputs, text):
    assert refusal(columns_to_arrays, value, inputs) == text


def test_by_column_a_type_that_json_cannot_give_is_refused_without_501():
    assert refusal(columns_to_arrays, [1], {"x": spec("float16")}) == "Conversion of JSON Value: 1 to type: half"


# -------------------------------------------------------------------- anything

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 300) | st.floats() | st.text(max_size=3) | st.just({"b64": "aGk"}),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["instances", "inputs", "signature_name", "examples"]), VALUES),
    st.sampled_from([ONE, TWO, TEXT, {"x": spec("float16")}]),
)
def test_any_json_makes_arrays_or_is_refused(body, inputs):
    try:
        request = read_body(json.dumps(body).encode(), {"serving_default": Signature(inputs, {"z": spec()})})
        if request.form.by_column:
            arrays = columns_to_arrays(request.items[0], inputs)
        else:
            arrays = rows_to_arrays(request.items, inputs)
            assert {len(array) for array in arrays.values()} == {len(request.items)}
    except PredictionFailed:
        return
    assert arrays.keys() == inputs.keys()
