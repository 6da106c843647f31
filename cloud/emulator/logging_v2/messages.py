"""``entries.list`` in JSON: the request, and log entries as ML Engine's jobs write them. Pure.

Messages: discovery document ``logging.v2``. Labels and payloads of a training job's entries: those that users of the
service have posted (https://github.com/tensorflow/tensorflow/issues/18984). The service's own lines are text, those
of replicas JSON.
"""

import base64
import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from cloud.emulator.logging_v2.filters import EntryFilter, parse_filter, partly
from cloud.errors import InvalidArgument, PermissionDenied
from cloud.resources import Json
from cloud.resources.log_entries import LogEntry

_DEFAULT_SIZE, _LARGEST_SIZE = 50, 1000
"""https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list"""
_ORDERS = {"": False, "timestamp": False, "timestamp asc": False, "timestamp desc": True}
_SERVICE = "service"
_RUNNER = "/runcloudml.py"
"""The file from which the service's runner logged what a trainer wrote."""


Position = tuple[datetime, int, str]
"""By which entries are in order: time, place in the log of the job, ``short_id`` of the job."""


@dataclass(frozen=True, slots=True)
class Query:
    """A checked request."""

    wanted: EntryFilter
    newest_first: bool
    size: int
    after: Position | None
    """Of the last entry of the page before this one."""
    _mark: str

    def token(self, last: Mapping[str, Json]) -> str:
        """For the page that begins after the entry ``last``."""
        parts = [self._mark, last["timestamp"], last["insertId"]]
        return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


def read_query(body: Mapping[str, Json], project: str, number: int) -> Query:
    """Reads a ``ListLogEntriesRequest``.

    Raises:
        InvalidArgument: a wrong name, order, size, filter or token.
        PermissionDenied: another project.
    """
    names = [*body.get("resourceNames", []), *(f"projects/{name}" for name in body.get("projectIds", []))]
    if not names:
        raise InvalidArgument("At least one of the resource names must be given.", field="resource_names")
    for name in names:
        _check_resource(name, {project, str(number)})
    order = body.get("orderBy", "").strip()
    if order not in _ORDERS:
        raise InvalidArgument(
            f'order_by must be "timestamp asc" or "timestamp desc", not {order[:100]!r}', field="order_by"
        )
    size = body.get("pageSize", _DEFAULT_SIZE)
    if size < 0:
        raise InvalidArgument(f"page_size must not be negative: {size}", field="page_size")
    text = body.get("filter", "")
    mark = hashlib.sha256(json.dumps([sorted(names), text, order]).encode()).hexdigest()[:12]
    return Query(
        wanted=parse_filter(text),
        newest_first=_ORDERS[order],
        size=min(size or _DEFAULT_SIZE, _LARGEST_SIZE),
        after=_read_token(body.get("pageToken", ""), mark),
        _mark=mark,
    )


def job_facts(project: str, job_id: str) -> dict[str, Json]:
    """What all entries of a job have in common, the rest unknown: a filter that it fails needs no log to be read."""
    return partly(
        {
            "resource": {"type": "ml_job", "labels": {"job_id": job_id, "project_id": project}},
            "labels": {"ml.googleapis.com/job_id": job_id},
        }
    )


def key_of(job_id: str, entry: LogEntry) -> tuple[str, str]:
    """``timestamp`` and ``insertId``.

    Identifiers sort as places in the log do: with them clients go on where they were among entries of one moment
    (``insertId > "…"``).
    """
    moment = entry.timestamp.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return moment, f"{entry.place:010x}{short_id(job_id)}"


def entry_json(project: str, job_id: str, key: tuple[str, str], entry: LogEntry) -> dict[str, Json]:
    """An entry of a job's output, of which ``key_of`` gave the ``key``."""
    moment, insert_id = key
    is_service = entry.task_name == _SERVICE
    log = f"ml.googleapis.com/{job_id}" if is_service else entry.task_name
    labels = job_labels(job_id, entry)
    if not is_service:
        labels["ml.googleapis.com/job_id/log_area"] = "root"
        labels["compute.googleapis.com/resource_name"] = f"cmle-training-{entry.task_name}-{short_id(job_id)}"
    return {
        "insertId": insert_id,
        **({"textPayload": entry.message} if is_service else {"jsonPayload": _payload(entry)}),
        "resource": {
            "type": "ml_job",
            "labels": {"job_id": job_id, "project_id": project, "task_name": entry.task_name},
        },
        "timestamp": moment,
        "severity": entry.severity.value,
        "labels": labels,
        "logName": f"projects/{project}/logs/{quote(log, safe='')}",
        "receiveTimestamp": moment,
    }


def job_labels(job_id: str, entry: LogEntry) -> dict[str, Json]:
    """Labels of every entry of a job."""
    return {
        "ml.googleapis.com/job_id": job_id,
        "ml.googleapis.com/task_name": entry.task_name,
        "ml.googleapis.com/trial_id": entry.trial,
    }


def _payload(entry: LogEntry) -> Mapping[str, Json]:
    return {
        "created": entry.timestamp.timestamp(),
        "levelname": entry.severity.value,
        "lineno": 0,
        "message": entry.message,
        "pathname": _RUNNER,
    }


@functools.lru_cache(maxsize=1024)
def short_id(job_id: str) -> str:
    """Eight hexadecimal digits."""
    return hashlib.sha256(job_id.encode()).hexdigest()[:8]


def _check_resource(name: str, projects: set[str]) -> None:
    """Accepts this project and its views."""
    kind, _, rest = name.partition("/")
    if kind not in ("projects", "organizations", "billingAccounts", "folders") or not rest:
        raise InvalidArgument(f"not a resource name such as projects/PROJECT: {name[:200]!r}", field="resource_names")
    if kind != "projects" or rest.partition("/")[0] not in projects:
        raise PermissionDenied(f"Permission denied for all log views of {name[:200]}.")


def _read_token(token: str, mark: str) -> Position | None:
    if not token:
        return None
    try:
        given, timestamp, insert_id = json.loads(base64.urlsafe_b64decode(token.encode()))
        place = datetime.fromisoformat(timestamp).astimezone(UTC), int(insert_id[:10], 16), insert_id[10:]
    except (ValueError, TypeError, OverflowError, RecursionError):
        given, place = None, None
    if given != mark:
        raise InvalidArgument("page_token doesn't match arguments from the request", field="page_token")
    return place
