"""``entries.write`` in JSON: log entries as programs write them. Pure.

https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/write
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from cloud.emulator.logging_v2.messages import job_labels
from cloud.errors import InvalidArgument, PermissionDenied
from cloud.resources import Json
from cloud.resources.log_entries import LogEntry, Severity

LARGEST = 256 * 1024
"""Bytes of an entry (https://cloud.google.com/logging/quotas#log-limits)."""
_LOG_NAME = re.compile(r"projects/(?P<project>[^/]+)/logs/(?P<log>[A-Za-z0-9%/_.\-]{1,511})")
_PAYLOADS = ("textPayload", "jsonPayload", "protoPayload")
_GLOBAL = "global"
_OF_PLATFORM = ("insertId", "timestamp", "receiveTimestamp")
_TASK = ("task_name", "ml.googleapis.com/task_name")


def project_entry_json(project: str, entry: LogEntry) -> dict[str, Json]:
    """An entry that no job wrote, without ``insertId`` and times."""
    written = dict(entry.written or {})
    return {"resource": {"type": _GLOBAL, "labels": {"project_id": project}}, **written}


def job_entry_json(project: str, job_id: str, entry: LogEntry) -> dict[str, Json]:
    """An entry that a program of a job wrote, without ``insertId`` and times: it is of the job, whatever machine the
    program takes itself to be on."""
    written = dict(entry.written or {})
    resource = {"job_id": job_id, "project_id": project, "task_name": entry.task_name}
    labels = {**job_labels(job_id, entry), **written.get("labels", {})}
    return {**written, "resource": {"type": "ml_job", "labels": resource}, "labels": labels}


def read_entry(body: Mapping[str, Json], number: int, projects: Sequence[str], now: datetime) -> LogEntry:
    """Reads an entry of a ``WriteLogEntriesRequest``. Its ``task_name`` is what its labels say, or empty.

    Args:
        projects: the project's id, then its number.
        now: when the request was received.

    Raises:
        InvalidArgument: a wrong name of a log, or size.
        PermissionDenied: another project.
    """
    entry, place = body["entries"][number], f"entries[{number}]"
    size = len(json.dumps(entry))
    if size > LARGEST:
        raise InvalidArgument(f"Log entry with size {size} exceeds maximum size of {LARGEST} bytes", field=place)
    labels = {**body.get("labels", {}), **entry.get("labels", {})}
    written = {
        **{name: value for name, value in entry.items() if name not in _OF_PLATFORM},
        "logName": _log_name(entry.get("logName") or body.get("logName", ""), projects, place),
        **({"labels": labels} if labels else {}),
    }
    resource = entry.get("resource") or body.get("resource")
    if resource:
        written["resource"] = {"labels": {}, **resource}
    severity = Severity(written.setdefault("severity", Severity.DEFAULT.value))
    named = [{**labels, **(resource or {}).get("labels", {})}.get(name, "") for name in _TASK]
    # Those without a time of their own sort in the order of the list.
    given = entry.get("timestamp")
    moment = datetime.fromisoformat(given).astimezone(UTC) if given else now + timedelta(microseconds=number)
    return LogEntry(moment, severity, named[0] or named[1], _text(written), written=written)


def _log_name(name: str, projects: Sequence[str], place: str) -> str:
    match = _LOG_NAME.fullmatch(name)
    if match is None:
        raise InvalidArgument(
            f"not a name of a log such as projects/PROJECT/logs/LOG_ID: {name[:200]!r}", field=f"{place}.log_name"
        )
    if match["project"] not in projects:
        raise PermissionDenied(
            f"Permission 'logging.logEntries.create' denied on resource 'projects/{match['project'][:200]}' (or it may "
            "not exist)."
        )
    return f"projects/{projects[0]}/logs/{match['log'].replace('/', '%2F')}"


def _text(written: Mapping[str, Json]) -> str:
    """What a person reads of it."""
    payload = next((written[name] for name in _PAYLOADS if name in written), "")
    if isinstance(payload, Mapping):
        message = payload.get("message")
        return message if isinstance(message, str) else json.dumps(payload, ensure_ascii=False)
    return str(payload)
