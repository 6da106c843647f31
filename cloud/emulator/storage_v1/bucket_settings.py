"""What a bucket's resource says that has no effect here: checked for its form, kept and given back. Pure.

Fields: discovery document ``storage.v1``, schema ``Bucket``.
"""

from collections.abc import Mapping
from typing import Any

from cloud.errors import InvalidArgument
from cloud.resources import Json

_OBJECTS = ("autoclass", "customPlacementConfig", "lifecycle", "logging", "softDeletePolicy", "website")
_FORMS: dict[str, tuple[type[object], str]] = {
    **dict.fromkeys(_OBJECTS, (dict, "an object")),
    "cors": (list, "a list"),
    "rpo": (str, "text"),
}


def settings_from_json(resource: Mapping[str, Any], current: Mapping[str, Json]) -> dict[str, Json]:
    """``current`` with what ``resource`` says; null removes.

    Raises:
        InvalidArgument: something does not have its form.
    """
    given = {name: resource[name] for name in _FORMS if name in resource}
    for name, value in given.items():
        kind, form = _FORMS[name]
        if value is not None and not isinstance(value, kind):
            raise InvalidArgument(f"{form} is expected, not {str(value)[:100]!r}", field=name)
    return _merged(current, given)


def _merged(current: Mapping[str, Json], given: Mapping[str, Json]) -> dict[str, Json]:
    """As a patch of JSON is meant (RFC 7396)."""
    merged = dict(current)
    for name, value in given.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            held = merged.get(name)
            merged[name] = _merged(held if isinstance(held, dict) else {}, value)
        else:
            merged[name] = value
    return merged
