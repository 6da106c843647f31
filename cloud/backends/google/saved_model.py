"""The names of a SavedModel's outputs, from the bytes of its ``saved_model.pb``. Pure; without TensorFlow.

Messages: tensorflow/core/protobuf/saved_model.proto and meta_graph.proto. Format:
https://protobuf.dev/programming-guides/encoding/.
"""

from collections.abc import Iterator, Mapping, Sequence

_META_GRAPHS, _SIGNATURES, _OUTPUTS, _KEY, _VALUE = 2, 5, 2, 1, 2
"""Field numbers of ``SavedModel.meta_graphs``, ``MetaGraphDef.signature_def``, ``SignatureDef.outputs``, and of a map's
entries."""
_INTERNAL = "__saved_model_init_op"
_DEFAULT = "serving_default"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def outputs(content: bytes) -> dict[str, list[str]]:
    """Output names by signature; empty if the file is invalid, which loading the model reports."""
    found: dict[str, list[str]] = {}
    try:
        for graph in _fields(content, _META_GRAPHS):
            for entry in _fields(graph, _SIGNATURES):
                name = _text(entry, _KEY)
                if name != _INTERNAL:
                    found[name] = [
                        _text(item, _KEY) for value in _fields(entry, _VALUE) for item in _fields(value, _OUTPUTS)
                    ]
    except (IndexError, UnicodeDecodeError, ValueError):
        return {}
    return found


def signature(known: Mapping[str, Sequence[str]], wanted: str | None) -> str:
    """The signature of a request: the one it names, the only one, or TensorFlow's default."""
    return wanted or (next(iter(known)) if len(known) == 1 else _DEFAULT)


def _text(message: bytes, number: int) -> str:
    return next(_fields(message, number), b"").decode()


def _fields(message: bytes, number: int) -> Iterator[bytes]:
    """Every value of the field ``number``, whose type is length-delimited."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        kind = tag & 7
        if kind == _VARINT:
            _, place = _varint(message, place)
        elif kind in (_FIXED64, _FIXED32):
            place += 8 if kind == _FIXED64 else 4
        elif kind == _BYTES:
            size, place = _varint(message, place)
            if place + size > len(message):
                raise ValueError("cut short")
            if tag >> 3 == number:
                yield message[place : place + size]
            place += size
        else:
            raise ValueError(f"no wire type: {kind}")


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
