"""Fields of a bucket's resource that are stored and returned, with the times that the server adds. Pure."""

from collections.abc import Mapping
from typing import Any

from cloud.emulator.storage_v1.lifecycle import rules_from_json
from cloud.resources import Json

_FIELDS = (
    "autoclass",
    "cors",
    "customPlacementConfig",
    "encryption",
    "hierarchicalNamespace",
    "ipFilter",
    "lifecycle",
    "logging",
    "rpo",
    "website",
)
_ENFORCEMENT = "EncryptionEnforcementConfig"


def settings_from_json(resource: Mapping[str, Any], current: Mapping[str, Json], now: str) -> dict[str, Json]:
    """``current`` with the fields of ``resource`` merged into it; null removes a field.

    Args:
        now: the time of the change, as answers have it.

    Raises:
        InvalidArgument: a rule of its lifecycle is not allowed.
    """
    merged = _merged(current, {name: resource[name] for name in _FIELDS if name in resource})
    if "lifecycle" in resource:
        rules_from_json(merged.get("lifecycle"))
    if isinstance(autoclass := merged.get("autoclass"), dict):
        merged["autoclass"] = _autoclass(autoclass, current.get("autoclass"), now)
    if isinstance(encryption := merged.get("encryption"), dict):
        merged["encryption"] = _encryption(encryption, current.get("encryption"), now)
    if isinstance(placement := merged.get("customPlacementConfig"), dict):
        regions = placement.get("dataLocations")
        merged["customPlacementConfig"] = {"dataLocations": [str(region).upper() for region in regions or ()]}
    return {name: value for name, value in merged.items() if value not in ({}, None)}


def _autoclass(given: Mapping[str, Json], before: Json, now: str) -> Json:
    before = before if isinstance(before, dict) else {}
    is_enabled = bool(given.get("enabled"))
    # Earlier versions kept no times.
    since = before.get("toggleTime", now) if before.get("enabled", False) == is_enabled else now
    if not is_enabled:
        return {"enabled": False, "toggleTime": since}
    last = given.get("terminalStorageClass") or "NEARLINE"
    is_same = before.get("terminalStorageClass") == last
    last_since = before.get("terminalStorageClassUpdateTime", now) if is_same else now
    return {
        "enabled": True,
        "toggleTime": since,
        "terminalStorageClass": last,
        "terminalStorageClassUpdateTime": last_since,
    }


def _encryption(given: Mapping[str, Json], before: Json, now: str) -> Json:
    """Restrictions, each with the time since which it is in effect."""
    stamped: dict[str, Any] = {}
    for name, value in given.items():
        if not (name.endswith(_ENFORCEMENT) and isinstance(value, dict) and value.get("restrictionMode")):
            continue
        earlier = before.get(name) if isinstance(before, dict) else None
        if isinstance(earlier, dict) and earlier["restrictionMode"] == value["restrictionMode"]:
            stamped[name] = earlier
        else:
            is_restricted = value["restrictionMode"] == "FullyRestricted"
            mode = {"restrictionMode": value["restrictionMode"]}
            stamped[name] = mode | ({"effectiveTime": now} if is_restricted else {})
    return stamped


def _merged(current: Mapping[str, Json], given: Mapping[str, Json]) -> dict[str, Json]:
    """By JSON Merge Patch (RFC 7396); an empty list removes a field, too: no answer has one."""
    merged = dict(current)
    for name, value in given.items():
        if value is None or value == []:
            merged.pop(name, None)
        elif isinstance(value, dict):
            before = merged.get(name)
            merged[name] = _merged(before if isinstance(before, dict) else {}, value)
        else:
            merged[name] = value
    return merged
