"""Specifications of jobs as JSON, each with the name of its kind. Pure."""

import types
from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from cloud.engine.restore import restore, restore_uri
from cloud.names import GsUri
from cloud.resources import JobSpec, Json, TrainingSpec

S = TypeVar("S", bound=JobSpec)
KINDS: Mapping[str, type[JobSpec]] = {"training": TrainingSpec}
"""What there can be jobs of, by the name in their record. A published name is never changed."""


def kind_of(spec: JobSpec, kinds: Mapping[str, type[JobSpec]] = KINDS) -> str | None:
    """The name of the specification's kind; None if there are no such jobs."""
    return next((name for name, kind in kinds.items() if type(spec) is kind), None)


def spec_to_json(spec: JobSpec) -> dict[str, Json]:
    """Inverse of ``spec_from_json``."""
    return {field.name: _plain(getattr(spec, field.name)) for field in fields(spec)}


def spec_from_json(kind: type[S], record: Mapping[str, Json]) -> S:
    """The specification as it was written, whatever rules there are for new ones today."""
    hints = _hints(cast("type", kind))
    return restore(kind, {name: _read(hint, record[name]) for name, hint in hints.items() if name in record})


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)  # which evaluates every annotation anew


def _plain(value: Any) -> Json:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, GsUri):
        return str(value)
    return dict(value) if isinstance(value, Mapping) else value


def _read(hint: Any, value: Json) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        (hint,) = (argument for argument in arguments if argument is not type(None))
        return _read(hint, value)
    if origin is tuple:
        return tuple(_read(arguments[0], item) for item in value)
    if hint is GsUri:
        return restore_uri(value)
    return hint(value) if isinstance(hint, type) and issubclass(hint, StrEnum) else value
