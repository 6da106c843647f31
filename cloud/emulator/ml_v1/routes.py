"""ML Engine's methods: one table from Google's method ids to handlers, and the way of a request through it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from aiohttp import web
from yarl import URL

from cloud.backends.base import Backend
from cloud.emulator.ml_v1.iam import AccessMethods
from cloud.emulator.ml_v1.intents import Making
from cloud.emulator.ml_v1.jobs import JobMethods
from cloud.emulator.ml_v1.models import ModelMethods
from cloud.emulator.ml_v1.prediction import PredictionMethods
from cloud.emulator.ml_v1.project import Project
from cloud.emulator.ml_v1.projects import ProjectMethods
from cloud.emulator.ml_v1.records import Records
from cloud.emulator.ml_v1.versions import VersionMethods
from cloud.emulator.rest.call import Call, require_credential
from cloud.emulator.rest.discovery import Discovery, load
from cloud.emulator.rest.operations import Operations
from cloud.emulator.rest.responses import json_answer
from cloud.engine.principal import Principal
from cloud.errors import InvalidArgument, PermissionDenied, Unimplemented
from cloud.resources import Json

HOSTS = r"(?:[a-z]{2,20}-[a-z]{2,20}\d{1,2}-)?ml\.googleapis\.com|ml\.mtls\.googleapis\.com"
"""The global endpoint and the regional ones."""
DOCUMENT = "ml.v1"
DOCUMENT_PATHS = {
    "storage.googleapis.com": r"/cloud-ml/discovery/ml_v1_discovery\.json",
    "www.googleapis.com": r"/discovery/v1/apis/ml/v1/rest",
    HOSTS: r"/\$discovery/rest",
}
"""Where clients look for this API's discovery document; the first is the address in Google's course."""

Handler = Callable[[Call], Awaitable[web.Response | Json]]


@dataclass(frozen=True, slots=True)
class Route:
    method_id: str
    """Google's, as in the discovery document."""
    permission: str
    """That a caller needs; none where anyone with a credential may ask."""
    handler: Handler
    is_refused: bool = False
    """Always answered with an error that says why."""
    is_raw: bool = False
    """Reads the body itself: it is a model's, of which the discovery document says nothing."""


def routes(project: Project, document: Discovery, versions: VersionMethods) -> list[Route]:
    """Every method that is answered. Vizier's (``ml.projects.locations.studies.*``) are another product's."""
    schemas = document.schemas
    jobs, models = JobMethods(project, schemas), ModelMethods(project, schemas, versions)
    projects, prediction, access = ProjectMethods(project, schemas), PredictionMethods(project), AccessMethods(project)
    return [
        Route("ml.projects.getConfig", "ml.projects.getConfig", projects.get_config),
        Route("ml.projects.predict", "ml.versions.predict", prediction.predict, is_raw=True),
        Route("ml.projects.explain", "ml.versions.predict", prediction.explain, is_refused=True, is_raw=True),
        Route("ml.projects.jobs.create", "ml.jobs.create", jobs.create),
        Route("ml.projects.jobs.get", "ml.jobs.get", jobs.get),
        Route("ml.projects.jobs.list", "ml.jobs.list", jobs.list),
        Route("ml.projects.jobs.patch", "ml.jobs.update", jobs.patch),
        Route("ml.projects.jobs.cancel", "ml.jobs.cancel", jobs.cancel),
        Route("ml.projects.jobs.getIamPolicy", "ml.jobs.getIamPolicy", access.get_policy),
        Route("ml.projects.jobs.setIamPolicy", "ml.jobs.setIamPolicy", access.set_policy),
        Route("ml.projects.jobs.testIamPermissions", "", access.test_permissions),
        Route("ml.projects.models.create", "ml.models.create", models.create),
        Route("ml.projects.models.get", "ml.models.get", models.get),
        Route("ml.projects.models.list", "ml.models.list", models.list),
        Route("ml.projects.models.patch", "ml.models.update", models.patch),
        Route("ml.projects.models.delete", "ml.models.delete", models.delete),
        Route("ml.projects.models.getIamPolicy", "ml.models.getIamPolicy", access.get_policy),
        Route("ml.projects.models.setIamPolicy", "ml.models.setIamPolicy", access.set_policy),
        Route("ml.projects.models.testIamPermissions", "", access.test_permissions),
        Route("ml.projects.models.versions.create", "ml.versions.create", versions.create),
        Route("ml.projects.models.versions.get", "ml.versions.get", versions.get),
        Route("ml.projects.models.versions.list", "ml.versions.list", versions.list),
        Route("ml.projects.models.versions.patch", "ml.versions.update", versions.patch),
        Route("ml.projects.models.versions.delete", "ml.versions.delete", versions.delete),
        Route("ml.projects.models.versions.setDefault", "ml.models.update", versions.set_default),
        Route("ml.projects.operations.get", "ml.operations.get", projects.get_operation),
        Route("ml.projects.operations.list", "ml.operations.list", projects.list_operations),
        Route("ml.projects.operations.cancel", "ml.operations.cancel", projects.cancel_operation),
        Route("ml.projects.locations.get", "ml.locations.get", projects.get_location),
        Route("ml.projects.locations.list", "ml.locations.list", projects.list_locations),
        Route("ml.projects.locations.operations.get", "ml.operations.get", projects.no_operation, is_refused=True),
        Route(
            "ml.projects.locations.operations.cancel", "ml.operations.cancel", projects.no_operation, is_refused=True
        ),
    ]


