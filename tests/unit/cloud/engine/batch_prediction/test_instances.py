import json

import pytest

from cloud.engine.batch_prediction.instances import (
    BadInstanceError,
    Batch,
    ml_engine_converter,
    vertex_bytes,
    vertex_csv,
    vertex_file,
    vertex_lines,
)
from cloud.engine.serving.signatures import Signature, TensorSpec
from cloud.errors import PredictionFailed
from cloud.resources.batch_prediction import InputFormat, InstanceConfig, InstanceType

NUMBERS = Signature({"x": TensorSpec("float32", (None,))}, {})
STRING = Signature({"text": TensorSpec("string", (None,))}, {})
STRINGS = Signature({"text": TensorSpec("string", (None,)), "key": TensorSpec("string", (None,))}, {})
LINES = InputFormat.JSON_LINES


def ml_engine(signature: Signature, *records: bytes, form: InputFormat = LINES) -> Batch:
    return ml_engine_converter(form, {"serving_default": signature}, None)(records)


def values(batch: Batch) -> list[object]:
    assert not batch.error
    return [json.loads(instance) for instance in batch.instances]


@pytest.mark.parametrize("signature", [NUMBERS, STRINGS])
def test_ml_engine_sends_the_values_of_lines(signature):
    batch = ml_engine(signature, b'{"x": 1.5}', b" [2]\r", b"3")
    assert (values(batch), batch.count, batch.given) == ([{"x": 1.5}, [2], 3], 3, None)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"", "Expecting value: line 1 column 1 (char 0)"),
        (b"1, 2", "Extra data: line 1 column 2 (char 1)"),
        (b'{"x": 1', "Expecting ',' delimiter: line 1 column 8 (char 7)"),
    ],
)
def test_a_line_that_is_no_json_fails_its_whole_batch_in_pythons_words(line, error):
    batch = ml_engine(NUMBERS, b"1", line, b"2")
    assert (batch.error, batch.count, batch.instances) == (error, 3, [])


def test_a_line_that_only_python_reads_is_sent():
    assert ml_engine(NUMBERS, b"NaN").instances == [b"NaN"]


def test_deep_nesting_is_an_error_of_its_batch():
    assert "recursion" in ml_engine(NUMBERS, b"[" * 100_000).error


def test_a_model_with_one_string_input_gets_raw_lines():
    batch = ml_engine(STRING, b'{"text": "a"}\r', b"", "ü".encode(), b"\xff")
    assert values(batch) == ['{"text": "a"}', "", "ü", {"b64": "/w=="}]


def test_its_tf_records_are_bytes():
    assert values(ml_engine(STRING, b"ab", form=InputFormat.TF_RECORD)) == [{"b64": "YWI="}]
    assert values(ml_engine(NUMBERS, b"[1]", form=InputFormat.TF_RECORD)) == [[1]]


def test_the_signature_is_chosen_as_online():
    both = {"a": STRING, "serving_default": NUMBERS}
    assert ml_engine_converter(LINES, both, "a")([b"x"]).instances == [b'"x"']
    assert ml_engine_converter(LINES, both, None)([b"1"]).instances == [b"1"]
    with pytest.raises(PredictionFailed, match="No signature found for signature key b"):
        ml_engine_converter(LINES, both, "b")


def vertex(config: InstanceConfig, *records: bytes) -> Batch:
    return vertex_lines(config)(records)


def test_vertex_sends_lines_as_they_are_and_shows_them():
    batch = vertex(InstanceConfig(), b'{"x": 1}', b"[1, 2]")
    assert batch.instances == [b'{"x": 1}', b"[1, 2]"]
    assert batch.given == [{"instance": {"x": 1}}, {"instance": [1, 2]}]


OBJECT = b'{"id": 7, "a": 1, "b": 2, "c": 3}'


