"""Rules for the fields of a bucket's resource that are stored and returned, as Google enforces them. Pure.

https://cloud.google.com/storage/docs/json_api/v1/buckets#resource.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from cloud.errors import InvalidArgument
from cloud.names import check_bucket

MULTI_REGIONS = frozenset({"US", "EU", "ASIA"})
DUAL_REGIONS = frozenset({"ASIA1", "EUR4", "EUR5", "EUR7", "EUR8", "NAM4"})
"""The predefined ones (https://cloud.google.com/storage/docs/locations)."""
_REGION = re.compile(
    r"(?:AFRICA|ASIA|AUSTRALIA|EUROPE|ME|NORTHAMERICA|SOUTHAMERICA|US)-"
    r"(?:CENTRAL|(?:NORTH|SOUTH)(?:EAST|WEST)?|EAST|WEST)[1-9][0-9]?"
)
_COUNTRY = re.compile(r"[A-Z]{2}")
"""Where a dual-region is that is put together of two regions."""
_MOST_LABELS, _LONGEST_LABEL = 64, 63
_LETTERS = frozenset({"Ll", "Lo"})
_DIGITS = frozenset({"Nd", "Nl", "No"})
_LONGEST_LOG_PREFIX = 900
_CHOICES = {
    "rpo": ("DEFAULT", "ASYNC_TURBO"),
    "autoclass.terminalStorageClass": ("NEARLINE", "ARCHIVE"),
    "ipFilter.mode": ("Enabled", "Disabled"),
    **{
        f"encryption.{kind}EncryptionEnforcementConfig.restrictionMode": ("NotRestricted", "FullyRestricted")
        for kind in ("googleManaged", "customerManaged", "customerSupplied")
    },
}
"""The values of a field, by its path."""


def location_type(location: str, settings: Mapping[str, Any]) -> str:
    if location in DUAL_REGIONS or settings.get("customPlacementConfig"):
        return "dual-region"
    return "multi-region" if location in MULTI_REGIONS else "region"


def check_location(location: str, settings: Mapping[str, Any]) -> None:
    """Any region of Google's form is one: the list grows.

    Raises:
        InvalidArgument: it is no location, or not the one of a dual-region of two regions.
    """
    location = location.upper()
    if placement := settings.get("customPlacementConfig"):
        regions = [str(region).upper() for region in placement.get("dataLocations") or ()]
        if len(set(regions)) != 2 or not all(map(_REGION.fullmatch, regions)):
            raise InvalidArgument(
                f"Invalid custom placement config: two regions are expected, not {', '.join(regions)[:100]!r}",
                field="customPlacementConfig.dataLocations",
            )
        is_legal = location in MULTI_REGIONS or _COUNTRY.fullmatch(location)
    else:
        is_legal = location in MULTI_REGIONS | DUAL_REGIONS or _REGION.fullmatch(location)
    if not is_legal:
        raise InvalidArgument(
            f"The specified location constraint is not valid: {location[:100]!r}. "
            "See https://cloud.google.com/storage/docs/locations.",
            field="location",
        )


def check_labels(labels: Mapping[str, str]) -> None:
    """Raises:
    InvalidArgument: too many, or one that is no label (https://cloud.google.com/storage/docs/tags-and-labels).
    """
    if len(labels) > _MOST_LABELS:
        raise InvalidArgument(
            f"Invalid user label: at most {_MOST_LABELS} are allowed, not {len(labels)}", field="labels"
        )
    for key, value in labels.items():
        if not (_is_label(key) and key and unicodedata.category(key[0]) in _LETTERS):
            raise InvalidArgument(
                f"Invalid user label: the key {key[:100]!r}. A key begins with a lower-case letter, and has at most "
                f"{_LONGEST_LABEL} of these, digits, '_' and '-'.",
                field="labels",
            )
        if not _is_label(value):
            raise InvalidArgument(
                f"Invalid user label: the value {value[:100]!r} of {key!r}. A value has at most {_LONGEST_LABEL} "
                "lower-case letters, digits, '_' and '-'.",
                field="labels",
            )


def check_settings(resource: Mapping[str, Any], location: str, settings: Mapping[str, Any]) -> None:
    """
    Args:
        resource: of the request.
        settings: those that the bucket would have.

    Raises:
        InvalidArgument: a field that the request sets has a value that is not allowed.
    """
    for path, allowed in _CHOICES.items():
        value = _at(resource, path)
        if value is not None and value not in allowed:
            raise InvalidArgument(f"Invalid value for: {str(value)[:100]} is not a valid value", field=path)
    if resource.get("rpo") == "ASYNC_TURBO" and location_type(location, settings) != "dual-region":
        raise InvalidArgument(f"Turbo replication needs a dual-region, and {location} is none", field="rpo")
    for rule in resource.get("cors") or ():
        if (rule.get("maxAgeSeconds") or 0) < 0:
            raise InvalidArgument(
                f"Invalid value for: {rule['maxAgeSeconds']} is less than 0", field="cors.maxAgeSeconds"
            )
    if (log_bucket := _at(resource, "logging.logBucket")) is not None:
        check_bucket(log_bucket)
    prefix = _at(resource, "logging.logObjectPrefix")
    if prefix and (len(prefix) > _LONGEST_LOG_PREFIX or not _at(settings, "logging.logBucket")):
        raise InvalidArgument(
            f"a prefix of logs has at most {_LONGEST_LOG_PREFIX} characters, and needs a logBucket",
            field="logging.logObjectPrefix",
        )
    _check_ip_ranges(resource.get("ipFilter") or {})


def _check_ip_ranges(ip_filter: Mapping[str, Any]) -> None:
    sources = [ip_filter.get("publicNetworkSource") or {}, *(ip_filter.get("vpcNetworkSources") or ())]
    for text in (text for source in sources for text in source.get("allowedIpCidrRanges") or ()):
        try:
            ipaddress.ip_network(text)
        except ValueError:
            raise InvalidArgument(
                f"Invalid value for: {text[:100]} is not a valid value", field="ipFilter.allowedIpCidrRanges"
            ) from None


def _is_label(text: str) -> bool:
    kinds = _LETTERS | _DIGITS
    return len(text) <= _LONGEST_LABEL and all(
        letter in "_-" or unicodedata.category(letter) in kinds for letter in text
    )


def _at(resource: Mapping[str, Any], path: str) -> Any:
    value: Any = resource
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