class MlV1:
    """ML Engine's API over any backend. Use between ``start`` and ``close``.

    Args:
        project_number, tenant_number: of the backend's project, and of Google's own in which its jobs run.
        state_dir: for the records of what only the API knows.
    """

    def __init__(self, backend: Backend, *, project_number: int, tenant_number: int, state_dir: Path) -> None:
        self._records = Records(state_dir / "resources.sqlite")
        self._operations = Operations(state_dir / "operations.sqlite")
        self._making = Making(backend, self._records)
        self._project = Project(
            id=backend.project,
            number=project_number,
            tenant_number=tenant_number,
            backend=backend,
            records=self._records,
            making=self._making,
            operations=self._operations,
        )
        self._document = load(DOCUMENT)
        self._match = lru_cache(maxsize=256)(self._document.match)
        self._versions = VersionMethods(self._project, self._document.schemas)
        self._access = AccessMethods(self._project)
        self._asked = lru_cache(maxsize=256)(self._find)
        self._routes = {route.method_id: route for route in routes(self._project, self._document, self._versions)}

    def start(self) -> None:
        """Take up unfinished operations, and what was half made."""
        self._making.start()
        self._versions.start()

    async def close(self) -> None:
        await self._making.close()
        await self._versions.close()
        self._operations.close()
        self._records.close()

    def method_id(self, request: web.Request) -> str:
        return self._document.match(request.method, request.rel_url.raw_path)[0].id

    async def handle(self, request: web.Request, principal: Principal) -> web.StreamResponse:
        """Answer one request.

        Raises:
            CloudError: to be written in the platform's style.
        """
        method, _ = self._match(request.method, request.rel_url.raw_path)
        require_credential(principal)
        route, name, query = self._asked(request.method, request.rel_url)
        content = await request.read()
        call = Call(
            method=method,
            name=name,
            query=query,
            body={} if route.is_raw else self._document.body(method, content),
            content=content,
            principal=principal,
            host=request.host.lower(),
        )
        if not self._making.is_settled:
            await self._making.settled()
        if not principal.is_project_owner:
            await self._access.require(call, route.permission)
        answer = await route.handler(call)
        return answer if isinstance(answer, web.Response) else json_answer(answer, query)

    def _find(self, http_method: str, url: URL) -> tuple[Route, str, Mapping[str, Json]]:
        """Who answers, the resource's name with the project's id, and the checked query.

        Raises:
            CloudError: there is something wrong with what is asked, whatever the body.
        """
        method, name = self._match(http_method, url.raw_path)
        route = self._routes.get(method.id)
        if route is None:
            raise Unimplemented(f"{method.id} is not emulated.")
        query = self._document.query(method, {key: url.query.getall(key) for key in url.query})
        if query.get("alt", "json") == "proto":
            raise InvalidArgument("Answers are written as JSON only.", field="alt")
        return route, self._own(name), query

    def _own(self, name: str) -> str:
        """``name`` with the project's id, by which it may not be called.

        Raises:
            PermissionDenied: another project, of which nobody here knows.
        """
        collection, project, *rest = name.split("/")
        if project not in (self._project.id, str(self._project.number)):
            raise PermissionDenied(f"Permission denied on resource project {project[:100]}.")
        return "/".join([collection, self._project.id, *rest])


class Document:
    """The API's discovery document, for clients that ask for it: anyone may."""

    def method_id(self, _: web.Request) -> str:
        return "discovery.apis.getRest"

    async def handle(self, _: web.Request, __: Principal) -> web.StreamResponse:
        return web.Response(body=load(DOCUMENT).content, content_type="application/json", charset="utf-8")
