"""The ``filter`` of a list: ``jobId:rnn* AND state:FAILED``. Pure.

Published are the two examples in the discovery document ``ml.v1`` (method ``ml.projects.jobs.list``); the rest of the
grammar is that of https://google.aip.dev/160: juxtaposition is AND, OR binds tighter than AND, NOT and ``-`` negate.
``:`` and ``=`` compare for equality, with ``*`` in the value as a wildcard; a list or a map has a value if one of its
items has. Numbers and times compare by size.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cloud.errors import InvalidArgument
from cloud.resources import Json

Predicate = Callable[[Json], bool]
"""Whether a resource is wanted."""

_LONGEST = 2000
"""Characters of a filter."""
_DEEPEST = 20
"""Parentheses and negations inside each other."""
_TOKEN = re.compile(
    r"""\s*(?:(?P<mark><=|>=|!=|[()=:<>])|(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<word>[^\s()=:<>!"']+))""",
    re.DOTALL,
)
_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\d(T|$)", re.ASCII)


def parse_filter(text: str, find: Callable[[str], Sequence[str] | None]) -> Predicate:
    """
    Args:
        find: the names on the way to a field in what is listed, None where there is no such field.

    Raises:
    InvalidArgument: not the grammar, or a field that a resource does not have.
    """
    if not text.strip():
        return lambda _: True
    if len(text) > _LONGEST:
        raise InvalidArgument(f"a filter has at most {_LONGEST} characters, this one {len(text)}", field="filter")
    return _Parser(text, find).parse()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


class _Parser:
    def __init__(self, text: str, find: Callable[[str], Sequence[str] | None]) -> None:
        self._text, self._find = text, find
        self._tokens = self._split(text)
        self._depth = 0

    def parse(self) -> Predicate:
        predicate = self._conjunction()
        if self._tokens:
            raise self._invalid(f"{self._tokens[0].text!r} is not expected")
        return predicate

    def _split(self, text: str) -> list[_Token]:
        tokens, position = [], 0
        while text[position:].strip():
            match = _TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                raise self._invalid(f"{text[position:].strip()[:20]!r} cannot be read")
            tokens.append(_Token(match.lastgroup, match[match.lastgroup]))
            position = match.end()
        return tokens

    def _conjunction(self) -> Predicate:
        parts = [self._disjunction()]
        while self._tokens and self._tokens[0].text != ")":
            if self._is_word("AND"):
                self._tokens.pop(0)
            parts.append(self._disjunction())
        return lambda item: all(part(item) for part in parts)

    def _disjunction(self) -> Predicate:
        parts = [self._factor()]
        while self._is_word("OR"):
            self._tokens.pop(0)
            parts.append(self._factor())
        return lambda item: any(part(item) for part in parts)

    def _factor(self) -> Predicate:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._invalid(f"it is nested deeper than {_DEEPEST}")
        try:
            if self._is_word("NOT"):
                self._tokens.pop(0)
                inner = self._factor()
                return lambda item: not inner(item)
            token = self._next("a field")
            if token.text == "(" and token.kind == "mark":
                inner = self._conjunction()
                if self._next("a closing parenthesis").text != ")":
                    raise self._invalid("a closing parenthesis is missing")
                return inner
            if token.kind == "word" and token.text.startswith("-"):
                self._tokens.insert(0, _Token("word", token.text[1:]))
                inner = self._comparison(self._next("a field"))
                return lambda item: not inner(item)
            return self._comparison(token)
        finally:
            self._depth -= 1

    def _comparison(self, token: _Token) -> Predicate:
        path = self._find(token.text) if token.kind == "word" else None
        if path is None:
            raise self._invalid(f"{token.text!r} is no field of what is listed")
        operator = self._next("an operator")
        if operator.kind != "mark" or operator.text in "()":
            raise self._invalid(f"{operator.text!r} is no operator")
        value = self._next("a value")
        if value.kind == "mark":
            raise self._invalid(f"{value.text!r} is no value")
        wanted = value.text
        while value.kind == "word" and self._tokens and self._tokens[0].text == ":":
            # A time has colons: createTime>2018-08-29T13:25:01Z.
            self._tokens.pop(0)
            wanted += ":" + self._next("a value").text
        compare = _comparison(operator.text, _unquoted(wanted) if value.kind == "quoted" else wanted)
        if operator.text == "!=":
            equal = _comparison("=", _unquoted(wanted) if value.kind == "quoted" else wanted)
            return lambda item: not any(equal(found) for found in _values(item, path))
        return lambda item: any(compare(found) for found in _values(item, path))

    def _is_word(self, word: str) -> bool:
        return bool(self._tokens) and self._tokens[0] == _Token("word", word)

    def _next(self, wanted: str) -> _Token:
        if not self._tokens:
            raise self._invalid(f"{wanted} is missing at its end")
        return self._tokens.pop(0)

    def _invalid(self, why: str) -> InvalidArgument:
        return InvalidArgument(f"Invalid list filter {self._text[:200]!r}: {why}.", field="filter")


def _comparison(operator: str, wanted: str) -> Callable[[str], bool]:
    if operator in (":", "=", "!="):
        pattern = ".*".join(re.escape(part) for part in wanted.split("*"))
        expression = re.compile(pattern, re.DOTALL)
        return lambda found: expression.fullmatch(found) is not None
    compare = _ORDER[operator]

    def by_size(found: str) -> bool:
        if _NUMBER.fullmatch(found) and _NUMBER.fullmatch(wanted):
            return compare(float(found), float(wanted))
        moments = _moment(found), _moment(wanted)
        return compare(found, wanted) if None in moments else compare(*moments)

    return by_size


def _moment(text: str) -> datetime | None:
    """Of a time or date in the form of RFC 3339, which is in UTC unless it says otherwise; None for anything else."""
    try:
        moment = datetime.fromisoformat(text) if _TIME.match(text) else None
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


_ORDER: Mapping[str, Callable[[Json, Json], bool]] = {
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}


def _values(item: Json, path: Sequence[str]) -> list[str]:
    """What is found at ``path``, as text; a map without a path below it gives its keys."""
    if isinstance(item, list):
        return [value for part in item for value in _values(part, path)]
    if path:
        below = item.get(path[0]) if isinstance(item, dict) else None
        return [] if below is None else _values(below, path[1:])
    if isinstance(item, dict):
        return list(item)
    return [str(item).lower() if isinstance(item, bool) else str(item)]


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
