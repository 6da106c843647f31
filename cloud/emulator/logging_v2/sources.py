"""Where log entries are read from: the log of a job, and the one of entries that no job wrote."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from cloud.backends.base import Backend
from cloud.emulator.logging_v2.messages import entry_json, key_of, short_id
from cloud.emulator.logging_v2.written import job_entry_json, project_entry_json
from cloud.errors import NotFound, ResourceExhausted
from cloud.resources import Json
from cloud.resources.log_entries import LogEntry, LogRange

MOST_BYTES = 256 * 2**20
"""Of the entries of all programs outside of jobs."""


class Source(Protocol):
    short: str
    """Eight hexadecimal digits; the last part of the ``insertId`` of its entries."""

    async def read(self, part: LogRange, *, newest_first: bool, limit: int) -> Sequence[LogEntry]:
        """See ``Backend.read_logs``."""

    def write_json(self, entry: LogEntry) -> Json:
        """The entry in Google's JSON."""


class JobSource:
    """The log of a job of any backend."""

    def __init__(self, backend: Backend, job_id: str) -> None:
        self._backend, self._job_id = backend, job_id
        self.short = short_id(job_id)

    async def read(self, part: LogRange, *, newest_first: bool, limit: int) -> Sequence[LogEntry]:
        try:
            return await self._backend.read_logs(self._job_id, part, newest_first=newest_first, limit=limit)
        except NotFound:  # the job has gone, where jobs can go
            return ()

    def write_json(self, entry: LogEntry) -> Json:
        key, project = key_of(self._job_id, entry), self._backend.project
        if entry.written is None:
            return entry_json(project, self._job_id, key, entry)
        return job_entry_json(project, self._job_id, entry) | _identity(key)


class EntryLog(Protocol):
    """Keeps entries."""

    size: int
    """Bytes of them, once something was appended."""

    def append(self, entry: LogEntry) -> None: ...

    def read(self, part: LogRange, *, newest_first: bool, limit: int | None) -> Sequence[LogEntry]:
        """See ``Backend.read_logs``. Slow."""


class ProjectSource:
    """What programs outside of jobs write."""

    def __init__(self, project: str, log: EntryLog) -> None:
        self._project, self._log = project, log
        self.short = short_id("")

    def append(self, entries: Sequence[LogEntry]) -> None:
        """
        Raises:
            ResourceExhausted: there are too many.
        """
        if self._log.size > MOST_BYTES:
            raise ResourceExhausted(
                f"The entries that programs outside of jobs wrote have {MOST_BYTES:,} bytes, which is all that is "
                "kept here: start a cloud with another state folder."
            )
        for entry in entries:
            self._log.append(entry)

    async def read(self, part: LogRange, *, newest_first: bool, limit: int) -> Sequence[LogEntry]:
        return await asyncio.to_thread(self._log.read, part, newest_first=newest_first, limit=limit)

    def write_json(self, entry: LogEntry) -> Json:
        return project_entry_json(self._project, entry) | _identity(key_of("", entry))


def _identity(key: tuple[str, str]) -> dict[str, Json]:
    moment, insert_id = key
    return {"insertId": insert_id, "timestamp": moment, "receiveTimestamp": moment}
