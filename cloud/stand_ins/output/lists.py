"""``--flatten``, ``--filter``, ``--sort-by`` and ``--limit``, in this order."""

import argparse
from collections.abc import Iterator
from typing import Any

from cloud.stand_ins.output.filters import parse_filter
from cloud.stand_ins.output.keys import parse_key


def select(found: Any, flags: argparse.Namespace) -> list[Any]:
    """What is shown of the result of a command; one resource is a list of one."""
    items = found if isinstance(found, list) else [found]
    for part in (flags.flatten or "").split(","):
        if part:
            path = tuple(name for name in parse_key(part).path if isinstance(name, str))
            items = [flat for item in items for flat in _flatten(item, path)]
    if getattr(flags, "uri", False):
        return []
    if text := getattr(flags, "filter", None):
        test = parse_filter(text)
        items = [item for item in items if test(item)]
    for part in reversed((getattr(flags, "sort_by", None) or "").split(",")):
        text = part.strip()
        if text:
            key = parse_key(text.lstrip("~-"))
            items = _sorted(items, key, is_reversed=text[0] in "~-")
    limit = getattr(flags, "limit", None)
    return items if limit is None else items[:limit]


def _sorted(items: list[Any], key: Any, *, is_reversed: bool) -> list[Any]:
    return sorted(items, key=lambda item: _order(key.value(item)), reverse=is_reversed)


def _order(value: Any) -> tuple[bool, bool, Any]:
    is_number = isinstance(value, int | float)
    return value is not None, not is_number, value if is_number else str(value)


def _flatten(item: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """One item for each element of the lists on the path, in whose place it has the element."""
    if not path or not isinstance(item, dict) or path[0] not in item:
        yield item
        return
    head, *rest = path
    values = item[head] if isinstance(item[head], list) else [item[head]]
    for value in values:
        for inner in _flatten(value, tuple(rest)):
            yield {**item, head: inner}
