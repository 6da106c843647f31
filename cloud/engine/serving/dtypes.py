"""TensorFlow's types of elements: their numbers, names and NumPy types. Pure.

Numbers: ``DataType`` in tensorflow/core/framework/types.proto. Names: ``tf.DType.name``.
"""

from typing import Any

import numpy as np

STRING, BFLOAT16 = 7, 14

NAMES = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    STRING: "string",
    8: "complex64",
    9: "int64",
    10: "bool",
    11: "qint8",
    12: "quint8",
    13: "qint32",
    BFLOAT16: "bfloat16",
    15: "qint16",
    16: "quint16",
    17: "uint16",
    18: "complex128",
    19: "float16",
    20: "resource",
    21: "variant",
    22: "uint32",
    23: "uint64",
    24: "float8_e5m2",
    25: "float8_e4m3fn",
    29: "int4",
    30: "uint4",
}
_REFERENCE = 100
"""What the number of a reference to a type is greater by: ``DT_FLOAT_REF`` is 101."""
NUMBERS = {name: number for number, name in NAMES.items()}

_IN_NUMPY = (
    *("float16", "float32", "float64", "complex64", "complex128", "bool"),
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
)
NUMPY: dict[int, np.dtype[Any]] = {NUMBERS[name]: np.dtype(name) for name in _IN_NUMPY}
"""Those that NumPy has, with the same bytes."""


def name_of(number: int) -> str:
    """The name of a type, also of one that this module does not know."""
    return NAMES.get(number % _REFERENCE, f"type {number}")


def widen_bfloat16(raw: bytes) -> Any:
    """An array of float32, which hold every bfloat16: their bytes are the upper half."""
    return (np.frombuffer(raw, np.uint16).astype(np.uint32) << 16).view(np.float32)
