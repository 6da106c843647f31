"""Converts JSON instances to batches of NumPy arrays, and a model's outputs to JSON. Pure; independent of TensorFlow.

Rules and error texts follow ML Engine's online prediction (the prediction library in the Cloud SDK): an instance is an
object keyed by input, or a bare value if there is one input; ``{"b64": …}`` is binary if an input is a string; an
output whose name ends in ``_bytes`` is returned as ``{"b64": …}``. Numbers are checked more strictly: none is cut,
wrapped, or read from a string or a bool.

JSON has no NaN. An instance with one is refused. In a prediction it is the string ``"NaN"``, ``"Infinity"`` or
``"-Infinity"``, as in protobuf's JSON mapping, which every Google API uses and ``float()`` reads.
"""

import base64
import binascii
import math
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.engine.serving.signatures import TensorSpec
from cloud.errors import PredictionFailed
from cloud.resources import Json

_FLOATS = ("float16", "float32", "float64")
_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


def to_batch(instances: Sequence[Json], inputs: Mapping[str, TensorSpec]) -> dict[str, NDArray[Any]]:
    """One array for each input, with the instances as its first dimension.

    Raises:
        PredictionFailed: an instance does not fit the inputs; the text has the index of the first such instance.
    """
    columns = _single_column(instances, *inputs.items()) if len(inputs) == 1 else _columns(instances, inputs)
    with np.errstate(over="ignore"):  # values too large for float32 become infinity, which is refused below
        return {alias: _array(alias, columns[alias], spec) for alias, spec in inputs.items()}


def to_predictions(outputs: Mapping[str, NDArray[Any]], count: int) -> list[dict[str, Json]]:
    """One object for each of ``count`` instances, keyed by output.

    Raises:
        PredictionFailed: an output does not have ``count`` rows, or cannot be represented in JSON.
    """
    # Many models squeeze a batch of one; ML Engine adds the dimension again.
    arrays = {alias: array if array.shape else array[np.newaxis] for alias, array in outputs.items()}
    sizes = {alias: array.shape[0] for alias, array in arrays.items()}
    if any(size != count for size in sizes.values()):
        raise PredictionFailed(
            "Bad output from running tensorflow session: outputs had differing sizes in the batch (outer) dimension. "
            f"See the outputs and their size: {sizes}, for {count} instances. Check your model for bugs that effect "
            "the size of the outputs."
        )
    aliases = tuple(arrays)
    columns = [_json_column(alias, array) for alias, array in arrays.items()]
    return [dict(zip(aliases, row, strict=True)) for row in zip(*columns, strict=True)]


def _columns(instances: Sequence[Json], inputs: Mapping[str, TensorSpec]) -> dict[str, list[Json]]:
    for index, instance in enumerate(instances):
        if type(instance) is not dict:
            raise _bad(index, f"expected an object with the keys {sorted(inputs)}, got {_show(instance)}")
        if instance.keys() != inputs.keys():
            for key in instance:
                if key not in inputs:
                    raise PredictionFailed(f"Unexpected tensor name: {key}")
            missing = next(alias for alias in inputs if alias not in instance)
            raise PredictionFailed(f"Input {missing} was missing in at least one input instance.")
    return {alias: [instance[alias] for instance in instances] for alias in inputs}


def _single_column(instances: Sequence[Json], only: tuple[str, TensorSpec]) -> dict[str, list[Json]]:
    alias, spec = only
    column = []
    for instance in instances:
        if type(instance) is not dict or (spec.dtype == "string" and instance.keys() == {"b64"}):
            column.append(instance)
        elif instance.keys() == {alias}:
            column.append(instance[alias])
        else:
            raise PredictionFailed(f"Expected tensor name: {alias}, got tensor name: {list(instance)}.")
    return {alias: column}


