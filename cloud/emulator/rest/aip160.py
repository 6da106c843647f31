"""The ``filter`` of a list: ``jobId:rnn* AND state:FAILED``. Pure.

Published are the two examples in the discovery document ``ml.v1`` (method ``ml.projects.jobs.list``); the rest is
https://google.aip.dev/160. ``:`` and ``=`` compare for equality, with ``*`` in the value as a wildcard; a list or a map
has a value if one of its items has. Numbers and times compare by size.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from cloud.emulator.rest.filter_tokens import Kind
from cloud.emulator.rest.filters import And, Comparison, Leaf, Or, Tree, invalid, parse, predicate
from cloud.errors import InvalidArgument
from cloud.resources import Json

Find = Callable[[str], Sequence[str] | None]
"""The names on the way to a field in what is listed, None where there is no such field."""

_LONGEST, _DEEPEST = 2000, 20
_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\d(T|$)", re.ASCII)


class ListFilter:
    """Whether a resource matches.

    Raises:
        InvalidArgument: not the grammar, or a field that a resource does not have.
    """

    def __init__(self, text: str, find: Find) -> None:
        self.text = text.strip()
        self._tree = parse(text, longest=_LONGEST, deepest=_DEEPEST)
        self._wanted = predicate(self._tree, lambda leaf: _of_leaf(leaf, find))

    def __call__(self, item: Json) -> bool:
        return bool(self._wanted(item))

    def values_of(self, field: str) -> set[str] | None:
        """The only values of ``field`` that can match; None if the filter does not limit them."""
        return _values_of(self._tree, field)


def _values_of(tree: Tree, field: str) -> set[str] | None:
    match tree:
        case Comparison(name, ":" | "=", value) if name.text == field and "*" not in value.value:
            return {value.value}
        case And(parts):
            known = [found for part in parts if (found := _values_of(part, field)) is not None]
            return set.intersection(*known) if known else None
        case Or(parts):
            each = [_values_of(part, field) for part in parts]
            return None if None in each else set().union(*(found for found in each if found))
    return None


def _of_leaf(leaf: Leaf, find: Find) -> Callable[[Json], bool]:
    match leaf:
        case Comparison(name, mark, value) if name.kind is Kind.NAME and mark in _OPERATORS:
            path = find(name.text)
            if path is None:
                raise InvalidArgument(
                    f"Unparseable filter: {name.text[:100]!r} is no field of what is listed.", field="filter"
                )
            compare = _comparison(mark, value.value)
            if mark == "!=":
                return lambda item: not any(compare(found) for found in _values(item, path))
            return lambda item: any(compare(found) for found in _values(item, path))
        case Comparison(name):
            raise invalid(name)
        case _:
            raise invalid(leaf.token if hasattr(leaf, "token") else leaf.name)


def _comparison(mark: str, wanted: str) -> Callable[[str], bool]:
    if mark in (":", "=", "!="):
        pattern = ".*".join(re.escape(part) for part in wanted.split("*"))
        expression = re.compile(pattern, re.DOTALL)
        return lambda found: expression.fullmatch(found) is not None
    compare = _ORDER[mark]

    def by_size(found: str) -> bool:
        if _NUMBER.fullmatch(found) and _NUMBER.fullmatch(wanted):
            return bool(compare(float(found), float(wanted)))
        moments = _moment(found), _moment(wanted)
        return bool(compare(found, wanted) if None in moments else compare(*moments))

    return by_size


def _moment(text: str) -> datetime | None:
    """Of a time or date in the form of RFC 3339, in UTC if it has no offset; None for anything else."""
    try:
        moment = datetime.fromisoformat(text) if _TIME.match(text) else None
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


_ORDER: Mapping[str, Callable[[Json, Json], Json]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
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


_OPERATORS = frozenset({":", "=", "!=", *_ORDER})
