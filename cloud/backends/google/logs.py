"""Jobs' logs in Cloud Logging: read once, or followed until the job is final and its log complete.

https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list. To follow a log is to poll it. Entries may
become visible some time after they were written, so each poll overlaps the one before; ``insertId`` tells duplicates.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cloud.backends.google.transport import Transport
from cloud.gcs.backoff import Pace
from cloud.resources import Json
from cloud.resources.log_entries import LogEntry, Severity
from cloud.wire.ml_v1 import precise_timestamp

_PAGE = 1000
_SEVERITIES: Mapping[str, Severity] = {
    **{severity.value: severity for severity in Severity},
    "ALERT": Severity.CRITICAL,
    "EMERGENCY": Severity.CRITICAL,
}
_CLOSING = ("Job completed successfully.", "Job failed.", "Job cancelled.")
"""The service's last entry of a job."""


@dataclass(frozen=True, slots=True)
class JobLog:
    """A job's log, and the conversion of its entries."""

    job_id: str
    """In Cloud Logging: ML Engine's id, or the number of a ``CustomJob``."""
    read: Callable[[LogEntry], LogEntry] = lambda entry: entry
    """Converts an entry from the service's terms to the workflow's."""


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late entries may become visible, in seconds."""

    overlap: float = 60.0
    """Each poll reads this far back."""
    quiet: float = 15.0
    """A finished job's log without the service's last entry is complete if no entry arrives for this long."""


class Logs:
    def __init__(self, transport: Transport, project: str, *, pace: Pace, lateness: Lateness) -> None:
        self._transport, self._project = transport, project
        self._pace, self._lateness = pace, lateness

    async def read(self, log: JobLog) -> list[LogEntry]:
        """All entries visible now."""
        return [log.read(_entry(item)) for item in await self._list(log, None)]

    async def follow(self, log: JobLog, is_final: Callable[[], Awaitable[bool]]) -> AsyncIterator[LogEntry]:
        """Every entry once, until ``is_final()`` and the log is complete."""
        known: set[str] = set()
        newest: datetime | None = None
        polls, closed, quiet = 0, False, 0.0
        while True:
            ended = await is_final()
            since = newest and newest - timedelta(seconds=self._lateness.overlap)
            new = [item for item in await self._list(log, since) if item["insertId"] not in known]
            for item in new:
                known.add(item["insertId"])
                entry = _entry(item)
                newest = max(newest or entry.timestamp, entry.timestamp)
                closed = closed or (entry.task_name == "service" and entry.message in _CLOSING)
                yield log.read(entry)
            polls, quiet = (1, 0.0) if new else (polls + 1, quiet)
            if ended and (closed or quiet >= self._lateness.quiet):
                return
            pause = self._pace.pause(polls)
            quiet += pause if ended else 0.0
            await asyncio.sleep(pause)

    async def _list(self, log: JobLog, since: datetime | None) -> list[Json]:
        query = f'resource.type="ml_job" AND resource.labels.job_id="{log.job_id}"'
        if since is not None:
            query += f' AND timestamp>="{precise_timestamp(since)}"'
        body = {
            "resourceNames": [f"projects/{self._project}"],
            "filter": query,
            "orderBy": "timestamp asc",
            "pageSize": _PAGE,
        }
        found: list[Json] = []
        while True:
            page = await self._transport.send("logging.entries.list", {}, body)
            found += page.get("entries", [])
            if not page.get("nextPageToken"):
                return found
            body["pageToken"] = page["nextPageToken"]


def _entry(item: Json) -> LogEntry:
    payload = item.get("jsonPayload", {})
    task = item.get("resource", {}).get("labels", {}).get("task_name", "")
    return LogEntry(
        timestamp=datetime.fromisoformat(item["timestamp"]),
        severity=_SEVERITIES.get(item.get("severity", ""), Severity.INFO),
        task_name=task or item.get("labels", {}).get("ml.googleapis.com/task_name", "service"),
        message=item["textPayload"] if "textPayload" in item else str(payload.get("message", "")),
        trial=item.get("labels", {}).get("ml.googleapis.com/trial_id", ""),
    )
