"""Cloud Logging's ``entries.list`` over any backend's jobs: what ``gcloud ai-platform jobs stream-logs`` asks.

https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list
"""

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from operator import itemgetter

from aiohttp import web

from cloud.backends.base import Backend
from cloud.emulator.logging_v2.messages import Query, entry_json, job_facts, key_of, positions, read_query
from cloud.emulator.rest.call import require_credential
from cloud.emulator.rest.responses import json_answer
from cloud.engine.principal import Principal
from cloud.errors import NotFound, PermissionDenied
from cloud.resources import Json, LogEntry

HOSTS = r"logging(?:\.mtls)?\.googleapis\.com"
METHODS = ("logging.entries.list",)
"""Google's ids of what is answered here."""
_PATH = "/v2/entries:list"
_POSITION = itemgetter(0)


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
    lines = [line for job_id, log in logs for line in positions(job_id, log)]
    lines.sort(key=_POSITION)
    if query.newest_first:
        lines = lines[: None if query.after is None else bisect_left(lines, query.after, key=_POSITION)]
        lines.reverse()
    elif query.after is not None:
        lines = lines[bisect_right(lines, query.after, key=_POSITION) :]
    page: list[Json] = []
    for (_, place, _), job_id, entry in lines:
        found = entry_json(project, job_id, key_of(job_id, place, entry), entry)
        if query.wanted(found):
            if len(page) == query.size:
                return page, True
            page.append(found)
    return page, False
