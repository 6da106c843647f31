"""Reads JSON as TensorFlow Serving does: RapidJSON 1.1.0 with its flags for NaN and infinities, and for stopping after
the first value. Pure.

So ``NaN``, ``Inf``, ``Infinity`` and ``-Infinity`` are numbers, text after the value is ignored, an integer beyond 64
bits is a double, and errors have RapidJSON's texts and byte offsets (``include/rapidjson/error/en.h``).
"""

import math
import re
from typing import NoReturn

import orjson

from cloud.errors import PredictionFailed
from cloud.resources import Json

_SPACE = re.compile(r"[ \t\n\r]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_DIGITS = re.compile(r"[0-9]+")
_HEX = re.compile(r"[0-9A-Fa-f]{4}")
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LITERALS = {"n": ("null", None), "t": ("true", True), "f": ("false", False)}
_MISSES_NAME = "Missing a name for object member."
_INVALID = "Invalid value."
_BOM = "\ufeff"
_END = "\0"


def read_json(body: bytes) -> Json:
    """The first JSON value in ``body``.

    Raises:
        PredictionFailed: there is none.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _Reader(body).read()


class _Reader:
    """Slower than orjson by far: for what orjson refuses, and to find the error."""

    def __init__(self, body: bytes) -> None:
        # RapidJSON does not check UTF-8: other bytes reach the model as they are.
        self._text = body.decode("utf-8", "surrogateescape") + _END
        self._at = 1 if self._text.startswith(_BOM) else 0

    def read(self) -> Json:
        if self._text == _END:
            raise PredictionFailed("JSON Parse error: The document is empty")
        self._skip(_SPACE)
        if self._text[self._at] in ",:]}" + _END:
            self._fail("The document is empty.")
        unfinished: list[tuple[list[Json] | dict[str, Json], str]] = []
        """The containers around the current value, from the outermost, each with the key of its current member."""
        while True:
            value = self._value()
            if value is _ARRAY or value is _OBJECT:
                container: list[Json] | dict[str, Json] = [] if value is _ARRAY else {}
                if not self._ends(container):
                    unfinished.append((container, self._key() if value is _OBJECT else ""))
                    continue
                value = container
            while True:
                if not unfinished:
                    return value
                container, key = unfinished.pop()
                if isinstance(container, list):
                    container.append(value)
                else:
                    container.setdefault(key, value)  # RapidJSON finds the first of two
                if self._continues(container):
                    unfinished.append((container, "" if isinstance(container, list) else self._key()))
                    break
                value = container

    # ---------------------------------------------------------------- containers

    def _ends(self, container: list[Json] | dict[str, Json]) -> bool:
        """Whether a container that just began is empty."""
        self._skip(_SPACE)
        if self._text[self._at] != ("]" if isinstance(container, list) else "}"):
            return False
        self._at += 1
        return True

    def _continues(self, container: list[Json] | dict[str, Json]) -> bool:
        """Whether another item follows the one that was just read."""
        self._skip(_SPACE)
        end, what = ("]", "an array element") if isinstance(container, list) else ("}", "an object member")
        found = self._text[self._at]
        if found not in ("," + end):
            self._fail(f"Missing a comma or '{end}' after {what}.")
        self._at += 1
        if found == ",":
            self._skip(_SPACE)
        return found == ","

    def _key(self) -> str:
        if self._text[self._at] != '"':
            self._fail(_MISSES_NAME)
        key = self._string()
        self._skip(_SPACE)
        if self._text[self._at] != ":":
            self._fail("Missing a colon after a name of object member.")
        self._at += 1
        self._skip(_SPACE)
        return key

    # ---------------------------------------------------------------- values

    def _value(self) -> Json:
        match first := self._text[self._at]:
            case "[" | "{":
                self._at += 1
                return _ARRAY if first == "[" else _OBJECT
            case '"':
                return self._string()
            case "n" | "t" | "f":
                literal, value = _LITERALS[first]
                self._consume(literal)
                return value
        return self._number()

    def _number(self) -> int | float:
        text, start = self._text, self._at
        sign = -1 if text[start] == "-" else 1
        begin = start + (sign < 0)
        if text[begin] in "NI":
            self._at = begin
            return sign * self._non_finite()
        whole = _INTEGER.match(text, start)
        if whole is None:
            self._at = begin
            self._fail(_INVALID)
        self._at = whole.end()
        if text[self._at] == ".":
            self._at += 1
            self._digits("Miss fraction part in number.")
        if text[self._at] in "eE":
            self._at += 2 if text[self._at + 1] in "+-" else 1
            self._digits("Miss exponent in number.")
        if self._at == whole.end() and len(whole[0]) <= 20 and -(2**63) <= (integer := int(whole[0])) < 2**64:
            return integer
        number = float(text[start : self._at])
        if math.isinf(number):
            self._at = start
            self._fail("Number too big to be stored in double.")
        return number

    def _non_finite(self) -> float:
        if self._text[self._at] == "N":
            self._consume("NaN")
            return math.nan
        self._consume("Inf")
        if self._text[self._at] == "i":
            self._consume("inity")
        return math.inf

    def _digits(self, missing: str) -> None:
        if (digits := _DIGITS.match(self._text, self._at)) is None:
            self._fail(missing)
        self._at = digits.end()

    def _string(self) -> str:
        self._at += 1
        parts = []
        while True:
            begin = self._at
            self._skip(_PLAIN)
            parts.append(self._text[begin : self._at])
            match self._text[self._at]:
                case '"':
                    self._at += 1
                    return "".join(parts)
                case "\\":
                    parts.append(self._escape())
                case "\0":
                    self._fail("Missing a closing quotation mark in string.")
                case _:
                    self._fail("Invalid escape character in string.")

    def _escape(self) -> str:
        start, kind = self._at, self._text[self._at + 1]
        if kind in _ESCAPES:
            self._at += 2
            return _ESCAPES[kind]
        if kind != "u":
            self._fail("Invalid escape character in string.")
        unit = self._unit(start)
        if not 0xD800 <= unit <= 0xDBFF:
            return chr(unit)
        second = self._unit(start) if self._text.startswith("\\u", self._at) else 0
        if not 0xDC00 <= second <= 0xDFFF:
            self._at = start
            self._fail("The surrogate pair in string is invalid.")
        return chr(0x10000 + (unit - 0xD800 << 10) + second - 0xDC00)

    def _unit(self, start: int) -> int:
        """The UTF-16 unit of an escape in the one that begins at ``start``, which is where an error is reported."""
        if (digits := _HEX.match(self._text, self._at + 2)) is None:
            self._at = start
            self._fail("Incorrect hex digit after \\u escape in string.")
        self._at = digits.end()
        return int(digits[0], 16)

    # ---------------------------------------------------------------- text

    def _skip(self, pattern: re.Pattern[str]) -> None:
        if found := pattern.match(self._text, self._at):
            self._at = found.end()

    def _consume(self, expected: str) -> None:
        for letter in expected:
            if self._text[self._at] != letter:
                self._fail(_INVALID)
            self._at += 1

    def _fail(self, text: str) -> NoReturn:
        offset = len(to_bytes(self._text[: self._at]))
        raise PredictionFailed(f"JSON Parse error: {text} at offset: {offset}")


def to_bytes(text: str) -> bytes:
    """The bytes of a string that ``read_json`` returned."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # an escape of half a surrogate pair
        return text.encode("utf-8", "surrogatepass")


_ARRAY, _OBJECT = object(), object()
"""What ``_value`` returns where a container begins."""
