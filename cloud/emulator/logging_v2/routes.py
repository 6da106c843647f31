"""Cloud Logging over any backend's jobs: ``entries.list``, which ``gcloud ai-platform jobs stream-logs`` calls, and
``entries.write``, which google-cloud-logging calls.

https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from cloud.backends.base import Backend
from cloud.emulator.logging_v2.messages import read_query
from cloud.emulator.logging_v2.pages import JobIds, read_page
from cloud.emulator.logging_v2.sources import EntryLog, ProjectSource
from cloud.emulator.logging_v2.values import RANKS
from cloud.emulator.logging_v2.written import read_entry
from cloud.emulator.rest.api import Api, Route
from cloud.emulator.rest.call import Call
from cloud.engine.project.access import ProjectAccess
from cloud.errors import CloudError
from cloud.resources import Json
from cloud.resources.log_entries import LogEntry

DOCUMENT = "logging.v2"
_CREATE = "logging.logEntries.create"
_NUMBERS = {"LogEntry.severity": {number: name for name, number in RANKS.items()}}
"""google-cloud-logging sends numbers."""


class LoggingV2(Api):
    """The log entries of one project.

    Args:
        project_number: by which requests may name it, too.
        written: for what programs outside of jobs write; None: nobody can write.
    """

    SERVICE, DOCUMENT = "logging.googleapis.com", DOCUMENT
    ENUM_NUMBERS = _NUMBERS

    def __init__(
        self,
        backend: Backend,
        *,
        project_number: int,
        access: ProjectAccess | None = None,
        written: EntryLog | None = None,
    ) -> None:
        super().__init__(backend.project, project_number, access)
        self._backend, self._job_ids = backend, JobIds(backend)
        self._written = ProjectSource(backend.project, written) if written is not None else None

    def routes(self) -> Iterable[Route]:
        reading = Route("logging.entries.list", self._list, "logging.logEntries.list")
        return [reading, Route("logging.entries.write", self._write_entries, _CREATE)] if self._written else [reading]

    async def authorize(self, call: Call, permission: str) -> None:
        """Any account may write to the log of the job that runs as it."""
        if permission != _CREATE or call.write_log is None:
            await super().authorize(call, permission)

    async def _list(self, call: Call) -> Json:
        query = read_query(call.body, self.project, self.number)
        page, more = await read_page(self._backend, self._job_ids, query, [self._written] if self._written else ())
        answer: dict[str, Json] = {"entries": page} if page else {}
        return answer | ({"nextPageToken": query.token(page[-1])} if more else {})

    async def _write_entries(self, call: Call) -> Json:
        assert self._written is not None  # noqa: S101 - else this is no route
        errors: dict[int, CloudError] = {}
        now, body, good = datetime.now(UTC), call.body, list[LogEntry]()
        for number in range(len(body.get("entries", []))):
            try:
                good.append(read_entry(body, number, (self.project, str(self.number)), now))
            except CloudError as error:
                errors[number] = error
        if errors and not body.get("partialSuccess"):
            raise next(iter(errors.values()))
        if not body.get("dryRun"):
            self._append(good, call)
        if errors:
            raise next(iter(errors.values()))
        return {}

    def _append(self, entries: Sequence[LogEntry], call: Call) -> None:
        assert self._written is not None  # noqa: S101 - see above
        if call.write_log is None:
            self._written.append(entries)
        else:
            for entry in entries:
                call.write_log(entry)
