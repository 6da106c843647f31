"""The rules of a bucket's lifecycle in JSON. Pure.

Schema: discovery document ``storage.v1``; rules: https://cloud.google.com/storage/docs/lifecycle.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from cloud.emulator.storage_v1.times import date_from_json
from cloud.engine.storage.lifecycle import CLASSES_BY_COST, LifecycleAction, LifecycleRule
from cloud.errors import InvalidArgument

_FIELD = "lifecycle.rule"
_MAX_RULES = 100
_MAX_AFFIXES = 1000
_MAX_AFFIX = 1024
_MOST_DAYS = (1 << 31) - 1
_CLASSES = frozenset({*CLASSES_BY_COST, "MULTI_REGIONAL", "REGIONAL", "DURABLE_REDUCED_AVAILABILITY"})


def _days(value: Any, field: str) -> int:
    text = str(value)
    if not re.fullmatch(r"-?[0-9]{1,10}", text) or (days := int(text)) > _MOST_DAYS:
        raise InvalidArgument(f"Invalid value for: {text[:100]!r} is not a whole number of 32 bits", field=field)
    if days < 0:
        raise InvalidArgument(f"Invalid value for: {days} must not be negative", field=field)
    return days


def _flag(value: Any, _field: str) -> bool:
    return bool(value)


def _classes(value: Any, field: str) -> tuple[str, ...]:
    for name in value:
        if name not in _CLASSES:
            raise InvalidArgument(f"Invalid value for: {name!r} is not a valid value", field=field)
    return tuple(value)


def _affixes(value: Any, field: str) -> tuple[str, ...]:
    for text in value:
        if not text or len(text.encode()) > _MAX_AFFIX:
            raise InvalidArgument(
                f"Invalid value for: {text[:100]!r} has {len(text.encode())} bytes, not 1 to {_MAX_AFFIX}", field=field
            )
    return tuple(value)


_CONDITIONS: Mapping[str, tuple[str, Callable[[Any, str], Any]]] = {
    "age": ("age", _days),
    "createdBefore": ("created_before", date_from_json),
    "customTimeBefore": ("custom_time_before", date_from_json),
    "daysSinceCustomTime": ("days_since_custom_time", _days),
    "daysSinceNoncurrentTime": ("days_since_noncurrent", _days),
    "isLive": ("is_live", _flag),
    "matchesPrefix": ("prefixes", _affixes),
    "matchesStorageClass": ("storage_classes", _classes),
    "matchesSuffix": ("suffixes", _affixes),
    "noncurrentTimeBefore": ("noncurrent_before", date_from_json),
    "numNewerVersions": ("newer_versions", _days),
}
"""Field of ``LifecycleRule``, and how its value is read, by the condition's name."""
_OF_UPLOADS = frozenset({"age", "matchesPrefix", "matchesSuffix"})


def rules_from_json(value: Mapping[str, Any] | None) -> tuple[LifecycleRule, ...]:
    """The rules of a bucket's resource.

    Raises:
        InvalidArgument: one of them is not allowed.
    """
    rules = tuple(_rule(item or {}) for item in (value or {}).get("rule") or ())
    if len(rules) > _MAX_RULES:
        raise InvalidArgument(f"A lifecycle has {_MAX_RULES} rules at most, not {len(rules)}", field=_FIELD)
    if sum(len(rule.prefixes) + len(rule.suffixes) for rule in rules) > _MAX_AFFIXES:
        raise InvalidArgument(
            f"A lifecycle has {_MAX_AFFIXES} prefixes and suffixes at most in all its rules", field=_FIELD
        )
    return rules


def _rule(item: Mapping[str, Any]) -> LifecycleRule:
    action, condition = item.get("action") or {}, item.get("condition") or {}
    kind = action.get("type")
    if kind not in set(LifecycleAction):
        raise InvalidArgument(f"Invalid value for: {kind} is not a valid value", field=f"{_FIELD}.action.type")
    given = {name: value for name, value in condition.items() if value is not None and value != []}
    if unknown := given.keys() - _CONDITIONS.keys():
        raise InvalidArgument(f"The condition {min(unknown)!r} is not emulated", field=f"{_FIELD}.condition")
    if not given:
        raise InvalidArgument("Lifecycle rules must have a condition.", field=f"{_FIELD}.condition")
    storage_class = action.get("storageClass")
    if (kind == LifecycleAction.SET_STORAGE_CLASS) != (storage_class is not None):
        raise InvalidArgument(
            f"An action {kind} has {'a' if storage_class is None else 'no'} storageClass",
            field=f"{_FIELD}.action.storageClass",
        )
    if storage_class is not None and storage_class not in _CLASSES:
        raise InvalidArgument(
            f"Invalid value for: {storage_class} is not a valid value", field=f"{_FIELD}.action.storageClass"
        )
    if kind == LifecycleAction.ABORT_UPLOAD and (others := given.keys() - _OF_UPLOADS):
        raise InvalidArgument(
            f"The action {kind} takes the conditions age, matchesPrefix and matchesSuffix, not {min(others)}",
            field=f"{_FIELD}.condition",
        )
    fields = {}
    for name, value in given.items():
        field, read = _CONDITIONS[name]
        fields[field] = read(value, f"{_FIELD}.condition.{name}")
    return LifecycleRule(LifecycleAction(kind), storage_class, **fields)
