"""Cloud Logging's ``entries.list`` over any backend's jobs: what ``gcloud ai-platform jobs stream-logs`` calls.

https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list
"""

from collections.abc import Iterable

from cloud.backends.base import Backend
from cloud.emulator.logging_v2.messages import read_query
from cloud.emulator.logging_v2.pages import JobIds, read_page
from cloud.emulator.rest.api import Api, Route
from cloud.emulator.rest.call import Call
from cloud.engine.project.access import ProjectAccess
from cloud.resources import Json

HOSTS = r"logging(?:\.mtls)?\.googleapis\.com"
SCOPES = r"logging\.(?:admin|read|write)"
"""This API's own OAuth scopes."""
DOCUMENT = "logging.v2"


class LoggingV2(Api):
    """The log entries of one project.

    Args:
        project_number: by which requests may name it, too.
    """

    SERVICE, DOCUMENT = "logging.googleapis.com", DOCUMENT

    def __init__(self, backend: Backend, *, project_number: int, access: ProjectAccess | None = None) -> None:
        super().__init__(backend.project, project_number, access)
        self._backend, self._job_ids = backend, JobIds(backend)

    def routes(self) -> Iterable[Route]:
        return [Route("logging.entries.list", self._list, "logging.logEntries.list")]

    async def _list(self, call: Call) -> Json:
        query = read_query(call.body, self.project, self.number)
        page, more = await read_page(self._backend, self._job_ids, query)
        answer: dict[str, Json] = {"entries": page} if page else {}
        return answer | ({"nextPageToken": query.token(page[-1])} if more else {})
