"""Scalar JSON values in the normal form of their type, and Google's messages about others. Pure.

Forms: https://protobuf.dev/programming-guides/json/. Texts: see ``schemas``.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from cloud.resources import Json

SHOWN = 200
"""Characters of a wrong value that an error repeats."""
_RANGES = {
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
}
_WHOLE = re.compile(r"-?\d{1,20}", re.ASCII)
_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII)
_BARE_POINT = re.compile(r"^(-?)\.(?=\d)")
"""Google's own samples write ".0001", which is no number of JSON's."""
_DURATION = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9}))?s", re.ASCII)
_LONGEST = 315_576_000_000
"""Seconds, the limit of ``google.protobuf.Duration``."""
_WORDS = frozenset({"NaN", "Infinity", "-Infinity"})

Converted = tuple[Json, str]
"""The normal form, None for a wrong value; and the complaint about that, where there is one in words."""


def _string(value: Json) -> Converted:
    return (value if isinstance(value, str) else None), ""


def _boolean(value: Json) -> Converted:
    if isinstance(value, bool):
        return value, ""
    return {"true": True, "false": False}.get(value) if isinstance(value, str) else None, ""


def _integer(kind: str) -> Callable[[Json], Converted]:
    low, high = _RANGES[kind]

    def convert(value: Json) -> Converted:
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            return None, ""
        return (str(value) if kind.endswith("64") else value), ""

    return convert


def _number(value: Json) -> Converted:
    if isinstance(value, str):
        if value in _WORDS:
            return value, ""
        try:
            value = json.loads(_BARE_POINT.sub(r"\g<1>0.", value))
        except ValueError:
            return None, ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None, ""
    try:
        return (value if math.isfinite(float(value)) else None), ""
    except OverflowError:
        return None, ""


def _bytes(value: Json) -> Converted:
    if not isinstance(value, str):
        return None, ""
    text = value.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None, ""
    return base64.b64encode(content).decode(), ""


def _timestamp(value: Json) -> Converted:
    if not isinstance(value, str):
        return None, f"Invalid data type for timestamp, value is {json.dumps(value)[:SHOWN]}"
    match = _TIMESTAMP.fullmatch(value)
    if match is None:
        return None, "Illegal timestamp format; timestamps must end with 'Z' or have a valid timezone offset."
    try:
        moment = datetime.fromisoformat(match[1] + match[3]).astimezone(UTC)
    except (ValueError, OverflowError):
        return None, f"Invalid time format: {value[:SHOWN]}"
    return f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + _fraction(match[2]) + "Z", ""


def _duration(value: Json) -> Converted:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None, "Illegal duration format; duration must end with 's'"
    if int(match[2]) > _LONGEST:
        return None, "Duration value exceeds limits"
    return f"{match[1]}{int(match[2])}{_fraction(match[3])}s", ""


def timestamp(moment: datetime) -> str:
    """As protobuf writes it: with microseconds, unless there are none."""
    moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + _fraction(f"{moment.microsecond:06}") + "Z"


def _fraction(digits: str | None) -> str:
    # Three, six or nine digits, as few as hold it.
    digits = (digits or "").rstrip("0")
    return f".{digits.ljust(-(-len(digits) // 3) * 3, '0')}" if digits else ""


def _mask(value: Json) -> Converted:
    return (value if isinstance(value, str) and re.fullmatch(r"[\w.,* -]*", value) else None), ""


SCALARS: Mapping[str, tuple[str, Callable[[Json], Converted]]] = {
    "string": ("TYPE_STRING", _string),
    "boolean": ("TYPE_BOOL", _boolean),
    "int32": ("TYPE_INT32", _integer("int32")),
    "uint32": ("TYPE_UINT32", _integer("uint32")),
    "int64": ("TYPE_INT64", _integer("int64")),
    "uint64": ("TYPE_UINT64", _integer("uint64")),
    "double": ("TYPE_DOUBLE", _number),
    "float": ("TYPE_FLOAT", _number),
    "byte": ("TYPE_BYTES", _bytes),
    "google-datetime": ("type.googleapis.com/google.protobuf.Timestamp", _timestamp),
    "google-duration": ("type.googleapis.com/google.protobuf.Duration", _duration),
    "google-fieldmask": ("type.googleapis.com/google.protobuf.FieldMask", _mask),
}
"""Google's name of a type, and what converts a value to it, by the format or type in a discovery document."""
