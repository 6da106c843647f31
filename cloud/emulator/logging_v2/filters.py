"""Cloud Logging's query language, the part that asks for log entries. Pure.

https://cloud.google.com/logging/docs/view/logging-query-language: comparisons, ``:`` for "has", AND, OR and NOT in
capital letters, juxtaposition as AND, OR binding tighter than AND, and words without a field, searched for in every
field. Of its functions ``log_id`` and ``SEARCH`` are here.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from cloud.emulator.logging_v2.bounds import UNBOUNDED, Bounds, bounds_of
from cloud.emulator.logging_v2.tokens import Kind, Token, path_of, tokens_of
from cloud.emulator.logging_v2.values import contains, test_of
from cloud.errors import InvalidArgument
from cloud.resources import Json

LONGEST = 20_000
"""Characters (https://cloud.google.com/logging/quotas#logs_usage_limits)."""
_DEEPEST = 50
"""Parentheses and negations inside each other."""

Test = Callable[[Mapping[str, Json]], bool | None]


@dataclass(frozen=True, slots=True)
class Predicate:
    """Whether an entry is wanted; None if that depends on fields that are ``UNKNOWN``."""

    test: Test
    bounds: Bounds = UNBOUNDED

    def __call__(self, entry: Mapping[str, Json]) -> bool | None:
        return self.test(entry)


class Unknown:
    """Stands for a field's value where an entry is known in part only: what its job alone tells."""


UNKNOWN = Unknown()

_FIELDS = frozenset(
    {
        *("logName", "resource", "textPayload", "jsonPayload", "protoPayload", "timestamp", "receiveTimestamp"),
        *("severity", "insertId", "httpRequest", "labels", "operation", "trace", "spanId", "traceSampled"),
        *("sourceLocation", "split", "errorGroups"),
    }
)
_WITHOUT_DEFAULTS = (("jsonPayload",), ("protoPayload",), ("labels",), ("resource", "labels"))


def parse_filter(text: str) -> Predicate:
    """Raises:
    InvalidArgument: not the language, or a field that no log entry has.
    """
    if len(text) > LONGEST:
        raise InvalidArgument(f"a filter has at most {LONGEST} characters, this one {len(text)}", field="filter")
    return _Parser(tokens_of(text)).parse()


class _Parser:
    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def parse(self) -> Predicate:
        if self._has_ended():
            return Predicate(lambda _: True)
        wanted = self._conjunction(self._term)
        if not self._has_ended():
            raise _invalid(self._next)
        return wanted

    def _has_ended(self) -> bool:
        return self._next.kind is Kind.END

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._next
        self._at += 1
        return token

    def _takes(self, *words: str) -> bool:
        if self._next.kind is not Kind.QUOTED and self._next.text in words:
            self._at += 1
            return True
        return False

    # What may be joined are terms or, after a comparison's mark, values: ``severity=(ERROR OR CRITICAL)``.

    def _conjunction(self, part: Callable[[], Predicate]) -> Predicate:
        parts = [self._disjunction(part)]
        while self._takes("AND") or not (self._has_ended() or self._next.is_mark(")")):
            parts.append(self._disjunction(part))
        return parts[0] if len(parts) == 1 else _all(parts)

    def _disjunction(self, part: Callable[[], Predicate]) -> Predicate:
        parts = [self._negation(part)]
        while self._takes("OR"):
            parts.append(self._negation(part))
        return parts[0] if len(parts) == 1 else _any(parts)

    def _negation(self, part: Callable[[], Predicate]) -> Predicate:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise InvalidArgument("Unparseable filter: it is nested too deeply", field="filter")
        try:
            if self._takes("NOT", "-"):
                return _not(self._negation(part))
            if self._takes("("):
                inner = self._conjunction(part)
                if not self._takes(")"):
                    raise _invalid(self._next)
                return inner
            return part()
        finally:
            self._depth -= 1

    def _term(self) -> Predicate:
        token = self._take()
        if token.kind is Kind.NAME and self._next.is_mark("(") and self._next.follows_at_once:
            return self._function(token)
        is_joint = token.kind is Kind.NAME and token.text in ("AND", "OR")
        if token.kind not in (Kind.NAME, Kind.QUOTED) or is_joint:
            raise _invalid(token)
        if self._next.kind is not Kind.COMPARISON:
            return _somewhere(token.value.casefold())
        path = path_of(token)
        if path[0] not in _FIELDS:
            raise InvalidArgument(f"Unparseable filter: Field not found: {'.'.join(path)[:200]!r}", field="filter")
        mark = self._take().text
        return self._negation(lambda: self._value(path, mark)) if self._next.is_mark("(") else self._value(path, mark)

    def _value(self, path: Sequence[str], mark: str) -> Predicate:
        token = self._take()
        if token.kind not in (Kind.NAME, Kind.QUOTED):
            raise _invalid(token)
        if mark == ":" and token.text == "*":
            return _exists(path)
        test = test_of(path[0], mark, token.value)

        def wanted(entry: Mapping[str, Json]) -> bool | None:
            found = _find(entry, path)
            if found is UNKNOWN:
                return None
            if found is None:  # fields of an entry have a default, keys of maps have none and equal nothing
                return not any(path[: len(free)] == free for free in _WITHOUT_DEFAULTS) and test_default()
            return any(map(test, found)) if isinstance(found, list) else test(found)

        def test_default() -> bool:
            return path[0] not in ("timestamp", "receiveTimestamp") and test("")

        return Predicate(wanted, bounds_of(path, mark, token.value))

    def _function(self, name: Token) -> Predicate:
        self._take()
        given = []
        while not self._takes(")"):
            token = self._take()
            if token.kind not in (Kind.NAME, Kind.QUOTED):
                raise _invalid(token)
            given.append(token)
            if not self._takes(",") and not self._next.is_mark(")"):
                raise _invalid(self._next)
        match name.text.lower(), given:
            case "log_id", [log]:
                ending = "/logs/" + quote(log.value, safe="", errors="replace")
                return Predicate(lambda entry: _known(entry.get("logName"), lambda value: value.endswith(ending)))
            case "search", [text]:
                return _words(None, text.value)
            case "search", [field, text]:
                return _words(path_of(field), text.value)
        raise InvalidArgument(
            f"Unparseable filter: no function {name.text[:100]!r} with {len(given)} arguments is emulated",
            field="filter",
        )


def _find(entry: Json, path: Sequence[str]) -> Json:
    """What ``path`` leads to; None if nothing, ``UNKNOWN`` if that is not known."""
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

    return Predicate(wanted)


def _somewhere(text: str) -> Predicate:
    return Predicate(lambda entry: None if _REST in entry else any(contains(value, text) for value in entry.values()))


def _words(path: Sequence[str] | None, text: str) -> Predicate:
    """All words of ``text``, in any order: ``SEARCH`` looks for tokens, not for a string."""
    words = text.casefold().split()

    def wanted(entry: Mapping[str, Json]) -> bool | None:
        found = entry if path is None else _find(entry, path)
        if found is UNKNOWN or _REST in entry:
            return None
        return found is not None and all(contains(found, word) for word in words)

    return Predicate(wanted)


def _not(wanted: Predicate) -> Predicate:
    def negated(entry: Mapping[str, Json]) -> bool | None:
        answer = wanted(entry)
        return None if answer is None else not answer

    return Predicate(negated)


def _all(parts: Sequence[Predicate]) -> Predicate:
    def wanted(entry: Mapping[str, Json]) -> bool | None:
        unknown = False
        for part in parts:
            answer = part(entry)
            if answer is False:
                return False
            unknown = unknown or answer is None
        return None if unknown else True

    return Predicate(wanted, functools.reduce(Bounds.both, (part.bounds for part in parts)))


def _any(parts: Sequence[Predicate]) -> Predicate:
    def wanted(entry: Mapping[str, Json]) -> bool | None:
        unknown = False
        for part in parts:
            answer = part(entry)
            if answer:
                return True
            unknown = unknown or answer is None
        return None if unknown else False

    return Predicate(wanted, functools.reduce(Bounds.either, (part.bounds for part in parts)))


def _invalid(token: Token) -> InvalidArgument:
    what = "end of filter" if token.kind is Kind.END else f"{token.text[:100]!r}"
    return InvalidArgument(
        f"Unparseable filter: syntax error at line {token.line}, column {token.column}, token {what}", field="filter"
    )
