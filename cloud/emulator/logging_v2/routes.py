"""Cloud Logging's ``entries.list`` over any backend's jobs: what ``gcloud ai-platform jobs stream-logs`` asks.

https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list
"""

import asyncio
from collections.abc import Iterable, Sequence
from operator import itemgetter

from aiohttp import web

from cloud.backends.base import Backend
from cloud.emulator.answers import Answer, json_answer
from cloud.emulator.call import require_credential
from cloud.emulator.logging_v2.wire import Query, entry_json, job_facts, key_of, read_query
from cloud.engine.principal import Principal
from cloud.errors import NotFound, PermissionDenied
from cloud.resources import Json, LogEntry

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
        self._number = project_number

    def method_id(self, _: web.Request) -> str:
        return "logging.entries.list"

    async def handle(self, request: web.Request, principal: Principal) -> Answer:
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
        project = self._backend.project
        logs = [
            (job.job_id, await self._backend.read_logs(job.job_id))
            for job in await self._backend.list_jobs()
            if query.wanted(job_facts(project, job)) is not False
        ]
        # A long log takes its time, and others want answers.
        page, more = await asyncio.to_thread(_page, project, logs, query)
        answer: dict[str, Json] = {"entries": page} if page else {}
        if more:
            answer["nextPageToken"] = query.token(page[-1])
        return answer


def _page(project: str, logs: Iterable[tuple[str, Sequence[LogEntry]]], query: Query) -> tuple[list[Json], bool]:
    """One page, and whether there are more."""
    lines = [(key_of(job_id, place, entry), job_id, entry) for job_id, log in logs for place, entry in enumerate(log)]
    lines.sort(key=itemgetter(0), reverse=query.newest_first)
    page: list[Json] = []
    for key, job_id, entry in lines:
        if query.after is not None and (key >= query.after if query.newest_first else key <= query.after):
            continue
        found = entry_json(project, job_id, key, entry)
        if query.wanted(found):
            if len(page) == query.size:
                return page, True
            page.append(found)
    return page, False
