"""Partial responses: the ``fields`` parameter of every JSON API.

Grammar: https://cloud.google.com/storage/docs/json_api#partial-response, for example
``items(name,owner/entity),nextPageToken`` or ``*``. Pure.
"""

import re
from collections.abc import Mapping

from cloud.errors import InvalidArgument
from cloud.resources import Json

Mask = Mapping[str, "Mask | None"]
"""By name, the mask of what is below; None selects all of it."""

_TOKEN = re.compile(r"\s*([A-Za-z0-9_.$-]+|[*(),/])\s*")


def parse_fields(text: str) -> Mask:
    """Raises:
    InvalidArgument: not the grammar.
    """
    tokens = _tokens(text)
    mask, rest = _list(tokens, text)
    if rest:
        raise _invalid(text)
    return mask


def apply_fields(mask: Mask, value: Json) -> Json:
    """What ``mask`` selects of ``value``, or of each item of a list."""
    if isinstance(value, list):
        return [apply_fields(mask, item) for item in value]
    if not isinstance(value, dict):
        return value
    everything = mask.get("*", mask)
    chosen = {}
    for name, inner in value.items():
        if name in mask:
            below = mask[name]
        elif "*" in mask:
            below = everything
        else:
            continue
        chosen[name] = inner if below is None else apply_fields(below, inner)
    return chosen


def _tokens(text: str) -> list[str]:
    tokens, position = [], 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _invalid(text)
        tokens.append(match[1])
        position = match.end()
    return tokens


def _list(tokens: list[str], text: str) -> tuple[dict[str, Mask | None], list[str]]:
    mask: dict[str, Mask | None] = {}
    while True:
        path: list[str] = []
        while True:
            if not tokens or tokens[0] in "(),/":
                raise _invalid(text)
            path.append(tokens[0])
            tokens = tokens[1:]
            if tokens[:1] != ["/"]:
                break
            tokens = tokens[1:]
        below: Mask | None = None
        if tokens[:1] == ["("]:
            below, tokens = _list(tokens[1:], text)
            if tokens[:1] != [")"]:
                raise _invalid(text)
            tokens = tokens[1:]
        for name in reversed(path[1:]):
            below = {name: below}
        mask[path[0]] = _merge(mask[path[0]], below) if path[0] in mask else below
        if tokens[:1] != [","]:
            return mask, tokens
        tokens = tokens[1:]


def _merge(one: Mask | None, other: Mask | None) -> Mask | None:
    if one is None or other is None:
        return None
    merged = dict(one)
    for name, below in other.items():
        merged[name] = _merge(merged[name], below) if name in merged else below
    return merged


def _invalid(text: str) -> InvalidArgument:
    return InvalidArgument(f"Invalid field selection {text[:200]!r}", field="fields")
