"""Custom times of objects."""

import pytest

from cloud.emulator.storage_v1.custom_time import check_change, parse
from cloud.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("2026-12-31T23:59:59Z", "2026-12-31T23:59:59Z"),
        ("2026-12-31T23:59:59.500000Z", "2026-12-31T23:59:59.500Z"),
        ("2026-12-31T23:59:59+02:00", "2026-12-31T21:59:59Z"),
    ],
)
def test_times(text, kept):
    assert parse(text) == kept


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-12-31", "2026-12-31T23:59:59", "2026-13-31T23:59:59Z", "1"])
def test_no_times(text):
    with pytest.raises(InvalidArgument, match="customTime"):
        parse(text)


def test_time_goes_forward():
    earlier, later = "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.001Z"
    check_change(None, earlier)
    check_change(None, None)
    check_change(earlier, later)
    check_change(earlier, earlier)
    for after in (earlier, None):
        with pytest.raises(InvalidArgument, match="customTime"):
            check_change(later, after)


@pytest.mark.parametrize("before", ["some day", "2026-01-01T00:00:00", ""])
def test_what_earlier_versions_took_for_a_time_is_replaced(before):
    check_change(before, "2026-01-01T00:00:00Z")
    check_change(before, None)
