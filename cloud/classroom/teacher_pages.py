"""The teacher's pages: students and chapters, the queue, resets, and the addresses to hand out."""

from collections.abc import Sequence

from aiohttp import web

from cloud.classroom.classroom import Classroom
from cloud.classroom.cloud_process import CloudProcess
from cloud.classroom.rendering import HEADERS, SCRIPT, render
from cloud.console.rendering import CSRF, language_of
from cloud.console.words import LANGUAGES
from cloud.lab.checks import CHECKS
from cloud.lab.notebooks import Chapter, outline


class TeacherPages:
    def __init__(self, classroom: Classroom) -> None:
        self._class = classroom

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self._students),
            web.get("/addresses", self._addresses),
            web.post("/reset/{project}", self._reset),
            web.get("/class.js", self._script),
        ]

    async def _students(self, request: web.Request) -> web.Response:
        self._class.see()
        queue, places, running = self._class.queue, self._class.places(), self._class.running()
        return self._page(
            request,
            "class.html",
            rows=[_Row(cloud) for cloud in self._class.clouds.values()],
            checks=list(CHECKS),
            chapters=outline(language_of(request)),
            places=places,
            running=running,
            limit=queue.limit,
            all_running=len(queue.running),
            all_waiting=len(queue.waiting),
        )

    async def _addresses(self, request: web.Request) -> web.Response:
        students = [(student.name, self._class.address(student)) for student in self._class.students]
        return self._page(request, "addresses.html", students=students)

    async def _reset(self, request: web.Request) -> web.Response:
        project = request.match_info["project"]
        if project not in self._class.clouds:
            raise web.HTTPNotFound
        await self._class.reset(project)
        return web.Response(status=303, headers={**HEADERS, "Location": "/"})

    async def _script(self, _: web.Request) -> web.Response:
        return web.Response(body=SCRIPT.read_bytes(), content_type="text/javascript", headers=HEADERS)

    def _page(self, request: web.Request, template: str, **values: object) -> web.Response:
        text = render(
            template,
            language_of(request),
            **values,
            csrf=request.app[CSRF],
            path=request.path,
            languages=LANGUAGES,
            has_users=self._class.students[0].user is not None,
        )
        return web.Response(text=text, content_type="text/html", headers=HEADERS)


class _Row:
    """One student, as the template shows him."""

    def __init__(self, cloud: CloudProcess) -> None:
        self.name, self.project = cloud.student.name, cloud.student.project
        self.state, self.restarts, self.problem = cloud.state.value, cloud.restarts, cloud.problem
        self.report = cloud.report

    @property
    def count(self) -> int:
        return sum(map(self.report.is_done, self.report.checks))

    def done(self, chapter: Chapter) -> int:
        """How many of its checks."""
        return sum(map(self.report.is_done, chapter.checks))

    def next(self, checks: Sequence[str]) -> str | None:
        """The first check that is not done."""
        return next((check for check in checks if not self.report.is_done(check)), None)
