"""Shows a run at a terminal: steps with their times, progress bars, the job's log, a table of fares.

If output is no terminal (CI, a file), it prints the same lines without bars and colours.
"""

import json
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from cloud.resources import Json, TransferProgress
from cloud.resources.log_entries import LogEntry, Severity
from cloud.resources.trials import Trial
from cloud.workflow import taxifare, tuning
from cloud.workflow.report import Report

_STYLES = {Severity.WARNING: "yellow", Severity.ERROR: "red", Severity.CRITICAL: "bold red", Severity.DEBUG: "dim"}
_MOST_ROWS, _MOST_CHARACTERS = 20, 200


class Terminal:
    """An ``Observer``. Use as a context manager around the run: meanwhile progress bars use the screen's last lines.

    Args:
        are_fares: whether the predictions are the taxi-fare model's.
    """

    def __init__(self, console: Console, *, are_fares: bool = False) -> None:
        self._console, self._are_fares = console, are_fares
        self._progress = Progress(
            TextColumn("  {task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f} {task.fields[unit]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._bar: TaskID | None = None
        self._number = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def step_started(self, name: str, title: str) -> None:
        self._number += 1
        self._console.print(f"[bold cyan]{self._number}. {escape(title)}[/] [dim]({name})[/]", highlight=False)

    def step_finished(self, name: str, seconds: float, detail: str) -> None:  # noqa: ARG002 - part of Observer
        self._remove_bar()
        self._console.print(f"   [green]done[/] in {seconds:.1f} s  {escape(detail)}", highlight=False, soft_wrap=True)

    def step_failed(self, name: str, seconds: float) -> None:
        self._remove_bar()
        self._console.print(f"   [red]{escape(name)} stopped[/] after {seconds:.1f} s", highlight=False)

    def transferred(self, progress: TransferProgress) -> None:
        self._show(
            f"{progress.files_done}/{progress.files_total} files", progress.bytes_done, progress.bytes_total, "bytes"
        )

    def logged(self, entry: LogEntry) -> None:
        style = _STYLES.get(entry.severity, "")
        time = entry.timestamp.astimezone().strftime("%H:%M:%S")
        # A job's text is data: its markup and control characters must not affect the terminal.
        message = "".join(
            character if character.isprintable() or character == "\t" else "\ufffd" for character in entry.message
        )
        source = f"{entry.task_name} {entry.trial}" if entry.trial else entry.task_name
        self._console.print(f"   [dim]{time} {source:<16}[/] ", end="", highlight=False, soft_wrap=True)
        self._console.print(message, style=style, markup=False, highlight=False, soft_wrap=True)

    def trained(self, steps_done: int, steps_total: int) -> None:
        self._show("training", steps_done, steps_total, "steps")

    def _show(self, description: str, done: int, total: int, unit: str) -> None:
        if self._bar is None:
            self._bar = self._progress.add_task(description, total=total, unit=unit)
        self._progress.update(self._bar, description=description, completed=done, total=total)

    def _remove_bar(self) -> None:
        if self._bar is not None:
            self._progress.remove_task(self._bar)
            self._bar = None

    def summary(self, report: Report) -> None:
        """Print the tables of trials and predictions, and the evaluation."""
        if report.job and report.job.trials:
            self._console.print(_trials(report.job.trials, report.best_trial))
        if report.predictions:
            table = _fares if self._are_fares else _predictions
            self._console.print(table(report.predictions))
        if report.rmse is not None:
            self._console.print(
                f"RMSE on the whole evaluation file: [bold]{report.rmse:.4f}[/] dollars", highlight=False
            )


def _trials(trials: Sequence[Trial], best: Trial | None) -> Table:
    table = Table(title="Trials")
    parameters = tuning.names(trials)
    metrics = list(dict.fromkeys(name for trial in trials if trial.final for name in trial.final.metrics))
    for name in ("trial", *parameters, *metrics, "state"):
        table.add_column(escape(name), justify="right")
    for trial in trials:
        values = [tuning.short(trial.parameters.get(name, "")) for name in parameters]
        values += [f"{trial.final.metrics[name]:.4f}" if trial.final else "" for name in metrics]
        style = "bold" if best and trial.trial_id == best.trial_id else ""
        table.add_row(trial.trial_id, *map(escape, values), trial.state.value, style=style)
    return table


def _predictions(predictions: list[tuple[Json, Json]]) -> Table:
    table = Table(title="Predictions")
    for name in ("instance", "prediction"):
        table.add_column(name, overflow="fold")
    for row in predictions[:_MOST_ROWS]:
        table.add_row(*(escape(_short(json.dumps(value, ensure_ascii=False))) for value in row))
    if len(predictions) > _MOST_ROWS:
        table.caption = f"and {len(predictions) - _MOST_ROWS} more"
    return table


def _short(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"


def _fares(predictions: list[tuple[Json, Json]]) -> Table:
    table = Table(title="Predicted fares")
    for name in taxifare.INPUTS:
        table.add_column(name, justify="right")
    table.add_column("fare", justify="right", style="bold")
    for instance, prediction in predictions:
        inputs = (str(instance.get(name, "")) for name in taxifare.INPUTS)
        table.add_row(*inputs, f"${taxifare.predicted_fare(prediction):.2f}")
    return table