@pytest.mark.parametrize(
    ("config", "sent", "given"),
    [
        (InstanceConfig(key_field="id"), {"a": 1, "b": 2, "c": 3}, {"key": 7}),
        (InstanceConfig(included_fields=("b", "a")), {"b": 2, "a": 1}, {"instance": {"b": 2, "a": 1}}),
        (
            InstanceConfig(excluded_fields=("c", "id", "none")),
            {"a": 1, "b": 2},
            {"instance": {"a": 1, "b": 2}, "c": 3, "id": 7},
        ),
        (InstanceConfig(InstanceType.ARRAY, "id", ("c", "a")), [3, 1], {"key": 7}),
        (InstanceConfig(InstanceType.OBJECT), json.loads(OBJECT), {"instance": json.loads(OBJECT)}),
        (InstanceConfig(InstanceType.OBJECT, "id", (), ("a", "b")), {"c": 3}, {"key": 7}),
    ],
)
def test_an_instance_config_chooses_fields(config, sent, given):
    batch = vertex(config, OBJECT)
    assert (values(batch), batch.given) == ([sent], [given])


@pytest.mark.parametrize(
    "line", [rb'{"id": 7, "a": NaN}', rb'{"id": 7, "a": "\ud800"}', b'{"id": 7, "a": NaN, "b": 1%s}' % (b"0" * 30)]
)
def test_what_only_python_reads_is_sent_as_it_was_given(line):
    batch = vertex(InstanceConfig(key_field="id"), line)
    given = json.loads(line)
    del given["id"]
    assert (repr(values(batch)), batch.given) == (repr([given]), [{"key": 7}])


def test_arrays_stay_arrays():
    assert vertex(InstanceConfig(InstanceType.ARRAY), b"[1, 2]").instances == [b"[1,2]"]


@pytest.mark.parametrize(
    ("config", "line", "error"),
    [
        (InstanceConfig(key_field="id"), b'{"a": 1}', "no field 'id'"),
        (InstanceConfig(key_field="id"), b"[1]", "not an object"),
        (InstanceConfig(InstanceType.OBJECT), b"1", "not an object"),
        (InstanceConfig(InstanceType.ARRAY), OBJECT, "the order of includedFields, which is empty"),
        (InstanceConfig(InstanceType.ARRAY, "", ("a", "z")), OBJECT, "no field 'z'"),
        (InstanceConfig(), b"{", "Expecting property name"),
    ],
)
def test_an_instance_that_does_not_fit_fails_its_batch(config, line, error):
    batch = vertex(config, OBJECT, line)
    assert error in batch.error
    assert (batch.count, batch.instances) == (2, [])


def test_csv_rows_are_arrays_of_numbers_and_quoted_strings():
    batch = vertex_csv(b'"a",b,"c"\r', "")([b'1,"x, ""y""",-2.5e3\r', b'"",2,3'])
    assert values(batch) == [[1.0, 'x, "y"', -2500.0], ["", 2.0, 3.0]]
    assert batch.given == [{"instance": value} for value in values(batch)]


def test_a_cell_of_csv_may_be_long():
    image = "a" * 200_000
    assert values(vertex_csv(b"image", "")([f'"{image}"'.encode()])) == [[image]]


def test_a_column_of_csv_may_be_the_key():
    batch = vertex_csv(b"id,x", "id")([b'"k1",1'])
    assert (values(batch), batch.given) == ([[1.0]], [{"key": "k1"}])
    with pytest.raises(BadInstanceError, match="no column 'id'"):
        vertex_csv(b"a,b", "id")


@pytest.mark.parametrize(
    ("row", "error"),
    [
        (b"1,text", "could not convert string to float: 'text'"),
        (b"1", "1 cells, where the header has 2"),
        (b'1,"open', "unexpected end of data"),
        (b"", "0 cells"),
        (b"1,\xff", "utf-8"),
    ],
)
def test_a_row_of_csv_that_cannot_be_read_fails_its_batch(row, error):
    batch = vertex_csv(b"a,b", "")([b"1,2", row])
    assert error in batch.error
    assert batch.count == 2


def test_bytes_are_sent_and_shown_in_base64():
    assert vertex_bytes([b"ab"]).given == [{"instance": {"b64": "YWI="}}]
    assert vertex_file("gs://bucket/a.png", b"ab") == (b'{"b64":"YWI="}', {"instance": "gs://bucket/a.png"})
