"""The names of a SavedModel's outputs, from the bytes of its ``saved_model.pb``. Pure; without TensorFlow.

Messages: tensorflow/core/protobuf/saved_model.proto and meta_graph.proto.
"""

from collections.abc import Mapping, Sequence

from cloud.wire.protobuf import messages, text

_META_GRAPHS, _SIGNATURES, _OUTPUTS, _KEY, _VALUE = 2, 5, 2, 1, 2
"""Field numbers of ``SavedModel.meta_graphs``, ``MetaGraphDef.signature_def``, ``SignatureDef.outputs``, and of a map's
entries."""
_INTERNAL = "__saved_model_init_op"
_DEFAULT = "serving_default"


def outputs(content: bytes) -> dict[str, list[str]]:
    """Output names by signature; empty if the file is invalid, which loading the model reports."""
    found: dict[str, list[str]] = {}
    try:
        for graph in messages(content, _META_GRAPHS):
            for entry in messages(graph, _SIGNATURES):
                name = text(entry, _KEY)
                if name != _INTERNAL:
                    found[name] = [
                        text(item, _KEY) for value in messages(entry, _VALUE) for item in messages(value, _OUTPUTS)
                    ]
    except ValueError:
        return {}
    return found


def signature(known: Mapping[str, Sequence[str]], wanted: str | None) -> str:
    """The signature of a request: the one it names, the only one, or TensorFlow's default."""
    return wanted or (next(iter(known)) if len(known) == 1 else _DEFAULT)
