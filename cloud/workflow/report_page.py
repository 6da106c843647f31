"""The page of one run, to look at: ``--report out.html``. One file, which needs nothing else and asks nobody."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from cloud.backends.base import Backend
from cloud.console.pictures import line_chart, scatter_chart
from cloud.workflow.curves import Curves
from cloud.workflow.plan import Plan
from cloud.workflow.report import Report

_TEMPLATES = Path(__file__).parent / "templates"
_MOST_POINTS = 2000
"""Of fares, drawn evenly from all."""


def write_page(
    path: Path,
    backend: Backend,
    plan: Plan,
    report: Report,
    curves: Curves,
    seconds: float,
    error: Mapping[str, str] | None,
) -> None:
    """Write the page; parts that the run did not reach are left out."""
    import jinja2  # only such a run needs it

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    text = environment.get_template("report.html").render(
        backend=backend.name,
        project=backend.project,
        plan=plan,
        report=report,
        job=report.job,
        charts=[
            line_chart({name or "output": points for name, points in runs.items()}, title=metric, x="step", y=metric)
            for metric, runs in curves.items()
        ],
        fares=_fares(report),
        log=list(report.log),
        seconds=seconds,
        error=error,
        now=datetime.now().astimezone(),
    )
    path.write_text(text, encoding="utf-8")


def _fares(report: Report) -> str:
    """The chart of predicted against actual fares; empty if there are none."""
    if not report.fares:
        return ""
    every = -(-len(report.fares) // _MOST_POINTS)
    return scatter_chart(
        report.fares[::every],
        title="Predicted against actual fares",
        x="actual fare, dollars",
        y="predicted fare, dollars",
        diagonal=True,
    )
