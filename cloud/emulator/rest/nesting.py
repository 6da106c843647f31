"""How deep the JSON of a request may be nested. Pure.

Limit and text: ``JsonStreamParser`` of the public transcoding library of Google's API front ends
(https://github.com/protocolbuffers/protobuf/blob/v21.0/src/google/protobuf/util/internal/json_stream_parser.cc).
Deeper values could be stored and never be sent again: the encoder of responses stops at 254, and where the standard
library's stops depends on the version of Python.
"""

from collections.abc import Iterable

from cloud.errors import InvalidArgument
from cloud.resources import Json

MAX_DEPTH = 100
"""Lists and objects within each other, the outermost among them."""
_CONTAINERS = frozenset({list, dict})


def check_nesting(content: bytes, value: Json) -> None:
    """Check ``value``, which was read from ``content``.

    Raises:
        InvalidArgument: it is nested more than ``MAX_DEPTH`` deep.
    """
    # Counting is fast, and enough for most requests.
    if content.count(b"[") + content.count(b"{") <= MAX_DEPTH:
        return
    level = [("", value)] if type(value) in _CONTAINERS else []
    for _ in range(MAX_DEPTH):
        level = [found for key, outer in level for found in _inside(key, outer)]
        if not level:
            return
    raise InvalidArgument(
        f"Invalid JSON payload received. Message too deep. Max recursion depth reached for key '{level[0][0][:200]}'"
    )


def _inside(key: str, outer: Json) -> Iterable[tuple[str, Json]]:
    """The lists and objects directly inside ``outer``, each with the key it stands under."""
    items = outer.values() if type(outer) is dict else outer
    # A list of a million numbers is dismissed without a step of Python for each.
    if _CONTAINERS.isdisjoint(map(type, items)):
        return ()
    pairs = outer.items() if type(outer) is dict else ((key, item) for item in outer)
    return [(name, item) for name, item in pairs if type(item) in _CONTAINERS]
