"""The page of a run: everything it says is in the one file, and nothing of it runs."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary

from cloud.backends.memory import MemoryBackend
from cloud.names import GsUri
from cloud.resources.log_entries import LogEntry, Severity
from cloud.wire.tf_records import write_record
from cloud.workflow.curves import read_curves
from cloud.workflow.plan import Plan
from cloud.workflow.report import Report, Step
from cloud.workflow.report_page import write_page

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def plan() -> Plan:
    return Plan(
        bucket="my-bucket",
        data=None,
        package_path=None,
        module="trainer.task",
        args=(),
        job_id="job_1",
        model="taxifare",
    )


@pytest.fixture
def report() -> Report:
    report = Report(steps=[Step("bucket", 0.25, HOSTILE)], rmse=4.5)
    report.fares += [(10.0, 11.0), (20.0, 19.0)]
    report.predictions.append(({"a": HOSTILE}, [1.5]))
    report.log.append(LogEntry(datetime.now(UTC), Severity.INFO, "master-replica-0", HOSTILE))
    return report


def _page(path: Path, plan: Plan, report: Report, **given: object) -> str:
    values = {"curves": {"rmse": {"eval": [(0, 3.0), (10, 2.0)]}}, "seconds": 12.3, "error": None, **given}
    write_page(path, MemoryBackend(), plan, report, **values)  # type: ignore[arg-type]
    return path.read_text()


def test_it_has_the_steps_the_curves_the_fares_and_the_log(tmp_path: Path, plan: Plan, report: Report) -> None:
    text = _page(tmp_path / "out.html", plan, report)
    assert "Done in 12.3 s" in text
    assert "RMSE on the evaluation data: <b>4.5000</b>" in text
    assert text.count('stroke-width="2"') == 2
    assert text.count('r="2"') == 2
    assert "master-replica-0" in text


def test_nothing_in_it_runs_or_leads_elsewhere(tmp_path: Path, plan: Plan, report: Report) -> None:
    text = _page(tmp_path / "out.html", plan, report)
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 2
    assert "default-src 'none'" in text
    assert set(re.findall(r"https?://[^\s\"<]+", text)) <= {"http://www.w3.org/2000/svg"}


def test_a_run_that_stopped_early_has_what_there_is(tmp_path: Path, plan: Plan) -> None:
    error = {"step": "grant", "message": "no such bucket"}
    text = _page(tmp_path / "out.html", plan, Report(), curves={}, error=error)
    assert "Stopped in" in text
    assert "grant: no such bucket" in text
    assert "<svg" not in text


async def test_the_curves_are_those_below_the_output() -> None:
    summaries = [Summary(value=[Summary.Value(tag="rmse", simple_value=value)]) for value in (2.0, 1.0)]
    events = [Event(step=step, summary=summary) for step, summary in enumerate(summaries)]
    content = b"".join(write_record(event.SerializeToString()) for event in events)
    files = {
        "my-bucket/job/output/eval/events.out.tfevents.1": content,
        "my-bucket/job/output/other.txt": b"text",
        "my-bucket/job/elsewhere/events.out.tfevents.1": content,
    }
    backend = MemoryBackend(objects={f"gs://{name}": each for name, each in files.items()})
    found = await read_curves(backend, GsUri("my-bucket", "job/output"))
    assert found == {"rmse": {"eval": [(0, 2.0), (1, 1.0)]}}
