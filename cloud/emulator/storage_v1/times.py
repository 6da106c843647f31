"""Points in time in Cloud Storage's JSON (RFC 3339). Pure."""

import re
from datetime import UTC, date, datetime

from cloud.errors import InvalidArgument

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def timestamp(moment: datetime) -> str:
    """With milliseconds, as Cloud Storage writes it."""
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def time_from_json(text: str, field: str) -> datetime:
    """Raises:
    InvalidArgument: not a time of RFC 3339.
    """
    if match := _TIME.fullmatch(text):
        day, time, fraction, zone = match.groups()
        try:
            return datetime.fromisoformat(f"{day}T{time}.{(fraction or '0')[:6]:<06}{zone.upper()}").astimezone(UTC)
        except (ValueError, OverflowError):  # no such day, or no such time
            pass
    raise InvalidArgument(f"Invalid value for: {text[:100]!r} is not a time like 2026-12-31T23:59:59.000Z", field=field)


def date_from_json(text: str, field: str) -> date:
    """Raises:
    InvalidArgument: not a date as ``2026-12-31``.
    """
    if _DATE.fullmatch(text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    raise InvalidArgument(f"Invalid value for: {text[:100]!r} is not a date like 2026-12-31", field=field)
