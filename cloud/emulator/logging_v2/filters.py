"""Filters of log entries, in Cloud Logging's query language. Pure.

https://cloud.google.com/logging/docs/view/logging-query-language: comparisons, ``:`` for "has", and words without a
field, searched for in every field. Of its functions ``log_id`` and ``SEARCH`` are here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from cloud.emulator.logging_v2.bounds import Bounds, bounds_of
from cloud.emulator.logging_v2.values import contains, test_of
from cloud.emulator.rest.filter_tokens import Token, path_of
from cloud.emulator.rest.filters import Comparison, Function, Leaf, Text, parse, predicate
from cloud.errors import InvalidArgument
from cloud.resources import Json

LONGEST = 20_000
"""Characters (https://cloud.google.com/logging/quotas#logs_usage_limits)."""
_DEEPEST = 50
"""Parentheses and negations inside each other."""

Predicate = Callable[[Mapping[str, Json]], bool | None]
"""Whether an entry matches; None if that depends on fields that are ``UNKNOWN``."""


class Unknown:
    """The value of a field that differs between the entries of a job."""


UNKNOWN = Unknown()

_FIELDS = frozenset(
    {
        *("logName", "resource", "textPayload", "jsonPayload", "protoPayload", "timestamp", "receiveTimestamp"),
        *("severity", "insertId", "httpRequest", "labels", "operation", "trace", "spanId", "traceSampled"),
        *("sourceLocation", "split", "errorGroups"),
    }
)
_WITHOUT_DEFAULTS = (("jsonPayload",), ("protoPayload",), ("labels",), ("resource", "labels"))


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Called with an entry: whether it matches."""

    test: Predicate
    bounds: Bounds

    def __call__(self, entry: Mapping[str, Json]) -> bool | None:
        return self.test(entry)


def parse_filter(text: str) -> EntryFilter:
    """Raises:
    InvalidArgument: not the language, or a field that no log entry has.
    """
    tree = parse(text, longest=LONGEST, deepest=_DEEPEST)
    return EntryFilter(predicate(tree, _of_leaf), bounds_of(tree))


def _of_leaf(leaf: Leaf) -> Predicate:
    match leaf:
        case Text(token):
            return _somewhere(token.value.casefold())
        case Function(name, arguments):
            return _function(name, arguments)
        case Comparison(field, operator, value):
            path = path_of(field)
            if path[0] not in _FIELDS:
                raise InvalidArgument(f"Unparseable filter: Field not found: {'.'.join(path)[:200]!r}", field="filter")
            return _exists(path) if (operator, value.text) == (":", "*") else _comparison(path, operator, value.value)


def _comparison(path: Sequence[str], operator: str, text: str) -> Predicate:
    test = test_of(path[0], operator, text)

    def wanted(entry: Mapping[str, Json]) -> bool | None:
        found = _find(entry, path)
        if found is UNKNOWN:
            return None
        if found is None:  # fields of an entry have a default, keys of maps have none and equal nothing
            return not any(path[: len(free)] == free for free in _WITHOUT_DEFAULTS) and test_default()
        return any(map(test, found)) if isinstance(found, list) else test(found)

    def test_default() -> bool:
        return path[0] not in ("timestamp", "receiveTimestamp") and test("")

    return wanted


def _function(name: Token, given: Sequence[Token]) -> Predicate:
    match name.text.lower(), given:
        case "log_id", [log]:
            ending = "/logs/" + quote(log.value, safe="", errors="replace")
            return lambda entry: _known(entry.get("logName"), lambda value: value.endswith(ending))
        case "search", [text]:
            return _words(None, text.value)
        case "search", [field, text]:
            return _words(path_of(field), text.value)
    raise InvalidArgument(
        f"Unparseable filter: no function {name.text[:100]!r} with {len(given)} arguments is emulated", field="filter"
    )


def _find(entry: Json, path: Sequence[str]) -> Json:
    """The value at ``path``: None if there is none, ``UNKNOWN`` if it is not known."""
    for name in path:
        if entry is UNKNOWN or not isinstance(entry, Mapping):
            break
        entry = entry.get(name, entry.get(_REST))
    else:
        return entry
    return entry if entry is UNKNOWN else None


_REST = ""
"""In a map of an entry known in part: stands for all keys that are not there."""


def partly(known: Mapping[str, Json]) -> dict[str, Json]:
    """An entry, or a map in it, of which only ``known`` is known."""
    return {
        **{name: partly(value) if isinstance(value, Mapping) else value for name, value in known.items()},
        _REST: UNKNOWN,
    }


def _known(value: Json, test: Callable[[Json], bool]) -> bool | None:
    return None if value is UNKNOWN or value is None else test(value)


def _exists(path: Sequence[str]) -> Predicate:
    def wanted(entry: Mapping[str, Json]) -> bool | None:
        found = _find(entry, path)
        return None if found is UNKNOWN else found is not None

    return wanted


def _somewhere(text: str) -> Predicate:
    return lambda entry: None if _REST in entry else any(contains(value, text) for value in entry.values())


def _words(path: Sequence[str] | None, text: str) -> Predicate:
    """All words of ``text``, in any order: ``SEARCH`` looks for tokens, not for a string."""
    words = text.casefold().split()

    def wanted(entry: Mapping[str, Json]) -> bool | None:
        found = entry if path is None else _find(entry, path)
        if found is UNKNOWN or _REST in entry:
            return None
        return found is not None and all(contains(found, word) for word in words)

    return wanted
