from hypothesis import given
from hypothesis import strategies as st

from cloud.backends.google.saved_model import outputs, signature


def field(number: int, value: bytes) -> bytes:
    assert len(value) < 128
    return bytes([number << 3 | 2, len(value)]) + value


def model(signatures: dict[str, list[str]]) -> bytes:
    """A ``SavedModel`` as TensorFlow writes it, with some irrelevant fields."""
    graph = field(2, b"\x08\x01")
    for name, names in signatures.items():
        definition = field(1, field(1, b"x")) + b"".join(field(2, field(1, each.encode())) for each in names)
        graph += field(5, field(1, name.encode()) + field(2, definition))
    return b"\x08\x01" + field(2, graph)


def test_outputs_by_signature():
    content = model({"__saved_model_init_op": ["noop"], "serving_default": ["scaled"]})
    assert outputs(content) == {"serving_default": ["scaled"]}


@given(st.binary(max_size=60))
def test_any_bytes_are_parsed(content):
    assert isinstance(outputs(content), dict)


def test_truncated_files_have_no_outputs():
    content = model({"serving_default": ["scaled", "other"]})
    assert all(outputs(content[:end]) in ({}, {"serving_default": []}) for end in range(3, len(content)))


def test_the_signature_of_a_request():
    assert signature({"only": ["a"]}, None) == "only"
    assert signature({"a": [], "b": []}, None) == "serving_default"
    assert signature({"a": []}, "b") == "b"
