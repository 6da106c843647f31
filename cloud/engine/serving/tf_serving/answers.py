"""Writes answers of TensorFlow Serving's predict API, laid out as it does: four spaces, rows on one line. Pure."""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from cloud.engine.serving.tf_serving.decimals import compact
from cloud.engine.serving.tf_serving.json_reader import to_bytes
from cloud.engine.serving.tf_serving.json_text import quoted
from cloud.engine.serving.tf_serving.tensors import type_of
from cloud.errors import PredictionFailed

Outputs = Mapping[str, NDArray[Any]]
_STEP = b"    "
_WHOLE = frozenset({"int8", "int16", "int32", "int64", "uint8", "uint32", "uint64", "bool"})
_FLOATS = frozenset({"float32", "float64"})


def error(text: str) -> bytes:
    return b'{\n    "error": ' + to_bytes(quoted(text)) + b"\n}"


# -------------------------------------------------------------------- by row


def to_rows(outputs: Outputs) -> list[bytes]:
    """The JSON of each row: a value if there is one output, else an object.

    Raises:
        PredictionFailed: the outputs do not have the same number of rows, or JSON cannot carry them.
    """
    count = -1
    for name, array in outputs.items():
        if not array.ndim:
            raise PredictionFailed(f"Tensor name: {name} has no shape information ")
        if 0 <= count != len(array):
            raise PredictionFailed(f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {count}")
        count = len(array)
    if not count:
        return []
    columns = {name: _rows(name, array, depth=2 + (len(outputs) > 1)) for name, array in outputs.items()}
    if len(columns) == 1:
        return next(iter(columns.values()))
    keys = [b"\n" + _STEP * 3 + orjson.dumps(name) + b": " for name in columns]
    ends = [*([b","] * (len(keys) - 1)), b"\n" + _STEP * 2 + b"}"]
    return [
        b"{" + b"".join(part for cell in zip(keys, row, ends, strict=True) for part in cell)
        for row in zip(*columns.values(), strict=True)
    ]


def by_row(rows: Sequence[bytes], *, several: bool) -> bytes:
    """The answer with these rows.

    Args:
        several: whether there is more than one output.
    """
    if not rows:
        return b'{\n    "predictions": []\n}'
    before = b"\n" + _STEP * 2 if several else b""
    separator = b"," + before if several else b", "
    return b'{\n    "predictions": [' + before + separator.join(rows) + b"\n    ]\n}"


def _rows(name: str, array: NDArray[Any], depth: int) -> list[bytes]:
    if array.dtype.kind in "OSU" or array.dtype.name not in _WHOLE | _FLOATS:
        write = _element_writer(name, array)
        return [_on_one_line(row, write, depth) for row in array]
    inner = array.ndim - 1
    if not array.size:
        return [_numbers(row).replace(b",", b", ") for row in array]
    text = _numbers(array).replace(b",", b", ")
    # Numbers hold no brackets: rows are separated where all lists inside them end.
    rows = text[1 + inner : len(text) - 1 - inner].split(b"]" * inner + b", " + b"[" * inner)
    return [b"[" * inner + row + b"]" * inner for row in rows] if inner else rows


def _on_one_line(array: Any, write: Callable[[Any, int], bytes], depth: int) -> bytes:
    if not isinstance(array, np.ndarray):
        return write(array, depth)
    return b"[" + b", ".join(_on_one_line(item, write, depth + 1) for item in array) + b"]"


# -------------------------------------------------------------------- by column


def by_column(outputs: Outputs) -> bytes:
    """The answer with these outputs, which need not have rows.

    Raises:
        PredictionFailed: JSON cannot carry them.
    """
    if len(outputs) == 1:
        name, array = next(iter(outputs.items()))
        return b'{\n    "outputs": ' + _on_lines(name, array, depth=1) + b"\n}"
    members = [
        b"\n" + _STEP * 2 + orjson.dumps(name) + b": " + _on_lines(name, array, depth=2)
        for name, array in outputs.items()
    ]
    return b'{\n    "outputs": {' + b",".join(members) + b"\n    }\n}"


def _on_lines(name: str, array: NDArray[Any], depth: int) -> bytes:
    """With each value on a line of its own."""
    begin, end = b"\n" + _STEP * (depth + 1), b"\n" + _STEP * depth
    if array.ndim and not len(array):
        return b"[]"
    if array.ndim > 1:
        return b"[" + b",".join(begin + _on_lines(name, row, depth + 1) for row in array) + end + b"]"
    if array.dtype.kind in "OSU" or array.dtype.name not in _WHOLE | _FLOATS:
        write = _element_writer(name, array)
        if not array.ndim:
            return write(array[()], depth)
        return b"[" + b",".join(begin + write(value, depth + 1) for value in array) + end + b"]"
    text = _numbers(array)
    return b"[" + begin + text[1:-1].replace(b",", b"," + begin) + end + b"]" if array.ndim else text


# -------------------------------------------------------------------- values


def _numbers(array: NDArray[Any]) -> bytes:
    """Nested lists without white space, or one number."""
    if array.dtype.name in _FLOATS:
        return compact(array)
    return orjson.dumps(array.tolist())


def _element_writer(name: str, array: NDArray[Any]) -> Callable[[Any, int], bytes]:
    """Writes one string at a depth.

    Raises:
        PredictionFailed: the array's type is one that JSON cannot carry.
    """
    if array.dtype.kind not in "OSU":
        raise PredictionFailed(f"Failed to write JSON value for tensor type: {type_of(array.dtype.name)}")
    return _write_base64 if name.endswith("_bytes") else _write_text


def _write_base64(value: bytes, depth: int) -> bytes:
    step = b"\n" + _STEP * depth
    return b"{" + step + _STEP + b'"b64": "' + base64.b64encode(value) + b'"' + step + b"}"


def _write_text(value: bytes, _: int) -> bytes:
    try:
        return orjson.dumps(value.decode())
    except UnicodeDecodeError:  # written as it is, too, though it is no JSON then
        return to_bytes(quoted(value.decode("utf-8", "surrogateescape")))
