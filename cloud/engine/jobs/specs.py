"""Job specifications to and from JSON. Pure."""

import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from cloud.engine.restore import restore, restore_uri
from cloud.names import GsUri
from cloud.resources import JobSpec, Json, TrainingSpec
from cloud.resources.batch_prediction import BatchPredictionSpec
from cloud.resources.tuning import TuningSpec

T = TypeVar("T")
S = TypeVar("S", bound=JobSpec)
KINDS: Mapping[str, type[JobSpec]] = {
    "training": TrainingSpec,
    "tuning": TuningSpec,
    "batch_prediction": BatchPredictionSpec,
}
"""The kinds of jobs, by their name in the records. A published name is never changed."""


def kind_of(spec: JobSpec, kinds: Mapping[str, type[JobSpec]] = KINDS) -> str | None:
    """The name of the specification's kind; None if it is not one of ``kinds``."""
    return next((name for name, kind in kinds.items() if type(spec) is kind), None)


def spec_to_json(spec: JobSpec) -> dict[str, Json]:
    """Inverse of ``spec_from_json``."""
    return {field.name: _plain(getattr(spec, field.name)) for field in fields(spec)}


def spec_from_json(kind: type[S], record: Mapping[str, Json]) -> S:
    """The specification as it was written, without the checks of new ones."""
    return _restore(kind, record)


def _restore(kind: type[T], record: Mapping[str, Json]) -> T:
    readers = _readers(cast("type", kind))
    values = dict(record)
    for name, read in readers.items():
        if name in values:
            values[name] = read(values[name])
    return restore(kind, values)  # type: ignore[type-var]


@cache
def _readers(kind: type) -> dict[str, Callable[[Json], Any]]:
    """Converters from JSON, for the fields that need one."""
    found = {name: _reader(hint) for name, hint in get_type_hints(kind).items()}
    return {name: read for name, read in found.items() if read is not None}


def _plain(value: Any) -> Json:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, GsUri):
        return str(value)
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return dict(value) if isinstance(value, Mapping) else value


def _reader(hint: Any) -> Callable[[Json], Any] | None:
    """Converts from JSON to the type ``hint``; None if no conversion is needed."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        inner = [argument for argument in arguments if argument is not type(None)]
        read = _reader(inner[0]) if len(inner) == 1 else None  # several: they are as JSON has them
        return read and (lambda value: None if value is None else read(value))
    if origin is tuple:
        item = _reader(arguments[0])
        return (lambda value: tuple(map(item, value))) if item else tuple
    if hint is GsUri:
        return restore_uri
    if is_dataclass(hint):
        return lambda value: _restore(cast("type", hint), value)
    return hint if isinstance(hint, type) and issubclass(hint, StrEnum) else None
