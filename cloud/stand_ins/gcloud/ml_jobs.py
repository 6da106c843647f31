"""``gcloud ai-platform jobs``: list, describe, stream-logs, cancel."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from typing import IO, Any

from cloud.stand_ins.connection import escape
from cloud.stand_ins.gcloud import ml
from cloud.stand_ins.gcloud.commands import command, flag
from cloud.stand_ins.gcloud.invocation import Invocation

LISTED = "table(jobId.basename(), state:label=STATUS, createTime.date(tz=LOCAL):label=CREATED)"
_JOB = flag("JOB", nargs="?", required=True)
_POLL_SECONDS = 0.1, 1.0
"""Shortest and longest wait for new lines, where the user gives none: the quieter the job, the longer."""
ML_ENGINE = '(resource.type="ml_job" OR resource.type="cloudml_job") AND resource.labels.job_id="{job}"'
VERTEX = 'resource.type="ml_job" AND resource.labels.job_id="{job}"'


def get(run: Invocation, job: str) -> Any:
    return run.call("GET", ml.HOST, f"{ml.project_path(run)}/jobs/{escape(job)}")


@command("ai-platform jobs list", shows=LISTED, lists=True)
def list_jobs(run: Invocation, _: argparse.Namespace) -> list[Any]:
    return run.pages(ml.HOST, f"{ml.project_path(run)}/jobs", "jobs")


@command("ai-platform jobs describe", _JOB, flag("--summarize", action="store_true"))
def describe(run: Invocation, flags: argparse.Namespace) -> Any:
    found, project = get(run, flags.JOB), run.project
    address = f"https://console.cloud.google.com/mlengine/jobs/{flags.JOB}?project={project}"
    logs = f"https://console.cloud.google.com/logs?resource=ml_job%2Fjob_id%2F{flags.JOB}&project={project}"
    run.after = f"\nView job in the Cloud Console at:\n{address}\n\nView logs at:\n{logs}"
    return found


@command("ai-platform jobs cancel", _JOB)
def cancel(run: Invocation, flags: argparse.Namespace) -> None:
    run.call("POST", ml.HOST, f"{ml.project_path(run)}/jobs/{escape(flags.JOB)}:cancel", None, {})


@command(
    "ai-platform jobs stream-logs",
    _JOB,
    flag("--polling-interval", type=float),
    flag("--task-name"),
    flag("--allow-multiline-logs", action="store_true"),
    shows="none",
)
def stream_logs(run: Invocation, flags: argparse.Namespace) -> None:
    get(run, flags.JOB)
    interval = flags.polling_interval or float(run.configuration.get("ml_engine/polling_interval") or 0)
    follow(run, flags.JOB, sys.stdout, interval, flags.task_name, is_multiline=flags.allow_multiline_logs)


def follow(
    run: Invocation,
    job: str,
    to: IO[str],
    interval: float | None = None,
    task_name: str | None = None,
    *,
    is_multiline: bool = False,
) -> None:
    """Write a job's log lines until it has ended and all are read."""
    wanted = ML_ENGINE.format(job=job)
    if task_name:
        wanted += f' AND resource.labels.task_name="{task_name}"'
    follow_entries(run, wanted, lambda: "endTime" in get(run, job), interval, to, is_multiline=is_multiline)


def follow_entries(
    run: Invocation,
    wanted: str,
    has_ended: Callable[[], bool],
    interval: float | None = None,
    to: IO[str] | None = None,
    *,
    is_multiline: bool = False,
) -> None:
    """The same for any job.

    Args:
        wanted: filter of Cloud Logging for its entries.
        interval: seconds between two looks; without one (or 0) they follow the pace of the lines.
    """
    shortest, longest = (interval, interval) if interval else _POLL_SECONDS
    pause = shortest
    to = sys.stdout if to is None else to
    seen: set[str] = set()
    latest = ""
    while True:
        # First the state: what was logged before the job ended is in the listing that follows.
        is_ended, found = has_ended(), False
        for entry in _entries(run, wanted, latest):
            if entry["insertId"] in seen:
                continue
            seen.add(entry["insertId"])
            latest, found = max(latest, entry["timestamp"]), True
            for line in _lines(entry, is_multiline=is_multiline):
                to.write(line)
        to.flush()
        if is_ended and not found:
            return
        if found:
            pause = shortest
        else:
            time.sleep(pause)
            pause = min(2 * pause, longest)


def _entries(run: Invocation, wanted: str, since: str) -> Iterator[Any]:
    body: dict[str, Any] = {
        "resourceNames": [f"projects/{run.project}"],
        "filter": f'{wanted} AND timestamp>="{since}"' if since else wanted,
        "orderBy": "timestamp asc",
        "pageSize": 1000,
    }
    while True:
        page = run.call("POST", "logging", "/v2/entries:list", None, body)
        yield from page.get("entries", ())
        if not page.get("nextPageToken"):
            return
        body["pageToken"] = page["nextPageToken"]


def _lines(entry: dict[str, Any], *, is_multiline: bool) -> Iterator[str]:
    """``SEVERITY, time, task, trial, text``, with tabs."""
    payload = entry.get("jsonPayload", {})
    text = entry.get("textPayload", payload.get("message", ""))
    labels = {**entry.get("resource", {}).get("labels", {}), **entry.get("labels", {})}
    trial = labels.get("ml.googleapis.com/trial_id") or labels.get("trial_id") or ""
    when = entry["timestamp"][:19].replace("T", " ") + " +0000"
    task = labels.get("task_name", "unknown_task")
    texts = [text] if is_multiline else text.split("\n")
    for each in texts:
        yield f"{entry.get('severity', 'DEFAULT')}\t{when}\t{task}\t{trial}\t{each}\n"
