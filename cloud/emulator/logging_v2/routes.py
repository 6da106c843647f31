"""Cloud Logging's ``entries.list`` over any backend's jobs: what ``gcloud ai-platform jobs stream-logs`` asks.

https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list
"""

from aiohttp import web

from cloud.backends.base import Backend
from cloud.emulator.logging_v2.messages import Query, read_query
from cloud.emulator.logging_v2.pages import JobIds, read_page
from cloud.emulator.rest.call import require_credential
from cloud.emulator.rest.responses import json_answer
from cloud.engine.principal import Principal
from cloud.errors import NotFound, PermissionDenied
from cloud.resources import Json

HOSTS = r"logging(?:\.mtls)?\.googleapis\.com"
METHODS = ("logging.entries.list",)
"""Google's ids of what is answered here."""
_PATH = "/v2/entries:list"


class LoggingV2:
    """The log entries of one project.

    Args:
        project_number: by which requests may name it, too.
    """

    def __init__(self, backend: Backend, *, project_number: int) -> None:
        self._backend = backend
        self._job_ids = JobIds(backend)
        self._number = project_number

    def method_id(self, _: web.Request) -> str:
        return "logging.entries.list"

    async def handle(self, request: web.Request, principal: Principal) -> web.StreamResponse:
        """Raises:
        CloudError: to be written in the platform's style.
        """
        if (request.method, request.path) != ("POST", _PATH):
            raise NotFound(f"The requested URL {request.path[:300]} was not found on this server.")
        require_credential(principal)
        project = self._backend.project
        if not principal.is_project_owner:
            raise PermissionDenied(
                "Permission 'logging.logEntries.list' denied on resource "
                f"'//logging.googleapis.com/projects/{project}' (or it may not exist)."
            )
        query = read_query(await request.read(), project, self._number)
        answer = await self._list(query)
        compact = request.query.get("prettyPrint", "true").lower() in ("false", "0")
        return json_answer(answer, {"fields": request.query.get("fields"), "prettyPrint": not compact})

    async def _list(self, query: Query) -> dict[str, Json]:
        page, more = await read_page(self._backend, self._job_ids, query)
        answer: dict[str, Json] = {"entries": page} if page else {}
        if more:
            answer["nextPageToken"] = query.token(page[-1])
        return answer
