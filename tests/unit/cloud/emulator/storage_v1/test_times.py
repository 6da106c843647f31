from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.emulator.storage_v1.times import date_from_json, time_from_json, timestamp
from cloud.errors import InvalidArgument


@given(st.datetimes(timezones=st.just(UTC)))
def test_what_is_written_is_read_to_the_millisecond(moment):
    assert time_from_json(timestamp(moment), "t") == moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def test_times_may_have_another_zone_and_any_fraction():
    expected = datetime(2026, 9, 30, 22, 58, 1, 185839, UTC)
    assert time_from_json("2026-09-30T15:58:01.185839123-07:00", "t") == expected
    assert time_from_json("2026-09-30t22:58:01z", "t") == expected.replace(microsecond=0)


@pytest.mark.parametrize(
    "text", ["", "now", "2026-01-01", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00", "2026-01-01T25:00:00Z"]
)
def test_no_time_is_refused(text):
    with pytest.raises(InvalidArgument) as caught:
        time_from_json(text, "customTime")
    assert caught.value.field == "customTime"


@pytest.mark.parametrize("text", ["", "20260101", "2026-02-30", "2026-1-1"])
def test_no_date_is_refused(text):
    with pytest.raises(InvalidArgument):
        date_from_json(text, "d")
    assert date_from_json("2026-02-28", "d") == date(2026, 2, 28)
