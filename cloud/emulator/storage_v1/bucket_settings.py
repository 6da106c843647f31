"""Fields of a bucket's resource that have no effect here: they are stored and returned. Pure."""

from collections.abc import Mapping
from typing import Any

from cloud.resources import Json

_FIELDS = ("autoclass", "cors", "customPlacementConfig", "lifecycle", "logging", "rpo", "softDeletePolicy", "website")


def settings_from_json(resource: Mapping[str, Any], current: Mapping[str, Json]) -> dict[str, Json]:
    """``current`` with the fields of ``resource`` merged into it; null removes a field."""
    return _merged(current, {name: resource[name] for name in _FIELDS if name in resource})


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
