"""Charts as whole SVG pictures, for notebooks and reports: read on light and dark pages, without a style sheet.

Pure. The pages of the console draw theirs by a template (``chart``).
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from cloud.console.chart import Axis, Chart, Point, Series, Tick, draw, is_drawable

COLOURS = ("#1a73e8", "#e8710a", "#1e8e3e", "#a142f4", "#d01884")
"""Of curves, in their order; told apart on either background, and by their dashes."""
_DASHES = ("", "7 4", "2 3", "10 3 2 3", "1 4")
_ABOVE, _BELOW, _BESIDE = 26, 20, 16
"""Room around a chart for its legend and the names of its axes."""


def line_chart(curves: Mapping[str, Sequence[Point]], *, title: str, x: str, y: str) -> str:
    """Curves with axes and a legend.

    Args:
        curves: steps, which are not negative, and values of each by its name; what is no finite number is left out.
        x, y: what the axes show.
    """
    shown = {name: points for name, points in curves.items() if points}
    chart = draw(title, [Series(name, sorted(points)) for name, points in shown.items()])
    parts = _axes(chart, x, y)
    for number, line in enumerate(chart.lines):
        colour, dash = COLOURS[number % len(COLOURS)], _DASHES[number % len(_DASHES)]
        style = f'stroke="{colour}" stroke-dasharray="{dash}" stroke-width="2" fill="none"'
        parts.append(f'<path d="{line.path}" {style}/>')
        if line.end:
            parts.append(f'<circle cx="{line.end[0]:g}" cy="{line.end[1]:g}" r="3" fill="{colour}"/>')
        left = chart.left + number * 120
        parts.append(f'<path d="M{left:g} -12h22" {style}/>{_text(left + 28, -8, line.name)}')
    return _svg(chart, parts)


def scatter_chart(
    points: Iterable[Point], *, title: str, x: str, y: str, diagonal: bool = False, shades: Sequence[float] = ()
) -> str:
    """Points with axes.

    Args:
        diagonal: draw the line where both are equal.
        shades: for each point from 0 to 1, blue to orange.
    """
    numbered = [(number, point) for number, point in enumerate(points) if all(map(is_drawable, point))]
    xs, ys = [point[0] for _, point in numbered] or [0.0], [point[1] for _, point in numbered] or [0.0]
    across, up = Axis.of(min(xs), max(xs)), Axis.of(min(ys), max(ys))
    empty = Chart(title, (), (), ())

    def place(point: Point) -> Point:
        return (
            empty.left + (empty.right - empty.left) * across.share(point[0]),
            empty.bottom - (empty.bottom - empty.top) * up.share(point[1]),
        )

    chart = Chart(
        title,
        (),
        tuple(Tick(place((tick, 0.0))[0], across.label(tick)) for tick in across.ticks),
        tuple(Tick(place((0.0, tick))[1], up.label(tick)) for tick in up.ticks),
    )
    parts = _axes(chart, x, y)
    low, high = max(across.low, up.low), min(across.high, up.high)
    if diagonal and low < high:
        (x1, y1), (x2, y2) = place((low, low)), place((high, high))
        parts.append(f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" {_FRAME} stroke-dasharray="4 4"/>')
    for number, point in numbered:
        (x1, y1), colour = place(point), _shade(shades[number]) if shades else COLOURS[0]
        parts.append(f'<circle cx="{x1:.1f}" cy="{y1:.1f}" r="2" fill="{colour}" opacity="0.6"/>')
    return _svg(chart, parts)


_FRAME = 'stroke="currentColor" stroke-opacity="0.6" fill="none"'


def _axes(chart: Chart, x: str, y: str) -> list[str]:
    parts = [f'<path d="M{chart.left:g} {chart.top:g}V{chart.bottom:g}H{chart.right:g}" {_FRAME}/>']
    for tick in chart.up:
        parts.append(f'<path d="M{chart.left:g} {tick.at:g}H{chart.right:g}" stroke="currentColor" opacity="0.15"/>')
        parts.append(_text(chart.left - 6, tick.at + 4, tick.label, "end"))
    parts += [_text(tick.at, chart.bottom + 18, tick.label, "middle") for tick in chart.across]
    parts.append(_text((chart.left + chart.right) / 2, chart.height + 12, x, "middle"))
    middle = (chart.top + chart.bottom) / 2
    parts.append(f'<g transform="rotate(-90 -4 {middle:g})">{_text(-4, middle, y, "middle")}</g>')
    return parts


def _shade(value: float) -> str:
    value = min(max(value, 0.0), 1.0)
    mixed = (round(a + (b - a) * value) for a, b in zip((26, 115, 232), (232, 113, 10), strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(chart: Chart, parts: Iterable[str]) -> str:
    width, height = chart.width + _BESIDE, chart.height + _ABOVE + _BELOW
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-{_BESIDE} -{_ABOVE} {width} {height}" '
        f'width="{width * 1.4:g}" role="img" font-family="sans-serif" font-size="12" fill="currentColor" '
        f'style="max-width:100%"><title>{escape(chart.title)}</title>{"".join(parts)}</svg>'
    )
