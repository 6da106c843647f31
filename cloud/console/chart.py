"""The geometry of a line chart: axes with round numbers, and a path for each series. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 420, 220
"""Of the whole picture, in its own units."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 26, 10, 28
_TICKS = 4
_SAME = 1e-9
"""A smaller part of the values is no difference."""
_LARGEST = 1e300
"""Of a value that is drawn."""
_MOST_POINTS = 400
"""Of one path: there are not more columns to show them in."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Series:
    name: str
    points: Sequence[Point]
    """Steps and values, by step."""


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    path: str
    """Of an SVG ``path``; empty if no value is finite."""
    end: Point | None
    """Where it ends, for a mark."""
    last: str
    """The last value, and whether it is a number at all."""
    step: str


@dataclass(frozen=True, slots=True)
class Chart:
    title: str
    lines: tuple[Line, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    top: float = _TOP
    bottom: float = HEIGHT - _BOTTOM
    width: int = WIDTH
    height: int = HEIGHT


def draw(title: str, series: Sequence[Series]) -> Chart:
    """The chart of some series, of which each has a point at least."""
    finite = [[point for point in each.points if all(map(is_drawable, point))] for each in series]
    every = [point for points in finite for point in points]
    steps, values = [point[0] for point in every] or [0.0], [point[1] for point in every] or [0.0]
    x, y = Axis.of(min(steps), max(steps), whole=True), Axis.of(min(values), max(values))
    chart = Chart(title, (), (), ())

    def place(point: Point) -> Point:
        return (
            round(chart.left + (chart.right - chart.left) * x.share(point[0]), 1),
            round(chart.bottom - (chart.bottom - chart.top) * y.share(point[1]), 1),
        )

    lines = []
    for each, points in zip(series, finite, strict=True):
        places = [place(point) for point in thinned(points, _MOST_POINTS)]
        path = "M" + "L".join(f"{across:g} {up:g}" for across, up in places) if places else ""
        step, last = each.points[-1]
        lines.append(Line(each.name, path, places[-1] if places else None, f"{last:.4g}", f"{step:,.0f}"))
    return Chart(
        title,
        tuple(lines),
        tuple(Tick(place((tick, 0.0))[0], f"{tick:,.0f}") for tick in x.ticks),
        tuple(Tick(place((0.0, tick))[1], y.label(tick)) for tick in y.ticks),
    )


def is_drawable(value: float) -> bool:
    """Whether it is a number, and not so large that no chart holds it."""
    return abs(value) <= _LARGEST


def thinned(points: Sequence[Point], most: int) -> Sequence[Point]:
    """At most ``most`` of the points, or a few more: the first, the last, and of each part between the lowest and the
    highest."""
    if len(points) <= most:
        return points
    size = -(-2 * len(points) // most)
    kept = [points[0]]
    for start in range(1, len(points) - 1, size):
        part = points[start : min(start + size, len(points) - 1)]
        low, high = min(part, key=lambda point: point[1]), max(part, key=lambda point: point[1])
        kept += sorted({low, high})
    return [*kept, points[-1]]


@dataclass(frozen=True, slots=True)
class Axis:
    """From ``low`` to ``high``, with a tick at each multiple of ``interval``."""

    low: float
    high: float
    interval: float

    @classmethod
    def of(cls, low: float, high: float, *, whole: bool = False) -> "Axis":
        """From a round number to a round number.

        Args:
            whole: only whole numbers have ticks.
        """
        if high - low <= max(abs(low), abs(high)) * _SAME:
            margin = max(1.0, abs(low) / 10) if whole else abs(low) / 2 or 0.5
            low, high = low - margin, high + margin
            if whole:
                low, high = float(max(math.floor(low), 0)), float(math.ceil(high))
        rough = high / _TICKS - low / _TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        interval = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
        if whole:
            interval = max(interval, 1.0)
            low = 0.0 if low < high / 4 else low
            return cls(low, max(high, low + 1), interval)  # the paths begin and end at the edges
        return cls(math.floor(low / interval) * interval, math.ceil(high / interval) * interval, interval)

    @property
    def ticks(self) -> list[float]:
        first = math.ceil(self.low / self.interval - 1e-9)
        count = math.floor(self.high / self.interval + 1e-9) - first + 1
        return [(first + number) * self.interval for number in range(max(0, min(count, 4 * _TICKS)))]

    def share(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)

    def label(self, value: float) -> str:
        largest = max(abs(self.low), abs(self.high))
        if largest >= 1e6 or largest < 1e-3:
            return f"{value:.3g}"
        decimals = max(0, -math.floor(math.log10(self.interval) + 1e-9))
        return f"{value:,.{decimals}f}"
