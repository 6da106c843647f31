import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.progress import MAX_ROWS_PER_CALL, MAX_STEPS_PER_CALL, Progress, Score, report_interval, steps_per_call


@given(st.integers(1, 10_000_000), st.integers(1, 1_000_000))
def test_reports_are_few_and_fall_on_the_ends_of_calls(train_steps: int, batch_size: int) -> None:
    interval, steps = report_interval(train_steps), steps_per_call(train_steps, batch_size)
    assert interval % steps == 0
    assert 1 <= steps <= MAX_STEPS_PER_CALL
    assert steps == 1 or steps * batch_size <= MAX_ROWS_PER_CALL
    lines = -(-train_steps // interval)
    assert lines <= 40
    assert lines >= 16 or interval == 1


def test_a_long_training_runs_many_steps_a_call() -> None:
    assert steps_per_call(100_000, 512) == 125


@pytest.mark.parametrize(
    ("train_steps", "interval"), [(1, 1), (40, 1), (41, 2), (1000, 50), (3000, 100), (10_000, 500)]
)
def test_report_intervals_are_round(train_steps: int, interval: int) -> None:
    assert report_interval(train_steps) == interval


def test_a_line_averages_the_steps_since_the_last_one() -> None:
    lines: list[str] = []
    now = iter([0.0, 2.0, 3.0])
    progress = Progress(1005, lines.append, lambda: next(now))
    assert progress.add(Score(1.0, 3.0, 100), 25, 25) is None
    assert progress.add(Score(3.0, 4.0, 300), 25, 50) == Score(2.5, pytest.approx(3.775, abs=1e-3), 400)
    assert progress.add(Score(1.0, 1.0, 50), 5, 1005) is not None
    assert lines[0] == "step 50/1005 loss=2.5000 rmse=3.7749 (200 rows/s)"
    assert all(re.fullmatch(r"step \d+/\d+ loss=[\d.]+ rmse=[\d.]+ \(\d+ rows/s\)", line) for line in lines)
