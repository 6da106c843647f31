"""Policy documents: what the fields of a form may be. Pure.

https://cloud.google.com/storage/docs/authentication/signatures#policy-document.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cloud.emulator.storage_v1.signatures.errors import BadPolicy

IGNORED = "x-ignore-"
_FREE = frozenset({"file", "policy", "signature", "googleaccessid", "x-goog-signature", "bucket"})
"""Fields, in lower case, that need no condition: what signs, and the bucket, which always has one."""
_RANGE = "content-length-range"


@dataclass(frozen=True, slots=True)
class Condition:
    field: str
    """In lower case."""
    value: str
    is_prefix: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    expires: datetime
    conditions: Sequence[Condition]
    sizes: tuple[int, int] | None
    """The least and the most bytes of the file."""


def parse(text: str) -> Policy:
    """
    Args:
        text: JSON in base64.

    Raises:
        BadPolicy: it is no policy document.
    """
    try:
        document = json.loads(base64.b64decode(text, validate=True))
        expires = datetime.fromisoformat(document["expiration"])
        given = document["conditions"]
    except (binascii.Error, ValueError, KeyError, TypeError, RecursionError):
        raise BadPolicy("It is no JSON object with an expiration and conditions, in base64.") from None
    if not isinstance(given, list):
        raise BadPolicy(f"conditions is not a list, but {str(given)[:100]!r}")
    conditions: list[Condition] = []
    sizes = None
    for item in given:
        match item:
            case dict():
                conditions += [Condition(name.lower(), _value(value, item)) for name, value in item.items()]
            case ["eq" | "starts-with" as kind, str(name), value] if name.startswith("$"):
                conditions.append(Condition(name[1:].lower(), _value(value, item), kind == "starts-with"))
            case [str(kind), least, most] if kind.lower() == _RANGE:
                sizes = _narrowed(sizes, _size(least, item), _size(most, item))
            case _:
                raise _no_condition(item)
    return Policy(expires if expires.tzinfo else expires.replace(tzinfo=UTC), conditions, sizes)


def check(policy: Policy, fields: Mapping[str, str], bucket: str, now: datetime) -> None:
    """
    Args:
        fields: of the form, by their names in lower case, as sent.
        bucket: in the address that the form was sent to.

    Raises:
        BadPolicy: the policy has expired, or the form is out of its conditions.
    """
    if policy.expires < now:
        raise BadPolicy(f"The policy has expired at {policy.expires.isoformat()}.")
    given = {**fields, "bucket": bucket}
    for condition in policy.conditions:
        value = given.get(condition.field)
        wanted = f"{'start with' if condition.is_prefix else 'be'} {condition.value[:200]!r}"
        if value is None:
            raise BadPolicy(f"The field {condition.field[:100]} must {wanted}: it is missing.")
        if not (value.startswith(condition.value) if condition.is_prefix else value == condition.value):
            raise BadPolicy(f"The field {condition.field[:100]} must {wanted}, not {value[:200]!r}.")
    named = {condition.field for condition in policy.conditions}
    if "bucket" not in named:
        # Without one it would be a policy for every bucket.
        raise BadPolicy("The policy has no condition for the bucket.")
    for name in fields:
        if name not in named and name not in _FREE and not name.startswith(IGNORED):
            raise BadPolicy(f"The policy has no condition for the field {name[:100]}.")


def _value(value: Any, item: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _no_condition(item)
    return str(value)


def _size(value: Any, item: Any) -> int:
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise _no_condition(item)
    return int(text)


def _narrowed(sizes: tuple[int, int] | None, least: int, most: int) -> tuple[int, int]:
    return (least, most) if sizes is None else (max(sizes[0], least), min(sizes[1], most))


def _no_condition(item: Any) -> BadPolicy:
    return BadPolicy(f"It is no condition: {json.dumps(item)[:200]}")
