"""Values as TensorFlow Serving writes them into the texts of errors: RapidJSON's ``PrettyWriter`` with arrays on one
line, stopped after 256 bytes (``JsonValueToDebugString``). Pure.
"""

import math
from contextlib import suppress
from decimal import Decimal

from cloud.engine.serving.tf_serving.json_reader import to_bytes
from cloud.resources import Json

_LIMIT = 256
"""Bytes after which nothing more is begun; the last item is whole."""
_INDENT = "    "
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPED = str.maketrans({chr(code): f"\\u{code:04X}" for code in range(32)} | _ESCAPES)


def debug_text(value: Json) -> str:
    writer = _Writer()
    with suppress(_Full):
        writer.write(value, 0)
    return "".join(writer.parts)


def quoted(text: str) -> str:
    """A JSON string as RapidJSON writes it."""
    return f'"{text.translate(_ESCAPED)}"'


def type_name(value: Json) -> str:
    match value:
        case None:
            return "Null"
        case bool():
            return str(value)
        case str():
            return "String"
        case list():
            return "Array"
        case dict():
            return "Object"
    return "Number"


class _Full(Exception):
    """The text has reached its limit."""


class _Writer:
    def __init__(self) -> None:
        self.parts: list[str] = []
        self._size = 0

    def write(self, value: Json, depth: int, before: str = "") -> None:
        match value:
            case dict():
                self._put(before + "{")
                for number, (key, item) in enumerate(value.items()):
                    self._put(("," if number else "") + "\n" + _INDENT * (depth + 1) + quoted(key))
                    self.write(item, depth + 1, ": ")
                self._put(("\n" + _INDENT * depth if value else "") + "}")
            case list():
                self._put(before + "[")
                for number, item in enumerate(value):
                    self.write(item, depth + 1, ", " if number else "")
                self._put("]")
            case str():
                self._put(before + quoted(value))
            case float():
                self._put(before + (double_text(value) if math.isfinite(value) else ""))
                if not math.isfinite(value):  # RapidJSON's writer refuses it
                    raise _Full
            case None:
                self._put(before + "null")
            case bool():
                self._put(before + str(value).lower())
            case _:
                self._put(before + str(value))

    def _put(self, text: str) -> None:
        if self._size >= _LIMIT:
            raise _Full
        self.parts.append(text)
        self._size += len(to_bytes(text))


def double_text(value: float) -> str:
    """A finite double as RapidJSON writes it: the fewest digits that read back equal (``internal/dtoa.h``)."""
    if value == 0:
        return "-0.0" if math.copysign(1, value) < 0 else "0.0"
    shortest = Decimal(repr(value)).normalize()
    sign, parts, _ = shortest.as_tuple()
    digits = "".join(map(str, parts))
    point = shortest.adjusted() + 1
    if 0 < point <= 21:
        text = f"{digits[:point].ljust(point, '0')}.{digits[point:] or '0'}"
    elif -6 < point <= 0:
        text = f"0.{'0' * -point}{digits}"
    else:
        fraction = f".{digits[1:]}" if len(digits) > 1 else ""
        text = f"{digits[0]}{fraction}e{point - 1}"
    return "-" + text if sign else text
