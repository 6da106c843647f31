"""A SavedModel that doubles a number, made without TensorFlow, which takes seconds to load."""

from meta_graphs import field, node, signature, tensor

_FLOAT = field(2, field(6, 1))
_ANY_LENGTH = (2**64 - 1,)  # -1


def saved_model() -> bytes:
    nodes = (_with("dtype", node("x", "Placeholder")), _with("T", node("y", "AddV2", "x", "x")))
    graph = b"".join(field(1, each) for each in nodes)
    inputs, outputs = {"x": tensor("x:0", 1, _ANY_LENGTH)}, {"y": tensor("y:0", 1, _ANY_LENGTH)}
    signatures = field(5, signature("serving_default", inputs, outputs, "tensorflow/serving/predict"))
    return field(1, 1) + field(2, field(1, field(4, "serve")) + field(2, graph) + signatures)


def _with(attribute: str, message: bytes) -> bytes:
    return message + field(5, field(1, attribute) + _FLOAT)
