"""Partial responses: the ``fields`` parameter of every JSON API.

Grammar: https://cloud.google.com/storage/docs/json_api#partial-response, for example
``items(name,owner/entity),nextPageToken`` or ``*``. Pure.
"""

import re
from collections import deque
from collections.abc import Mapping, Sequence

from cloud.errors import InvalidArgument
from cloud.resources import Json

Mask = Mapping[str, "Mask | None"]
"""By name, the mask of what is below; None selects all of it."""

_END = ""
_TOKEN = re.compile(r"\s*([A-Za-z0-9_.$-]+|[*(),/])\s*")


def parse_fields(text: str) -> Mask:
    """Raises:
    InvalidArgument: not the grammar.
    """
    tokens = deque([*_TOKEN.findall(text), _END])
    try:
        if _TOKEN.sub("", text):
            raise ValueError
        mask = _read_list(tokens)
        if tokens[0] != _END:
            raise ValueError
    except ValueError:
        raise InvalidArgument(f"Invalid field selection {text[:200]!r}", field="fields") from None
    return mask


def add_path(mask: dict[str, Json], path: Sequence[str], below: Mask | None = None) -> None:
    """Let ``mask`` also select ``below`` at ``path``, by default all that is there."""
    *above, last = path
    for name in above:
        mask = mask.setdefault(name, {})
        if mask is None:  # all of it is selected already
            return
    if below is None or mask.get(last, below) is None:
        mask[last] = None
        return
    for name, deeper in below.items():
        add_path(mask.setdefault(last, {}), [name], deeper)


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


def _read_list(tokens: deque[str]) -> Mask:
    mask: dict[str, Json] = {}
    while True:
        path, below = [_read_name(tokens)], None
        while tokens[0] == "/":
            tokens.popleft()
            path.append(_read_name(tokens))
        if tokens[0] == "(":
            tokens.popleft()
            below = _read_list(tokens)
            if tokens.popleft() != ")":
                raise ValueError
        add_path(mask, path, below)
        if tokens[0] != ",":
            return mask
        tokens.popleft()


def _read_name(tokens: deque[str]) -> str:
    name = tokens.popleft()
    if name in (*"(),/", _END):
        raise ValueError
    return name
