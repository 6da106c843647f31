"""The entries of jobs' logs, and parts of a log. Values.

Source: Cloud Logging's ``LogEntry`` (discovery document ``logging.v2``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """Cloud Logging's LogSeverity."""

    DEFAULT = "DEFAULT"
    DEBUG = "DEBUG"
    INFO = "INFO"
    NOTICE = "NOTICE"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"
    ALERT = "ALERT"
    EMERGENCY = "EMERGENCY"


@dataclass(frozen=True, slots=True)
class LogEntry:
    timestamp: datetime
    severity: Severity
    task_name: str
    """``master-replica-0``, ``worker-replica-3``, …, on Vertex AI ``workerpool0-0``, …, or ``service`` for the
    platform's own messages."""
    message: str
    """One line without its end; a line longer than the log's limit is split into several entries. Of an entry that a
    program wrote through Cloud Logging its text, of any number of lines."""
    place: int = field(default=0, compare=False)
    """Index in the job's log, in the order in which the entries arrived; the first is 0."""
    written: Mapping[str, Any] | None = field(default=None, compare=False)
    """What a program wrote through Cloud Logging, as its API has it (``LogEntry``); None for a line of output."""

    trial: str = field(default="", compare=False)
    """Of a tuning job: the id of the trial that wrote it."""

    @property
    def position(self) -> "LogPosition":
        return self.timestamp, self.place


LogPosition = tuple[datetime, int]
"""Sort key of a log's entries: ``timestamp``, then ``place``."""


@dataclass(frozen=True, slots=True)
class LogRange:
    """A part of a log; by default all of it."""

    after: LogPosition | None = None
    """Only entries after this position."""
    before: LogPosition | None = None
    """Only entries before this position."""
    since: datetime | None = None
    """Only entries at this time or later."""
    until: datetime | None = None
    """Only entries at this time or earlier."""

    def holds(self, entry: LogEntry) -> bool:
        return (
            (self.after is None or entry.position > self.after)
            and (self.before is None or entry.position < self.before)
            and self.overlaps(entry.timestamp, entry.timestamp)
        )

    def overlaps(self, earliest: datetime, latest: datetime) -> bool:
        """Whether entries between the two times, both included, can be in this range."""
        return not (
            (self.after is not None and latest < self.after[0])
            or (self.before is not None and earliest > self.before[0])
            or (self.since is not None and latest < self.since)
            or (self.until is not None and earliest > self.until)
        )


WHOLE_LOG = LogRange()
