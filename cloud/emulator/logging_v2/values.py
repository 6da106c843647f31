"""Comparisons of a field's values with the text of a filter. Pure.

https://cloud.google.com/logging/docs/view/logging-query-language#values_conversions: text is compared without regard to
case, severities by rank, times by instant, numbers by size. Regular expressions are RE2's and do regard case.
"""

import functools
import operator
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from cloud.errors import InvalidArgument
from cloud.resources import Json

Test = Callable[[Json], bool]
"""Whether one value matches."""

RANKS = {
    "DEFAULT": 0,
    "DEBUG": 100,
    "INFO": 200,
    "NOTICE": 300,
    "WARNING": 400,
    "ERROR": 500,
    "CRITICAL": 600,
    "ALERT": 700,
    "EMERGENCY": 800,
}
"""https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#LogSeverity"""
TIMES = frozenset({"timestamp", "receiveTimestamp"})
_ORDER = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}
_COMPARE = _ORDER | {"=": operator.eq, "!=": operator.ne, ":": operator.eq}
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII)


def test_of(field: str, mark: str, text: str) -> Test:
    """The test of ``field mark text`` for a value of ``field``.

    Args:
        field: the outermost name of the path.

    Raises:
        InvalidArgument: ``text`` cannot be compared with such a field.
    """
    if mark in ("=~", "!~"):
        return _matches(text, wanted=mark == "=~")
    if field == "severity":
        rank = _rank(text)
        return lambda value: bool(_COMPARE[mark](RANKS.get(value, 0), rank))
    if field in TIMES:
        moment = nanoseconds(text)
        return lambda value: bool(_COMPARE[mark](nanoseconds(value), moment))
    return functools.partial(_compare, mark, text, text.casefold(), _number(text))


def contains(value: Json, text: str) -> bool:
    """Whether ``text``, in lower case, is part of any text, number or key in ``value``."""
    return any(text in found.casefold() for found in _texts(value))


@functools.lru_cache(maxsize=1024)
def nanoseconds(text: str) -> int:
    """Since 1970.

    Raises:
        InvalidArgument: neither a date nor a time of RFC 3339.
    """
    match = _TIME.fullmatch(text.strip())
    try:
        if match is None:
            raise ValueError
        date, time, fraction, zone = match.groups()
        moment = datetime.fromisoformat(f"{date}T{time or '00:00'}{zone or 'Z'}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidArgument(f"Unparseable filter: invalid timestamp {text[:100]!r}", field="filter") from None
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86400 + since.seconds) * 10**9 + int((fraction or "").ljust(9, "0"))


def _compare(mark: str, text: str, folded: str, number: float | None, value: Json) -> bool:
    match value:
        case dict() | list():
            return contains(value, folded) if mark == ":" else False
        case bool():
            return bool(_COMPARE[mark](str(value).lower(), folded))
        case int() | float():
            return number is not None and bool(_COMPARE[mark](value, number))
        case str() if mark == ":":
            return folded in value.casefold()
        case str() if mark in _ORDER:
            return bool(_ORDER[mark](value, text))
        case str():
            return bool(_COMPARE[mark](value.casefold(), folded))
    return False


def _rank(text: str) -> int:
    if text.upper() in RANKS:
        return RANKS[text.upper()]
    number = _number(text)
    if number is None:
        raise InvalidArgument(f"Unparseable filter: invalid severity {text[:100]!r}", field="filter")
    return int(number)


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[+-]?\d{1,100}(?:\.\d{1,100})?(?:[eE][+-]?\d{1,2})?", text, re.ASCII) else None


def _matches(pattern: str, *, wanted: bool) -> Test:
    # Google's language, and linear time: Python's own expressions can take exponential time on a line of a trainer's.
    import pyarrow
    from pyarrow import compute

    def search(text: str) -> bool:
        return bool(compute.match_substring_regex(pyarrow.scalar(text), pattern=pattern).as_py())

    try:
        search("")
    except (pyarrow.ArrowInvalid, UnicodeEncodeError) as error:
        raise InvalidArgument(f"Unparseable filter: invalid regular expression: {error}", field="filter") from None
    return lambda value: search(value if isinstance(value, str) else str(value)) is wanted


def _texts(value: Json) -> Iterator[str]:
    match value:
        case dict():
            for key, inner in value.items():
                yield key
                yield from _texts(inner)
        case list():
            for inner in value:
                yield from _texts(inner)
        case _:
            yield str(value)
