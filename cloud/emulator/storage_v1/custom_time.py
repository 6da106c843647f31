"""``customTime`` of objects: once set it goes forward only (https://cloud.google.com/storage/docs/metadata#custom-time)."""

from datetime import datetime

from cloud.emulator.rest.scalars import SCALARS
from cloud.engine.storage.records import Attributes
from cloud.errors import InvalidArgument

_FIELD = "customTime"
_, _normalized = SCALARS["google-datetime"]


def parse(text: str) -> str:
    """In UTC.

    Raises:
        InvalidArgument: not a time of RFC 3339.
    """
    value, _ = _normalized(text)
    if not isinstance(value, str):
        raise InvalidArgument(
            f"Invalid value for: {text[:100]!r} is not a time of RFC 3339, like 2026-12-31T23:59:59Z", field=_FIELD
        )
    return value


def check_change(before: str | None, after: str | None) -> None:
    """Raises:
    InvalidArgument: the time would be removed, or go back.
    """
    if (moment := Attributes(custom_time=before).custom_moment) is None:
        return
    if after is None:
        raise InvalidArgument("Custom time cannot be removed: rewrite the object", field=_FIELD)
    if datetime.fromisoformat(after) < moment:
        raise InvalidArgument(f"Custom time cannot be set to an earlier time than {before}", field=_FIELD)
