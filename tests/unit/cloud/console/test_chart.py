"""Axes have round numbers, and every value is inside."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.console.chart import Series, draw, thinned


def labels(*points: tuple[float, float]) -> tuple[list[str], list[str]]:
    chart = draw("loss", [Series("", points)])
    return [tick.label for tick in chart.across], [tick.label for tick in chart.up]


@pytest.mark.parametrize(
    ("points", "across", "up"),
    [
        ([(100.0, 9.8), (3000.0, 2.4)], ["0", "1,000", "2,000", "3,000"], ["2", "4", "6", "8", "10"]),
        ([(1.0, 0.5)], ["0", "1", "2"], ["0.2", "0.4", "0.6", "0.8"]),
        ([(5.0, 0.0), (7.0, 0.0)], ["5", "6", "7"], ["-0.5", "0.0", "0.5"]),
        ([(1.0, 0.001), (2.0, 0.0013)], ["1", "2"], ["0.0010", "0.0011", "0.0012", "0.0013"]),
        ([(1.0, 2e9), (2.0, 4e9)], ["1", "2"], ["2e+09", "2.5e+09", "3e+09", "3.5e+09", "4e+09"]),
    ],
)
def test_ticks_are_round(points: list[tuple[float, float]], across: list[str], up: list[str]) -> None:
    assert labels(*points) == (across, up)


NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


@given(st.lists(st.tuples(st.integers(0, 2**63).map(float), NUMBERS), min_size=1, max_size=30))
def test_any_values_are_drawn_inside_the_axes(points: list[tuple[float, float]]) -> None:
    chart = draw("x", [Series("", sorted(points, key=lambda point: point[0]))])
    (line,) = chart.lines
    numbers = [float(text) for text in re.findall(r"[-\d.e+]+", line.path)]
    for across, up in zip(numbers[::2], numbers[1::2], strict=True):
        assert chart.left <= across <= chart.right
        assert chart.top <= up <= chart.bottom
    assert bool(line.path) == any(abs(value) <= 1e300 for _, value in points)
    assert all(chart.top - 0.1 <= tick.at <= chart.bottom + 0.1 for tick in chart.up)
    assert all(chart.left - 0.1 <= tick.at <= chart.right + 0.1 for tick in chart.across)


def test_the_last_value_is_told_even_if_it_is_no_number() -> None:
    (line,) = draw("loss", [Series("train", [(1.0, 2.0), (2000.0, math.nan)])]).lines
    assert (line.last, line.step) == ("nan", "2,000")


def test_of_many_points_peaks_stay() -> None:
    points = [(float(step), 9.0 if step == 777 else step % 2) for step in range(10_000)]
    found = thinned(points, 400)
    assert len(found) <= 402
    assert (777.0, 9.0) in found
    assert (found[0], found[-1]) == (points[0], points[-1])
    assert thinned(points[:400], 400) == points[:400]
