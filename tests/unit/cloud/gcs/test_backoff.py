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
def test_a_pause_is_never_shorter_than_retry_after_nor_longer_than_the_limit(failed, wanted, jitter):
    retries = Retries()
    pause = retries.pause(failed, wanted, jitter)
    if failed >= retries.attempts or wanted > retries.max_retry_after:
        assert pause is None
    else:
        assert max(wanted, retries.first / 2) <= pause <= max(wanted, retries.longest)


def test_pauses_grow():
    retries = Retries(attempts=9, first=1, longest=8)
    assert [retries.pause(failed, 0, 1) for failed in range(1, 7)] == [1, 2, 4, 8, 8, 8]


def test_polls_become_rarer():
    pace = Pace(first=1, longest=5, growth=2)
    assert [pace.pause(polls) for polls in (1, 2, 3, 4, 10_000)] == [1, 2, 4, 5, 5]


def test_client_errors_are_not_retried():
    assert [status for status in (400, 401, 403, 404, 409, 429, 500, 501, 503) if is_transient(status)] == [
        429,
        500,
        503,
    ]
