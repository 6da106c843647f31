from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.gcs.backoff import Pace, Retries, is_transient, retry_after

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("7", 7),
        ("Mon, 23 Nov 2026 01:00:30 GMT", 30),
        ("Mon, 23 Nov 2026 00:59:00 GMT", 0),
        ("soon", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header, seconds):
    assert retry_after(header, NOW) == seconds


@given(st.integers(1, 20), st.floats(0, 400), st.floats(0, 1))
def test_a_wait_is_never_shorter_than_was_asked_nor_longer_than_patience(failed, asked, chance):
    retries = Retries()
    pause = retries.pause(failed, asked, chance)
    if failed >= retries.attempts or asked > retries.patience:
        assert pause is None
    else:
        assert max(asked, retries.first / 2) <= pause <= max(asked, retries.longest)


def test_waits_grow():
    retries = Retries(attempts=9, first=1, longest=8)
    assert [retries.pause(failed, 0, 1) for failed in range(1, 7)] == [1, 2, 4, 8, 8, 8]


def test_looks_become_rarer():
    pace = Pace(first=1, longest=5, growth=2)
    assert [pace.pause(looks) for looks in (1, 2, 3, 4, 10_000)] == [1, 2, 4, 5, 5]


def test_what_the_caller_must_mend_is_not_tried_again():
    assert [status for status in (400, 401, 403, 404, 409, 429, 500, 501, 503) if is_transient(status)] == [
        429,
        500,
        503,
    ]