def _array(alias: str, column: list[Json], spec: TensorSpec) -> NDArray[Any]:
    if spec.shape == ():
        raise PredictionFailed(f"Input {alias} has no batch dimension: export the model with one to serve it")
    values, shape = _flatten(alias, column, spec.shape)
    per_instance = math.prod(shape[1:]) or 1

    def bad(position: int, got: str = "") -> PredictionFailed:
        text = f"{alias}: expected {spec.dtype}, got {got or _show(values[position])}"
        return _bad(position // per_instance, text)

    if spec.dtype == "string":
        array = np.empty(len(values), dtype=object)
        array[:] = [_to_bytes(value, position, bad) for position, value in enumerate(values)]
    elif spec.dtype in _FLOATS:
        array = _floats(values, spec.dtype, bad)
    elif spec.dtype in _INTEGERS:
        array = _integers(values, spec.dtype, bad)
    elif spec.dtype == "bool":
        _require(values, {bool}, bad)
        array = np.array(values, dtype=np.bool_)
    else:
        raise PredictionFailed(f"Input {alias} is {spec.dtype}, which JSON instances cannot give")
    return array.reshape(shape)


def _flatten(alias: str, column: list[Json], shape: tuple[int | None, ...] | None) -> tuple[list[Json], list[int]]:
    """Flatten nested lists level by level, so that C code does the work for each value."""
    found = [len(column)]
    values = column
    while len(found) < len(shape) if shape is not None else bool(values) and type(values[0]) is list:
        wanted = shape[len(found)] if shape is not None else None
        sizes = {len(value) if type(value) is list else None for value in values}
        if len(sizes) > 1 or None in sizes or (wanted is not None and sizes - {wanted}):
            expected = wanted if wanted is not None else len(values[0]) if type(values[0]) is list else None
            per_instance = math.prod(found[1:]) or 1
            for position, value in enumerate(values):
                if type(value) is not list or (expected is not None and len(value) != expected):
                    many = "a list" if expected is None else f"a list of {expected}"
                    raise _bad(
                        position // per_instance,
                        f"{alias}: expected {many} in dimension {len(found)} of shape {_show_shape(shape)}, "
                        f"got {_show(value)}",
                    )
        found.append((sizes.pop() or 0) if sizes else (wanted or 0))
        values = list(chain.from_iterable(values))
    return values, found


def _require(values: list[Json], allowed: set[type], bad: Any) -> set[type]:
    kinds = set(map(type, values))
    if kinds - allowed:
        raise bad(next(position for position, value in enumerate(values) if type(value) not in allowed))
    return kinds


def _floats(values: list[Json], dtype: str, bad: Any) -> NDArray[Any]:
    _require(values, {float, int}, bad)
    try:
        array = np.array(values, dtype=dtype)
    except OverflowError:
        raise bad(max(range(len(values)), key=lambda position: abs(values[position]))) from None
    if not _are_finite(array):
        raise bad(int(np.argmin(np.isfinite(array))))
    return array


def _are_finite(array: NDArray[Any]) -> bool:
    return 0 not in np.isfinite(array).tobytes()  # for a few numbers four times as fast as ``all``, for many as fast


def _integers(values: list[Json], dtype: str, bad: Any) -> NDArray[Any]:
    if float in _require(values, {int, float}, bad):
        for position, value in enumerate(values):
            if type(value) is float and not value.is_integer():
                raise bad(position)
        values = [int(value) for value in values]
    try:
        return np.array(values, dtype=dtype)
    except OverflowError:
        limits = np.iinfo(dtype)
        outside = (position for position, value in enumerate(values) if not limits.min <= value <= limits.max)
        raise bad(next(outside)) from None


def _to_bytes(value: Json, position: int, bad: Any) -> bytes:
    if type(value) is str:
        try:
            return value.encode()
        except UnicodeEncodeError:
            raise bad(position) from None
    if type(value) is dict and value.keys() == {"b64"} and type(value["b64"]) is str:
        try:
            return base64.b64decode(value["b64"], validate=True)
        except (binascii.Error, ValueError):
            raise bad(position, "a 'b64' that is not base64 with its padding") from None
    raise bad(position)


def _json_column(alias: str, array: NDArray[Any]) -> list[Json]:
    if array.dtype.kind == "O":
        return [_json_string(alias, value) for value in array.tolist()]
    if array.dtype.kind in "iub":
        return array.tolist()  # type: ignore[no-any-return]
    if array.dtype.kind == "c":
        raise PredictionFailed(f"Output {alias} is {array.dtype}, which JSON cannot carry")
    if array.dtype.kind != "f":  # bfloat16 and similar types, which NumPy itself does not have
        array = array.astype(np.float32)
    rows: list[Json] = array.tolist()
    return rows if _are_finite(array) else [_name_non_finite(row) for row in rows]


def _json_string(alias: str, value: Json) -> Json:
    if isinstance(value, list):
        return [_json_string(alias, item) for item in value]
    if alias.endswith("_bytes"):
        return {"b64": base64.b64encode(value).decode()}
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise PredictionFailed(
            f"Output {alias} is not UTF-8 text: give it a name that ends in _bytes to have it in base64"
        ) from None


def _name_non_finite(value: Json) -> Json:
    if isinstance(value, list):
        return [_name_non_finite(item) for item in value]
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _bad(index: int, text: str) -> PredictionFailed:
    return PredictionFailed(f"Error processing input: instance {index}: {text}")


def _show(value: Json) -> str:
    match value:
        case None:
            return "null (JSON has no NaN)"
        case dict():
            return f"an object with the keys {sorted(map(str, value))[:10]}"
        case list():
            return f"a list of {len(value)}"
        case _:
            text = repr(value)
            return f"{text if len(text) <= 100 else text[:100] + '…'} of type {type(value).__name__}"


def _show_shape(shape: tuple[int | None, ...] | None) -> str:
    return "unknown" if shape is None else str(["batch", *("any" if size is None else size for size in shape[1:])])
