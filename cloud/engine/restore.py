"""Value objects from stored records, made without the checks of new ones.

A check that is stricter now than when a record was written must not make the record unreadable.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from cloud.names import GsUri

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


def restore(kind: type[T], values: Mapping[str, Any]) -> T:
    """An instance of the frozen dataclass ``kind``, made without ``__post_init__``.

    Fields that ``values`` lacks get their default; names that are no fields are ignored.

    Raises:
        KeyError: a field without a default is missing.
    """
    made = object.__new__(kind)
    for name, default, make_default in _fields(kind):
        if name in values:
            value = values[name]
        elif default is not MISSING:
            value = default
        elif make_default is not MISSING:
            value = make_default()
        else:
            raise KeyError(name)
        object.__setattr__(made, name, value)
    return made


@cache
def _fields(kind: Any) -> list[tuple[str, Any, Any]]:
    """Name, default and factory of the default."""
    return [(field.name, field.default, field.default_factory) for field in fields(kind)]


def restore_uri(text: str) -> GsUri:
    """Inverse of ``str(GsUri)`` for any bucket name."""
    bucket, _, path = text.removeprefix("gs://").partition("/")
    return restore(GsUri, {"bucket": bucket, "path": path})
