from datetime import UTC, datetime, timedelta

import pytest

from cloud.console.rendering import elapsed, moment, size

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 20, "5.0 MiB"), (3 << 40, "3072.0 GiB")]
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


def test_times() -> None:
    assert elapsed(NOON, NOON + timedelta(hours=26, minutes=3, seconds=4)) == "26:03:04"
    assert elapsed(NOON, NOON - timedelta(seconds=1)) == "0:00:00"
    assert elapsed(None, NOON) == ""
    assert moment(None) == ""
    assert moment(NOON) == NOON.astimezone().strftime("%Y-%m-%d %H:%M:%S")
