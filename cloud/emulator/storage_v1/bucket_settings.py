"""Fields of a bucket's resource that have no effect here: their types are checked, they are stored and returned. Pure.

Fields: discovery document ``storage.v1``, schema ``Bucket``.
"""

from collections.abc import Mapping
from typing import Any

from cloud.errors import InvalidArgument
from cloud.resources import Json

_OBJECTS = ("autoclass", "customPlacementConfig", "lifecycle", "logging", "softDeletePolicy", "website")
_TYPES: dict[str, tuple[type[object], str]] = {
    **dict.fromkeys(_OBJECTS, (dict, "an object")),
    "cors": (list, "a list"),
    "rpo": (str, "text"),
}


def settings_from_json(resource: Mapping[str, Any], current: Mapping[str, Json]) -> dict[str, Json]:
    """``current`` with the fields of ``resource`` merged into it; null removes a field.

    Raises:
        InvalidArgument: a field has the wrong type.
    """
    given = {name: resource[name] for name in _TYPES if name in resource}
    for name, value in given.items():
        kind, description = _TYPES[name]
        if value is not None and not isinstance(value, kind):
            raise InvalidArgument(f"{description} is expected, not {str(value)[:100]!r}", field=name)
    return _merged(current, given)


def _merged(current: Mapping[str, Json], given: Mapping[str, Json]) -> dict[str, Json]:
    """By JSON Merge Patch (RFC 7396)."""
    merged = dict(current)
    for name, value in given.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            before = merged.get(name)
            merged[name] = _merged(before if isinstance(before, dict) else {}, value)
        else:
            merged[name] = value
    return merged
