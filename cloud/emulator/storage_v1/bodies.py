"""JSON bodies of requests, and the types that the discovery document gives their fields. Pure.

Unlike the APIs of the platform, Cloud Storage ignores fields that it does not know.
"""

import functools
from collections.abc import Mapping
from typing import Any

import orjson

from cloud.emulator.rest.discovery import load
from cloud.errors import InvalidArgument
from cloud.resources import Json

DOCUMENT = "storage.v1"
_TYPES: Mapping[str, tuple[type | tuple[type, ...], str]] = {
    "object": (dict, "an object"),
    "array": (list, "a list"),
    "string": (str, "text"),
    "boolean": (bool, "true or false"),
    "integer": ((int, float, str), "a number"),
}


def parse_body(body: bytes, schema: str) -> dict[str, Any]:
    """The message in ``body``, in which null stands for no value; an empty body is an empty message.

    Args:
        schema: its name in the discovery document.

    Raises:
        InvalidArgument: it is not JSON, or a field has another type than in ``schema``.
    """
    try:
        message: dict[str, Any] = orjson.loads(body) if body.strip() else {}
    except orjson.JSONDecodeError as error:
        raise InvalidArgument(f"Parse Error: {error}", field="body") from None
    _check({"$ref": schema}, message, "")
    return message


def _check(spec: Mapping[str, Any], value: Json, field: str) -> None:
    spec = _schemas()[spec["$ref"]] if "$ref" in spec else spec
    # Numbers of 64 bits are written as text.
    types, description = _TYPES["integer" if "64" in spec.get("format", "") else spec["type"]]
    if not isinstance(value, types):
        raise InvalidArgument(f"{description} is expected, not {str(value)[:100]!r}", field=field or "body")
    if isinstance(value, list):
        for item in value:
            _check(spec["items"], item, field)
    elif isinstance(value, dict):
        for name, item in value.items():
            below = spec.get("properties", {}).get(name) or spec.get("additionalProperties")
            if below and item is not None:
                _check(below, item, f"{field}.{name}" if field else name)


@functools.cache
def _schemas() -> Mapping[str, Json]:
    schemas: Mapping[str, Json] = orjson.loads(load(DOCUMENT).content)["schemas"]
    return schemas
