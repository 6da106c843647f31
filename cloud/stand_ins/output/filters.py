"""``--filter``: comparisons of plain fields with AND, OR, NOT and parentheses.

https://cloud.google.com/sdk/gcloud/reference/topic/filters.
"""

import re
from collections.abc import Callable
from typing import Any

from cloud.stand_ins.failures import Failure
from cloud.stand_ins.output.keys import parse_key

Test = Callable[[Any], bool]
_TOKEN = re.compile(
    r"\s*(?:(?P<paren>[()])|(?P<word>AND|OR|NOT)\b|(?P<minus>-)?(?P<key>[\w.@\[\]$-]+(?:\([^()]*\))?)\s*"
    r"(?P<op>!=|<=|>=|!~|=|<|>|~|:)\s*(?P<value>\([^()]*\)|\"[^\"]*\"|'[^']*'|[^\s()]*)|(?P<bare>[^\s()]+))"
)


def parse_filter(text: str) -> Test:
    """Raises:
    Failure: a form that the stand-in does not know.
    """
    return _Parser(text).parse()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [found for found in _TOKEN.finditer(text) if found.group().strip()]
        self._position = 0

    def parse(self) -> Test:
        if not self._tokens:
            return lambda _: True
        test = self._any()
        if self._position < len(self._tokens):
            raise self._wrong()
        return test

    def _wrong(self) -> Failure:
        return Failure(f"the stand-in of gcloud does not understand the filter [{self._text}]")

    def _peek(self, kind: str, value: str) -> bool:
        return self._position < len(self._tokens) and self._tokens[self._position][kind] == value

    def _any(self) -> Test:
        tests = [self._all()]
        while self._peek("word", "OR"):
            self._position += 1
            tests.append(self._all())
        return tests[0] if len(tests) == 1 else lambda item: any(test(item) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._position < len(self._tokens) and not self._peek("word", "OR") and not self._peek("paren", ")"):
            if self._peek("word", "AND"):
                self._position += 1
            tests.append(self._one())
        return lambda item: all(test(item) for test in tests)

    def _one(self) -> Test:
        if self._position >= len(self._tokens):
            raise self._wrong()
        token = self._tokens[self._position]
        self._position += 1
        if token["word"] == "NOT":
            inner = self._one()
            return lambda item: not inner(item)
        if token["paren"] == "(":
            inner = self._any()
            if not self._peek("paren", ")"):
                raise self._wrong()
            self._position += 1
            return inner
        if token["bare"]:
            word = token["bare"].strip("'\"")
            return lambda item: any(_holds(leaf, ":", word) for leaf in _leaves(item))
        if token["key"] is None:
            raise self._wrong()
        test = _comparison(token["key"], token["op"], token["value"])
        return (lambda item: not test(item)) if token["minus"] else test


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in _leaves(inner)]
    return [leaf for inner in value for leaf in _leaves(inner)] if isinstance(value, list) else [value]


def _comparison(key_text: str, operator: str, value: str) -> Test:
    key = parse_key(key_text)
    operands = [value[1:-1]] if value[:1] in "'\"" and value else [value]
    if value.startswith("("):
        operands = [part.strip("'\"") for part in re.split(r"[\s,]+", value[1:-1]) if part not in ("", "OR")]

    def test(item: Any) -> bool:
        found = key.value(item)
        values = found if isinstance(found, list) else [found]
        return any(_holds(each, operator, operand) for each in values for operand in operands)

    if operator in ("!=", "!~"):
        positive = _comparison(key_text, operator[1:], value)
        return lambda item: not positive(item)
    return test


def _holds(value: Any, operator: str, operand: str) -> bool:
    if operator == ":" and operand == "*":
        return value is not None
    if value is None:
        return False
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    if operator == "~":
        return re.search(operand, text) is not None
    if operator == "=":
        return text.lower() == operand.lower() or _numbers(text, operand, lambda a, b: a == b)
    if operator == ":":
        pattern = re.escape(operand).replace(r"\*", ".*")
        return re.search(rf"(?:^|\b){pattern}" + ("" if operand.endswith("*") else r"(?:\b|$)"), text, re.I) is not None
    order: dict[str, Callable[[Any, Any], bool]] = {
        "<": lambda a, b: a < b,
        "<=": lambda a, b: a <= b,
        ">": lambda a, b: a > b,
        ">=": lambda a, b: a >= b,
    }
    compare = order[operator]
    try:
        return compare(float(text), float(operand))
    except ValueError:
        return compare(text, operand)


def _numbers(one: str, other: str, compare: Callable[[float, float], bool]) -> bool:
    try:
        return compare(float(one), float(other))
    except ValueError:
        return False
