"""The first page: the project, and how programs in a terminal reach it."""

from aiohttp import web

from cloud.backends.base import Backend
from cloud.console.rendering import elapsed, page

_RECENT = 5


class ProjectPages:
    """Args:
    command: that leads a terminal to this cloud.
    iam: how access is controlled.
    """

    def __init__(self, backend: Backend, number: int, iam: str, command: str) -> None:
        self._backend, self._number, self._iam, self._command = backend, number, iam, command

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/", self.project)]

    async def project(self, request: web.Request) -> web.Response:
        backend = self._backend
        jobs = await backend.list_jobs(limit=_RECENT)
        return page(
            request,
            "project.html",
            region=backend.region,
            number=self._number,
            account=await backend.ml_service_account(),
            iam=self._iam,
            command=self._command,
            jobs=jobs,
            live="jobs",
            elapsed=elapsed,
        )
