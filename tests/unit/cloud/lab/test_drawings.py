"""Pictures from the files of a run here; of runs in a bucket, tests/lab draws them."""

import sys
import types
from pathlib import Path

import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary

from cloud.lab.drawings import draw_curves, draw_fares
from cloud.wire.tf_records import write_record


@pytest.fixture(autouse=True)
def _notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    """IPython's ``SVG`` holds the text; it is installed with the extra ``lab`` only."""
    display = types.ModuleType("IPython.display")
    display.SVG = str  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", display)


def _run(folder: Path, tag: str, values: list[float]) -> None:
    folder.mkdir()
    events = [
        Event(step=step, summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)]))
        for step, value in enumerate(values)
    ]
    (folder / "events.out.tfevents.1").write_bytes(b"".join(write_record(e.SerializeToString()) for e in events))


def test_a_curve_for_each_run(tmp_path: Path) -> None:
    _run(tmp_path / "one", "rmse", [3.0, 2.0, 1.0])
    _run(tmp_path / "two", "rmse", [3.0, 2.5])
    drawn = str(draw_curves("rmse", raw=str(tmp_path / "one"), engineered=str(tmp_path / "two")))
    assert drawn.count('stroke-width="2"') == 4
    assert ">raw<" in drawn
    assert ">engineered<" in drawn


def test_a_run_without_the_metric_is_named(tmp_path: Path) -> None:
    _run(tmp_path / "one", "loss", [3.0])
    with pytest.raises(ValueError, match=r"one has no summaries of 'rmse'"):
        draw_curves("rmse", raw=str(tmp_path / "one"))


def test_a_map_has_the_trips_within_the_city(tmp_path: Path) -> None:
    file = tmp_path / "taxi.csv"
    file.write_text("8.5,-73.98,40.75,-73.97,40.76,1,0\n52,-73.79,40.65,-73.97,40.76,1,1\n9,0,0,0,0,1,2\n")
    assert str(draw_fares(str(file))).count("<circle") == 2
