"""JSON bodies of requests in the normal form that the discovery document gives their fields. Pure.

Unlike the APIs of the platform, Cloud Storage ignores fields that it does not know.
"""

import functools
from collections.abc import Mapping
from typing import Any

import orjson

from cloud.emulator.rest.discovery import load
from cloud.emulator.rest.scalars import SCALARS
from cloud.errors import InvalidArgument
from cloud.resources import Json

DOCUMENT = "storage.v1"
_TYPES: Mapping[str, tuple[type, str]] = {
    "object": (dict, "an object"),
    "array": (list, "a list"),
    "string": (str, "text"),
}
_CONVERTED = {"boolean": "true or false", "integer": "a number"}
"""What clients also write as text ("true", "3600"), as query parameters and command lines have it."""


def parse_body(body: bytes, schema: str) -> dict[str, Any]:
    """The message in ``body``, in which null stands for no value. An empty body is an empty message, and so is null,
    which Google's client for Go sends for an object that is not given (``Objects.Copy(…, nil)``). Booleans and numbers
    are in normal form: those of 64 bits are text, and so are those in a map of texts; no others are.

    Args:
        schema: its name in the discovery document.

    Raises:
        InvalidArgument: it is not JSON, or a field has another type than in ``schema``.
    """
    try:
        message: dict[str, Any] = orjson.loads(body) if body.strip() else {}
        message = {} if message is None else message
    except orjson.JSONDecodeError as error:
        raise InvalidArgument(f"Parse Error: {error}", field="body") from None
    normal: dict[str, Any] = _normal({"$ref": schema}, message, "")
    return normal


def is_empty(message: Mapping[str, Json], schema: str) -> bool:
    """Whether no field of ``schema`` has a value in a message from ``parse_body``: an empty list or map is none."""
    known = _schemas()[schema]["properties"]
    return not any(name in known and value not in (None, {}, []) for name, value in message.items())


def _normal(spec: Mapping[str, Any], value: Json, field: str) -> Json:
    spec = _schemas()[spec["$ref"]] if "$ref" in spec else spec
    kind = "integer" if "64" in spec.get("format", "") else spec["type"]
    if kind in _CONVERTED:
        _, convert = SCALARS[spec.get("format", kind)]
        converted, _ = convert(value)
        if converted is None:
            raise _wrong(_CONVERTED[kind], value, field)
        return converted
    type_, description = _TYPES[kind]
    if not isinstance(value, type_):
        raise _wrong(description, value, field)
    if isinstance(value, list):
        return [_normal(spec["items"], item, field) for item in value]
    if isinstance(value, dict):
        return {name: _below(spec, name, item, f"{field}.{name}" if field else name) for name, item in value.items()}
    return value


def _below(spec: Mapping[str, Any], name: str, item: Json, field: str) -> Json:
    below = spec.get("properties", {}).get(name) or spec.get("additionalProperties")
    if below and name not in spec.get("properties", {}) and below.get("type") == "string":
        # In a map of texts, such as an object's metadata, programs in JavaScript write numbers (tus: {"offset": 0}).
        item = orjson.dumps(item).decode() if isinstance(item, int | float) else item
    return _normal(below, item, field) if below and item is not None else item


def _wrong(description: str, value: Json, field: str) -> InvalidArgument:
    return InvalidArgument(f"{description} is expected, not {str(value)[:100]!r}", field=field or "body")


@functools.cache
def _schemas() -> Mapping[str, Json]:
    schemas: Mapping[str, Json] = orjson.loads(load(DOCUMENT).content)["schemas"]
    return schemas
