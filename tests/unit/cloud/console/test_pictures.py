"""Charts hold what they are given, whatever it is."""

import re
import xml.etree.ElementTree as ElementTree

from hypothesis import given
from hypothesis import strategies as st

from cloud.console.pictures import line_chart, scatter_chart

_NUMBERS = st.floats(-1e12, 1e12) | st.floats(allow_nan=True, allow_infinity=True)
_POINTS = st.lists(st.tuples(_NUMBERS, _NUMBERS), max_size=20)
_CURVES = st.lists(st.tuples(st.integers(0, 10**9), _NUMBERS), max_size=20)
_TEXT = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=20)
SVG = "{http://www.w3.org/2000/svg}"


@given(st.dictionaries(_TEXT, _CURVES, max_size=6), _TEXT)
def test_a_line_chart_has_a_curve_of_each_name_inside_its_frame(curves, title) -> None:
    root = ElementTree.fromstring(  # noqa: S314 - our own
        line_chart(curves, title=title, x="step", y="rmse")
    )
    assert root.findtext(f"{SVG}title", "") == title
    shown = [name for name, points in curves.items() if points]
    curve = [path for path in root.iter(f"{SVG}path") if path.get("stroke-width") == "2"]
    assert len(curve) == 2 * len(shown)  # each with its mark in the legend
    texts = [text.text or "" for text in root.iter(f"{SVG}text")]
    assert all(name in texts for name in shown)
    for path in curve[::2]:
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", path.get("d", ""))]
        assert all(0 <= number <= 440 for number in numbers)


@given(_POINTS, st.booleans())
def test_a_scatter_chart_has_each_finite_point(points, diagonal) -> None:
    chart = scatter_chart(points, title="t", x="a", y="b", diagonal=diagonal)
    assert chart.count("<circle") == sum(all(abs(value) <= 1e300 for value in point) for point in points)
    assert not re.search("nan|inf", chart)


def test_shades_go_from_blue_to_orange() -> None:
    chart = scatter_chart([(0, 0), (1, 1)], title="t", x="a", y="b", shades=[0.0, 1.0])
    assert re.findall(r'fill="(#\w+)"', chart) == ["#1a73e8", "#e8710a"]
