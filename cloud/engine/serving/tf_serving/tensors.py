"""Makes arrays from JSON values as TensorFlow Serving makes tensors. Pure.

A tensor's shape is that of its first elements; every other list must have the size that this gives. Arrays are made
level by level, in C; only where that fails is each value looked at, in order, to find the error.
"""

import base64
import binascii
import math
from collections.abc import Sequence
from itertools import chain
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from cloud.engine.serving.tf_serving.json_reader import to_bytes
from cloud.engine.serving.tf_serving.json_text import debug_text, type_name
from cloud.errors import PredictionFailed, Unimplemented
from cloud.resources import Json

_FLOATS = frozenset({"float32", "float64"})
_INTEGERS = frozenset({"int8", "int16", "int32", "int64", "uint8", "uint32", "uint64"})
_ONLY_EMPTY = frozenset({"float16", "uint16", "complex64", "complex128"})
"""JSON has no values of these."""
_NAMES = {"float16": "half", "float32": "float", "float64": "double"}
_MAX_RANK = 254
"""Of TensorFlow's tensors (``tensorflow/core/framework/tensor_shape.h``)."""


def is_base64(value: Json) -> bool:
    return type(value) is dict and value.keys() == {"b64"} and type(value["b64"]) is str


def rows_to_array(items: Sequence[Json], dtype: str) -> NDArray[Any] | None:
    """An array whose first dimension is that of ``items``; None if they differ in shape or one does not fit."""
    shape, values = [len(items)], list(items)
    while values and type(values[0]) is list:
        sizes = {len(value) if type(value) is list else -1 for value in values}
        if len(sizes) > 1 or len(shape) > _MAX_RANK:
            return None
        shape.append(sizes.pop())
        values = list(chain.from_iterable(values))
    array = _flat_array(values, dtype)
    return None if array is None else array.reshape(shape)


def to_array(value: Json, dtype: str) -> NDArray[Any]:
    """The array of one value, which may be a scalar.

    Raises:
        PredictionFailed: it does not fit.
        Unimplemented: JSON cannot give such a tensor.
    """
    array = rows_to_array([value], dtype)
    if array is None:
        check_value(value, dtype)
        raise PredictionFailed(f"JSON Value: {debug_text(value)} is no tensor")
    return array[0] if array.ndim > 1 else array.reshape(())


def _flat_array(values: list[Json], dtype: str) -> NDArray[Any] | None:
    kinds = set(map(type, values))
    if dtype in _FLOATS:
        if kinds - {int, float}:
            return None
        with np.errstate(over="ignore"):  # what is too large for float32 is infinity
            return np.array(values, dtype=dtype)
    if dtype in _INTEGERS:
        try:
            return None if kinds - {int} else np.array(values, dtype=dtype)
        except OverflowError:
            return None
    if dtype == "bool":
        return None if kinds - {bool} else np.array(values, dtype=np.bool_)
    if dtype == "string":
        array = np.empty(len(values), dtype=object)
        try:
            array[:] = [_to_string(value) for value in values]
        except PredictionFailed:
            return None
        return array
    return np.zeros(0, dtype) if not values and dtype in _ONLY_EMPTY else None


def _to_string(value: Json) -> bytes:
    if type(value) is str:
        return to_bytes(value)
    if type(value) is not dict:
        _wrong_type(value, "string")
    if not is_base64(value):
        raise PredictionFailed(f"JSON Value: {debug_text(value)} not formatted correctly for base64 data")
    return _from_base64(value["b64"])


def _from_base64(text: str) -> bytes:
    """With or without padding, which can be of dots, and with white space anywhere (``absl::Base64Unescape``)."""
    compact = "".join(text.split())
    digits = compact.rstrip("=.")
    padding = len(compact) - len(digits)
    try:
        if padding and (padding > 2 or len(compact) % 4):
            raise binascii.Error
        return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except ValueError:  # binascii.Error is one
        raise PredictionFailed("Unable to base64 decode") from None


# -------------------------------------------------------------------- one value after the other


def check_value(value: Json, dtype: str) -> tuple[int, list[int]]:
    """The size of the tensor of ``value``, and its shape.

    Raises:
        PredictionFailed: it does not fit.
        Unimplemented: JSON cannot give such a tensor.
    """
    shape: list[int] = []
    first = value
    while type(first) is list:
        shape.append(len(first))
        if len(shape) > _MAX_RANK:
            raise PredictionFailed(f"A tensor has at most {_MAX_RANK} dimensions")
        if not first:
            break
        first = first[0]
    _check_elements(value, 0, dtype, shape)
    return math.prod(shape), shape


def _check_elements(value: Json, level: int, dtype: str, shape: Sequence[int]) -> None:
    if type(value) is not list:
        if level != len(shape):
            raise PredictionFailed(
                f"JSON Value: {debug_text(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {len(shape)}"
            )
        _check_element(value, dtype)
        return
    if level >= len(shape):
        raise PredictionFailed(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise PredictionFailed(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for item in value:
        _check_elements(item, level + 1, dtype, shape)


def _check_element(value: Json, dtype: str) -> None:
    if dtype == "string":
        _to_string(value)
    elif type(value) is dict:
        _wrong_type(value, dtype)
    elif dtype in _FLOATS:
        if type(value) not in (int, float):
            _wrong_type(value, dtype)
    elif dtype in _INTEGERS:
        limits = np.iinfo(dtype)
        if type(value) is not int or not limits.min <= value <= limits.max:
            _wrong_type(value, dtype)
    elif dtype == "bool":
        if type(value) is not bool:
            _wrong_type(value, dtype)
    else:
        raise Unimplemented(f"Conversion of JSON Value: {debug_text(value)} to type: {type_of(dtype)}")


def _wrong_type(value: Json, dtype: str) -> NoReturn:
    raise PredictionFailed(
        f"JSON Value: {debug_text(value)} Type: {type_name(value)} is not of expected type: {type_of(dtype)}"
    )


def type_of(dtype: str) -> str:
    """TensorFlow's C++ name of a type (``DataTypeString``)."""
    return _NAMES.get(dtype, dtype)
