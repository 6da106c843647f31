"""Cloud Logging's ``entries.list``: what ``gcloud ai-platform jobs stream-logs`` calls.

https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list
"""

from collections.abc import Iterable

from cloud.backends.base import Backend
from cloud.emulator.logging_v2.entries import EntryMethods
from cloud.emulator.rest.api import Api, Route

HOSTS = r"logging(?:\.mtls)?\.googleapis\.com"
DOCUMENT = "logging.v2"


def routes(entries: EntryMethods) -> list[Route]:
    """Every method that is answered."""
    return [Route("logging.entries.list", entries.list, "logging.logEntries.list")]


class LoggingV2(Api):
    """The log entries of one project.

    Args:
        project_number: by which requests may name it, too.
    """

    SERVICE, DOCUMENT = "logging.googleapis.com", DOCUMENT

    def __init__(self, backend: Backend, *, project_number: int) -> None:
        super().__init__(backend.project, project_number)
        self._backend = backend

    def routes(self) -> Iterable[Route]:
        return routes(EntryMethods(self._backend, self.number))
