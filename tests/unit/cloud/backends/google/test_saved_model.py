from hypothesis import given
from hypothesis import strategies as st

from cloud.backends.google.saved_model import outputs, signature


def field(number: int, value: bytes) -> bytes:
    assert len(value) < 128
    return bytes([number << 3 | 2, len(value)]) + value


def model(signatures: dict[str, list[str]]) -> bytes:
    """A ``SavedModel`` as TensorFlow writes it, with a few fields that are of no interest."""
    graph = field(2, b"\x08\x01")
    for name, names in signatures.items():
        definition = field(1, field(1, b"x")) + b"".join(field(2, field(1, each.encode())) for each in names)
        graph += field(5, field(1, name.encode()) + field(2, definition))
    return b"\x08\x01" + field(2, graph)


def test_outputs_by_signature():
    written = model({"__saved_model_init_op": ["noop"], "serving_default": ["scaled"]})
    assert outputs(written) == {"serving_default": ["scaled"]}


@given(st.binary(max_size=60))
def test_anything_may_be_read(content):
    assert isinstance(outputs(content), dict)


def test_what_is_cut_short_has_none():
    written = model({"serving_default": ["scaled", "other"]})
    assert all(outputs(written[:end]) in ({}, {"serving_default": []}) for end in range(3, len(written)))


def test_which_signature_is_meant():
    assert signature({"only": ["a"]}, None) == "only"
    assert signature({"a": [], "b": []}, None) == "serving_default"
    assert signature({"a": []}, "b") == "b"
