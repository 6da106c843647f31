"""Filters of lists (https://google.aip.dev/160) and of log entries, which are in the same language: text to a syntax
tree, and a tree to a predicate once a leaf has one. Pure.

AND, OR and NOT in capital letters; juxtaposition is AND; OR binds tighter than AND; NOT and ``-`` negate.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cloud.emulator.rest.filter_tokens import Kind, Token, tokens_of
from cloud.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Comparison:
    """``state:FAILED``. Of ``severity=(ERROR OR ALERT)`` the tree has two."""

    field: Token
    operator: str
    value: Token


@dataclass(frozen=True, slots=True)
class Text:
    """A word or string without a field."""

    token: Token


@dataclass(frozen=True, slots=True)
class Function:
    """``log_id("stdout")``."""

    name: Token
    arguments: Sequence[Token]


Leaf = Comparison | Text | Function


@dataclass(frozen=True, slots=True)
class Not:
    of: "Tree"


@dataclass(frozen=True, slots=True)
class And:
    parts: Sequence["Tree"]
    """None at all is true."""


@dataclass(frozen=True, slots=True)
class Or:
    parts: Sequence["Tree"]


Tree = Leaf | Not | And | Or
T = TypeVar("T")
Predicate = Callable[[T], bool | None]
"""Whether something matches; None if that depends on parts that are not known."""


def parse(text: str, *, longest: int, deepest: int) -> Tree:
    """
    Args:
        longest: characters of a filter.
        deepest: parentheses and negations inside each other.

    Raises:
        InvalidArgument: not the language.
    """
    if len(text) > longest:
        raise InvalidArgument(f"a filter has at most {longest} characters, this one {len(text)}", field="filter")
    return _Parser(tokens_of(text), deepest).parse()


def predicate(tree: Tree, of_leaf: Callable[[Leaf], Predicate[T]]) -> Predicate[T]:
    """Evaluates ``tree``, given a predicate for each leaf."""
    match tree:
        case Not(of):
            inner = predicate(of, of_leaf)
            return lambda thing: None if (found := inner(thing)) is None else not found
        case And(parts) | Or(parts):
            predicates = [predicate(part, of_leaf) for part in parts]
            deciding = isinstance(tree, Or)  # one part with this result decides
        case _:
            return of_leaf(tree)

    def joined(thing: T) -> bool | None:
        is_unknown = False
        for part in predicates:
            found = part(thing)
            if found is deciding:
                return deciding
            is_unknown = is_unknown or found is None
        return None if is_unknown else not deciding

    return joined


def invalid(token: Token) -> InvalidArgument:
    """The error of a word that is not expected where it is."""
    what = "end of filter" if token.kind is Kind.END else f"{token.text[:100]!r}"
    return InvalidArgument(
        f"Unparseable filter: syntax error at line {token.line}, column {token.column}, token {what}", field="filter"
    )


class _Parser:
    def __init__(self, tokens: Sequence[Token], deepest: int) -> None:
        self._tokens, self._deepest = tokens, deepest
        self._at = self._depth = 0

    def parse(self) -> Tree:
        if self._has_ended():
            return And(())
        tree = self._conjunction(self._term)
        if not self._has_ended():
            raise invalid(self._next)
        return tree

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

    def _conjunction(self, part: Callable[[], Tree]) -> Tree:
        parts = [self._disjunction(part)]
        while self._takes("AND") or not (self._has_ended() or self._next.is_mark(")")):
            parts.append(self._disjunction(part))
        return parts[0] if len(parts) == 1 else And(parts)

    def _disjunction(self, part: Callable[[], Tree]) -> Tree:
        parts = [self._negation(part)]
        while self._takes("OR"):
            parts.append(self._negation(part))
        return parts[0] if len(parts) == 1 else Or(parts)

    def _negation(self, part: Callable[[], Tree]) -> Tree:
        self._depth += 1
        if self._depth > self._deepest:
            raise InvalidArgument("Unparseable filter: it is nested too deeply", field="filter")
        try:
            if self._takes("NOT", "-"):
                return Not(self._negation(part))
            if self._takes("("):
                inner = self._conjunction(part)
                if not self._takes(")"):
                    raise invalid(self._next)
                return inner
            return part()
        finally:
            self._depth -= 1

    def _term(self) -> Tree:
        token = self._take()
        if token.kind is Kind.NAME and self._next.is_mark("(") and self._next.follows_at_once:
            return self._function(token)
        is_joint = token.kind is Kind.NAME and token.text in ("AND", "OR")
        if token.kind not in (Kind.NAME, Kind.QUOTED) or is_joint:
            raise invalid(token)
        if self._next.kind is not Kind.COMPARISON:
            return Text(token)
        operator = self._take().text

        def value() -> Tree:
            found = self._take()
            if found.kind not in (Kind.NAME, Kind.QUOTED):
                raise invalid(found)
            return Comparison(token, operator, found)

        return self._negation(value) if self._next.is_mark("(") else value()

    def _function(self, name: Token) -> Tree:
        self._take()
        given = []
        while not self._takes(")"):
            token = self._take()
            if token.kind not in (Kind.NAME, Kind.QUOTED):
                raise invalid(token)
            given.append(token)
            if not self._takes(",") and not self._next.is_mark(")"):
                raise invalid(self._next)
        return Function(name, given)
