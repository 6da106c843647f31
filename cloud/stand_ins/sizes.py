"""Sizes and times as gsutil and ``gcloud storage`` write them."""

from datetime import datetime

_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi")


def readable(size: float) -> str:
    """gsutil's: ``122.68 KiB``."""
    power = 0
    value = float(size)
    while value >= 1024 and power < len(_BINARY) - 1:
        value, power = value / 1024, power + 1
    if power == 0:
        return f"{int(size)} B"
    return f"{round(value, 2):g} {_BINARY[power]}B"


def progress_size(size: float) -> str:
    """gsutil's, in its lines about transfers: one decimal place."""
    power = 0
    value = float(size)
    while value >= 1024 and power < len(_BINARY) - 1:
        value, power = value / 1024, power + 1
    return f"{value:.1f} {_BINARY[power]}B"


def storage_readable(size: float) -> str:
    """gcloud's: ``122.68kiB``."""
    if size == 0:
        return "0B"
    power = 0
    value = float(size)
    while value >= 1024 and power < len(_BINARY) - 1:
        value, power = value / 1024, power + 1
    unit = _BINARY[power]
    return f"{value:.2f}{'ki' if unit == 'Ki' else unit}B"


def seconds(timestamp: str) -> str:
    """``2026-11-27T20:08:25Z``."""
    return datetime.fromisoformat(timestamp).strftime("%Y-%m-%dT%H:%M:%SZ")


def with_zone(timestamp: str) -> str:
    """``2026-11-27T20:08:25+0000``."""
    return datetime.fromisoformat(timestamp).strftime("%Y-%m-%dT%H:%M:%S+0000")


def http_date(timestamp: str) -> str:
    """``Fri, 27 Nov 2026 20:08:23 GMT``."""
    from email.utils import format_datetime

    return format_datetime(datetime.fromisoformat(timestamp), usegmt=False).replace("+0000", "GMT")
