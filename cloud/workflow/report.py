"""The JSON report of one run that ``--report`` writes, for scripts and CI."""

import json
from datetime import UTC, datetime
from pathlib import Path

from cloud.backends.base import Backend
from cloud.resources import Json
from cloud.workflow.plan import Plan
from cloud.workflow.steps import Report


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
        "metrics": {"rmse": report.rmse},
        "model": version and {"uri": str(version.spec.deployment_uri), "name": version.model, "version": version.name},
        "predictions": [
            {"instance": instance, "prediction": prediction} for instance, prediction in report.predictions
        ],
        "seconds": round(seconds, 3),
        "error": error,
    }


def _rfc3339(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).isoformat().replace("+00:00", "Z")
