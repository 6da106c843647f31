"""Plain lines if output is no terminal, and never a job's control characters."""

import io
from datetime import UTC, datetime

from rich.console import Console

from cloud.resources import TransferProgress
from cloud.resources.log_entries import LogEntry, Severity
from cloud.workflow.report import Report
from cloud.workflow.taxifare import TEST_INSTANCES
from cloud.workflow.terminal import Terminal


def _terminal(*, are_fares: bool = False, **options: object) -> tuple[Terminal, io.StringIO]:
    screen = io.StringIO()
    return Terminal(Console(file=screen, width=120, **options), are_fares=are_fares), screen  # type: ignore[arg-type]


def test_steps_are_numbered_with_time_and_detail() -> None:
    terminal, screen = _terminal()
    with terminal:
        terminal.step_started("bucket", "Make the bucket")
        terminal.step_finished("bucket", 0.123, "gs://some-bucket in [US]")
        terminal.step_started("grant", "Let it in")
        terminal.step_failed("grant", 1.0)
    lines = screen.getvalue().splitlines()
    assert lines[0] == "1. Make the bucket (bucket)"
    assert lines[1] == "   done in 0.1 s  gs://some-bucket in [US]"
    assert lines[2].startswith("2.")
    assert lines[3] == "   grant stopped after 1.0 s"


def test_bars_are_for_terminals_only() -> None:
    for is_terminal in (True, False):
        terminal, screen = _terminal(force_terminal=is_terminal)
        with terminal:
            terminal.transferred(TransferProgress(1, 2, 1, 2))
            terminal.trained(50, 100)
        assert ("━" in screen.getvalue()) == is_terminal


def test_a_jobs_line_cannot_control_the_terminal() -> None:
    terminal, screen = _terminal()
    message = "\x1b[2J[red]markup[/red]\rback\ttab é"
    with terminal:
        terminal.logged(LogEntry(datetime(2026, 1, 1, tzinfo=UTC), Severity.ERROR, "master-replica-0", message))
    (line,) = screen.getvalue().splitlines()
    assert "\x1b" not in line
    assert "\r" not in line
    assert "[red]markup[/red]" in line
    assert "é" in line


def test_the_summary_has_fares_and_the_score() -> None:
    terminal, screen = _terminal(are_fares=True)
    report = Report(rmse=4.5, predictions=[(TEST_INSTANCES[0], {"predictions": [10.876]})])
    terminal.summary(report)
    assert "$10.88" in screen.getvalue()
    assert "RMSE on the whole evaluation file: 4.5000 dollars" in screen.getvalue()


def test_the_summary_of_another_model_has_its_instances_and_predictions() -> None:
    terminal, screen = _terminal()
    terminal.summary(Report(predictions=[({"text": "[b]ünï[/b]"}, {"score": [0.5]}), ([1, 2], "x" * 500)]))
    terminal.summary(Report(predictions=[(number, number) for number in range(30)]))
    shown = screen.getvalue()
    assert '{"text": "[b]ünï[/b]"}' in shown
    assert '{"score": [0.5]}' in shown
    assert "…" in shown
    assert "x" * 300 not in shown.replace("\n", "")
    assert "and 10 more" in shown
