"""The results of one run, and the JSON report of them that ``--report`` writes, for scripts and CI."""

import json
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cloud.backends.base import Backend
from cloud.resources import Job, Json, Version
from cloud.resources.log_entries import LogEntry
from cloud.resources.trials import Trial
from cloud.workflow.plan import Plan

_MOST_LINES = 5000


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    seconds: float
    detail: str


@dataclass(slots=True)
class Report:
    """The results of a run, filled in during the run."""

    steps: list[Step] = field(default_factory=list)
    job: Job | None = None
    best_trial: Trial | None = None
    version: Version | None = None
    rmse: float | None = None
    predictions: list[tuple[Json, Json]] = field(default_factory=list)
    """Instances and their predictions."""
    fares: list[tuple[float, float]] = field(default_factory=list)
    """Of the evaluation data: the actual fare and the predicted one, in dollars."""
    log: deque[LogEntry] = field(default_factory=lambda: deque(maxlen=_MOST_LINES))
    """Of the jobs: the last entries."""


def write_report(
    path: Path, backend: Backend, plan: Plan, report: Report, seconds: float, error: dict[str, str] | None
) -> None:
    """Write the report; parts that the run did not reach are null."""
    path.write_text(json.dumps(_content(backend, plan, report, seconds, error), indent=2) + "\n", encoding="utf-8")


def _content(
    backend: Backend, plan: Plan, report: Report, seconds: float, error: dict[str, str] | None
) -> dict[str, Json]:
    job, version = report.job, report.version
    return {
        "backend": backend.name,
        "project": backend.project,
        "bucket": plan.bucket,
        "steps": [
            {"name": step.name, "seconds": round(step.seconds, 3), "detail": step.detail} for step in report.steps
        ],
        "job": job
        and {
            "id": job.job_id,
            "state": job.state.value,
            "startTime": _rfc3339(job.start_time),
            "endTime": _rfc3339(job.end_time),
        },
        "trials": [_trial(trial) for trial in job.trials] if job else [],
        "bestTrial": report.best_trial and report.best_trial.trial_id,
        "metrics": {"rmse": report.rmse},
        "model": version and {"uri": str(version.spec.deployment_uri), "name": version.model, "version": version.name},
        "predictions": [
            {"instance": instance, "prediction": prediction} for instance, prediction in report.predictions
        ],
        "seconds": round(seconds, 3),
        "error": error,
    }


def _trial(trial: Trial) -> dict[str, Json]:
    return {
        "id": trial.trial_id,
        "state": trial.state.value,
        "parameters": dict(trial.parameters),
        "metrics": dict(trial.final.metrics) if trial.final else {},
    }


def _rfc3339(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).isoformat().replace("+00:00", "Z")
