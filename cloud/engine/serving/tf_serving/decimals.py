"""Floating-point numbers with the digits that TensorFlow Serving gives them (``WriteDecimal``). Pure.

Six significant digits if these read back equal, else as many as always do: nine for float32, seventeen for float64. A
whole number without an exponent ends in ``.0``. NaN and infinities are bare words.
"""

import math
import struct
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

_SINGLE = struct.Struct("f")
_FEW = 48
"""Numbers up to which a loop is quicker than NumPy."""
_NEAR_TIE = 1e-5
"""Of a ninth digit. Scaling a float32 to nine digits is off by less than 1e-6, so only a number as near to the middle
between two decimals as this can be rounded to the wrong one."""
_POWERS = np.array([float(f"1e{power}") for power in range(23)])
"""Those that a double has exactly."""
_SCALED = 1e-13, 1e27
"""Between these the scales of a float32's six and nine digits are in ``_POWERS``."""
_PLAIN = 1e-4, 1e6
"""Between these a number of at most nine digits has no exponent, and orjson writes it as TensorFlow Serving does."""


def compact(array: NDArray[Any]) -> bytes:
    """JSON of a float32 or float64 array: nested lists without white space, or one number."""
    flat = array.ravel()
    if array.dtype == np.float64 or flat.size <= _FEW:
        digits = 9 if array.dtype == np.float32 else 17
        return _nested([decimal(value, digits).encode() for value in flat.tolist()], array.shape)
    doubles = as_doubles(flat)
    sizes = np.abs(doubles)
    odd = ~((sizes >= _PLAIN[0]) & (sizes < _PLAIN[1]) | (sizes == 0))
    if not odd.any():
        return orjson.dumps(doubles.reshape(array.shape), option=orjson.OPT_SERIALIZE_NUMPY)
    texts = orjson.dumps(doubles, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")
    for at, value in zip(np.flatnonzero(odd).tolist(), flat[odd].tolist(), strict=True):
        texts[at] = decimal(value, 9).encode()
    return _nested(texts, array.shape)


def _nested(texts: list[bytes], shape: tuple[int, ...]) -> bytes:
    for axis in reversed(range(len(shape))):
        size, count = shape[axis], math.prod(shape[:axis])
        texts = [b"[" + b",".join(texts[at * size : (at + 1) * size]) + b"]" for at in range(count)]
    return texts[0]


def decimal(value: float, digits: int) -> str:
    """One number, of the type that needs as many ``digits``: 9 or 17."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    text = f"{value:.6g}"
    read = float(text)
    if (_SINGLE.unpack(_SINGLE.pack(read))[0] if digits == 9 else read) != value:
        text = f"{value:.{digits}g}"
    return text if "." in text or "e" in text else text + ".0"


def as_doubles(flat: NDArray[np.float32]) -> NDArray[np.float64]:
    """The doubles next to the decimals of float32 numbers: their shortest digits are TensorFlow Serving's."""
    values = flat.astype(np.float64)
    sizes = np.abs(values)
    easy = (sizes > _SCALED[0]) & (sizes < _SCALED[1])
    with np.errstate(all="ignore"):  # for numbers that are not easy
        magnitudes = np.floor(np.log10(sizes, out=np.zeros_like(sizes), where=easy)).astype(np.int64)
        six, _ = _rounded(values, 5 - magnitudes)
        nine, near_tie = _rounded(values, 8 - magnitudes)
        is_six = six.astype(np.float32) == flat
    doubles = np.where(is_six, six, nine)
    hard = ~easy & (values != 0) | easy & ~is_six & near_tie
    doubles[hard] = [float(decimal(value, 9)) for value in values[hard].tolist()]
    return doubles


def _rounded(values: NDArray[np.float64], places: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Values rounded to so many decimal places (before the point, if negative), and which are near a tie."""
    scale = _POWERS[np.clip(np.abs(places), 0, len(_POWERS) - 1)]
    scaled = np.where(places >= 0, values * scale, values / scale)
    whole = np.rint(scaled)
    near_tie = np.abs(np.abs(scaled - whole) - 0.5) < _NEAR_TIE
    return np.where(places >= 0, whole / scale, whole * scale), near_tie
