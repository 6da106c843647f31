"""Pictures in notebooks: the curves of runs, and the fares on a map."""

import csv
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cloud.console.pictures import line_chart, scatter_chart
from cloud.engine.tuning.metrics import read_summaries
from cloud.lab.api import Api

if TYPE_CHECKING:
    from IPython.display import SVG

_EVENTS = "tfevents"
_LONGITUDE, _LATITUDE = (-74.03, -73.75), (40.63, 40.85)
_MOST_POINTS = 3000
_DEAR = 40.0
"""Dollars: what costs more has the same colour."""


def draw_curves(tag: str, **folders: str) -> "SVG":
    """The curve of a metric in each folder of a training run, here or in a bucket, by the name it is given.

        draw_curves("loss", raw="taxi_trained", engineered=f"gs://{BUCKET}/taxifare/engineered")

    Raises:
        ValueError: a folder has no such metric; the text says which ones it has.
    """
    from IPython.display import SVG  # which every notebook has

    curves = {}
    for name, folder in folders.items():
        points = [
            (each.step, each.value) for content in _event_files(folder) for each in read_summaries(content, [tag])
        ]
        if not points:
            raise ValueError(f"{folder} has no summaries of {tag!r}: has the run written any yet?")
        curves[name] = points
    return SVG(line_chart(curves, title=tag, x="step", y=tag))


def draw_fares(file: str) -> "SVG":
    """Where the trips of a file of taxi data begin, and what they cost: blue is cheap, orange is dear."""
    from IPython.display import SVG

    with open(file, newline="") as rows:
        trips = [
            (float(row[1]), float(row[2]), float(row[0])) for row in itertools.islice(csv.reader(rows), _MOST_POINTS)
        ]
    shown = [trip for trip in trips if _within(trip[0], _LONGITUDE) and _within(trip[1], _LATITUDE)]
    return SVG(
        scatter_chart(
            [(longitude, latitude) for longitude, latitude, _ in shown],
            title=file,
            x="longitude",
            y="latitude",
            shades=[fare / _DEAR for _, _, fare in shown],
        )
    )


def _within(value: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] <= value <= bounds[1]


def _event_files(folder: str) -> Iterator[bytes]:
    if not folder.startswith("gs://"):
        yield from (path.read_bytes() for path in sorted(Path(folder).rglob(f"*{_EVENTS}*")))
        return
    bucket, _, prefix = folder.removeprefix("gs://").partition("/")
    api = Api(os.environ)
    for item in api.objects(bucket, prefix.rstrip("/") + "/"):
        if _EVENTS in item["name"]:
            yield api.read(bucket, item["name"])
