"""Vertex AI's methods: one table from Google's method ids to handlers, and the way of a request through it."""

import functools
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from cloud.backends.base import Backend
from cloud.emulator.aiplatform_v1.custom_jobs import CustomJobMethods
from cloud.emulator.aiplatform_v1.deployments import DeploymentMethods
from cloud.emulator.aiplatform_v1.endpoints import EndpointMethods
from cloud.emulator.aiplatform_v1.lists import Lists
from cloud.emulator.aiplatform_v1.models import ModelMethods
from cloud.emulator.aiplatform_v1.operations import LocationMethods, OperationMethods
from cloud.emulator.aiplatform_v1.prediction import PredictionMethods
from cloud.emulator.aiplatform_v1.project import Project
from cloud.emulator.aiplatform_v1.records import Records
from cloud.emulator.aiplatform_v1.tables import ENUM_NUMBERS, REGIONS
from cloud.emulator.aiplatform_v1.training_pipelines import TrainingPipelineMethods
from cloud.emulator.rest.call import Call, require_credential
from cloud.emulator.rest.discovery import Discovery, Method, load, wants_enum_numbers
from cloud.emulator.rest.operations import Operations
from cloud.emulator.rest.responses import json_answer
from cloud.emulator.rest.schemas import Schemas
from cloud.engine.principal import Principal
from cloud.errors import InvalidArgument, NotFound, PermissionDenied, Unimplemented
from cloud.resources import Json

HOSTS = r"(?:[a-z]{2,20}-[a-z]{2,20}\d{1,2}-)?aiplatform\.googleapis\.com|aiplatform\.mtls\.googleapis\.com"
"""The global endpoint and the regional ones."""
DOCUMENT = "aiplatform.v1"
DOCUMENT_PATHS = {HOSTS: r"/\$discovery/rest"}
"""Where clients look for this API's discovery document."""
LOOPBACK_PATHS = r"/(?:v1|ui)/projects/[^/]+/locations(?:/.*)?"
"""What is this API's at an address of this machine (the SDK's ``api_endpoint``)."""

Handler = Callable[[Call], Awaitable[web.StreamResponse | Json]]
_ON = "aiplatform.projects.locations."
_WITH_OPERATIONS = ("", "customJobs.", "endpoints.", "models.", "trainingPipelines.")


@dataclass(frozen=True, slots=True)
class Route:
    method_id: str
    """Google's, as in the discovery document."""
    handler: Handler


@dataclass(frozen=True, slots=True)
class Handlers:
    """The classes whose methods answer."""

    jobs: CustomJobMethods
    pipelines: TrainingPipelineMethods
    models: ModelMethods
    endpoints: EndpointMethods
    deployments: DeploymentMethods
    prediction: PredictionMethods
    operations: OperationMethods
    locations: LocationMethods


def handlers(project: Project, schemas: Schemas) -> Handlers:
    lists = Lists(schemas)
    jobs, models = CustomJobMethods(project, lists), ModelMethods(project, lists)
    return Handlers(
        jobs=jobs,
        pipelines=TrainingPipelineMethods(project, lists, schemas, jobs, models),
        models=models,
        endpoints=EndpointMethods(project, lists),
        deployments=DeploymentMethods(project, models),
        prediction=PredictionMethods(project, models),
        operations=OperationMethods(project, schemas),
        locations=LocationMethods(project),
    )


def routes(to: Handlers) -> list[Route]:
    """Every method that is answered."""
    jobs, pipelines, models, endpoints = to.jobs, to.pipelines, to.models, to.endpoints
    table: dict[str, Handler] = {
        "customJobs.create": jobs.create,
        "customJobs.get": jobs.get,
        "customJobs.list": jobs.list,
        "customJobs.cancel": jobs.cancel,
        "customJobs.delete": jobs.delete,
        "trainingPipelines.create": pipelines.create,
        "trainingPipelines.get": pipelines.get,
        "trainingPipelines.list": pipelines.list,
        "trainingPipelines.cancel": pipelines.cancel,
        "trainingPipelines.delete": pipelines.delete,
        "models.upload": models.upload,
        "models.get": models.get,
        "models.list": models.list,
        "models.patch": models.patch,
        "models.delete": models.delete,
        "models.listVersions": models.list_versions,
        "models.deleteVersion": models.delete_version,
        "models.mergeVersionAliases": models.merge_aliases,
        "endpoints.create": endpoints.create,
        "endpoints.get": endpoints.get,
        "endpoints.list": endpoints.list,
        "endpoints.patch": endpoints.patch,
        "endpoints.delete": endpoints.delete,
        "endpoints.deployModel": to.deployments.deploy,
        "endpoints.undeployModel": to.deployments.undeploy,
        "endpoints.mutateDeployedModel": to.deployments.mutate,
        "endpoints.predict": to.prediction.predict,
        "endpoints.rawPredict": to.prediction.raw_predict,
        "get": to.locations.get,
        "list": to.locations.list,
    }
    for place in _WITH_OPERATIONS:
        for verb in ("get", "list", "cancel", "delete", "wait"):
            table[f"{place}operations.{verb}"] = getattr(to.operations, verb)
    return [Route(_ON + name, handler) for name, handler in table.items()]


class AiplatformV1:
    """Vertex AI's API over any backend. Use between ``start`` and ``close``.

    Args:
        project_number: of the backend's project.
        state_dir: for the records of what only the API knows.
    """

    def __init__(self, backend: Backend, *, project_number: int, state_dir: Path) -> None:
        self._records = Records(state_dir / "resources.sqlite")
        self._operations = Operations(state_dir / "operations.sqlite")
        self._project = Project(
            id=backend.project,
            number=project_number,
            backend=backend,
            records=self._records,
            operations=self._operations,
        )

    def start(self) -> None:
        """Take up what an earlier process left unfinished."""
        if self._operations.unfinished() or self._records.unfinished_pipelines():
            self._handlers.deployments.start()
            self._handlers.pipelines.start()

    async def close(self) -> None:
        """What is under way stays unfinished, for the next start."""
        await self._project.following.close()
        self._operations.close()
        self._records.close()

    def method_id(self, request: web.Request) -> str:
        return self._match(request)[0].id

    async def handle(self, request: web.Request, principal: Principal) -> web.StreamResponse:
        """Answer one request.

        Raises:
            CloudError: to be written in the platform's style.
        """
        method, name = self._match(request)
        require_credential(principal)
        route = self._routes.get(method.id)
        if route is None:
            raise Unimplemented(f"{method.id} is not emulated.")
        values = {key: request.query.getall(key) for key in request.query}
        query = self._document.query(method, values)
        if query.get("alt", "json") == "proto":
            raise InvalidArgument("Answers are written as JSON only.", field="alt")
        name = self._own(name, method.id, principal)
        _check_location(name, request.host)
        content = await request.read()
        raw = method.id.endswith("rawPredict")
        call = Call(
            method=method,
            name=name,
            query=query,
            body={} if raw else self._document.body(method, content),
            content=content,
            principal=principal,
            host=request.host.lower(),
        )
        answer = await route.handler(call)
        if isinstance(answer, web.StreamResponse):
            return answer
        if wants_enum_numbers(request.query):
            answer = self._document.schemas.numbered(method.response, answer)
        return json_answer(answer, query)

    @functools.cached_property
    def _document(self) -> Discovery:
        # Three megabytes, which only a cloud that is asked for this API has to read.
        return document()

    @functools.cached_property
    def _handlers(self) -> Handlers:
        return handlers(self._project, self._document.schemas)

    @functools.cached_property
    def _routes(self) -> dict[str, Route]:
        return {route.method_id: route for route in routes(self._handlers)}

    def _own(self, name: str, method_id: str, principal: Principal) -> str:
        """``name`` with the project's id, by which it may not be called.

        Raises:
            PermissionDenied: another project, of which nobody here knows, or a caller who is not its owner.
        """
        collection, project, *rest = name.split("/")
        if not principal.is_project_owner or project not in (self._project.id, str(self._project.number)):
            permission = method_id.replace("projects.locations.", "")
            raise PermissionDenied(
                f"Permission '{permission}' denied on resource '//aiplatform.googleapis.com/{name[:300]}' "
                "(or it may not exist)."
            )
        return "/".join([collection, self._project.id, *rest])

    def _match(self, request: web.Request) -> tuple[Method, str]:
        path = request.rel_url.raw_path
        # The SDK asks for operations below /ui, which is nowhere documented, but there.
        below_ui = path.startswith("/ui/")
        method, name = self._document.match(request.method, f"/v1/{path[4:]}" if below_ui else path)
        if below_ui and ".operations." not in method.id:
            raise NotFound(f"The requested URL {path[:300]} was not found on this server.")
        return method, name


class Document:
    """The API's discovery document, for clients that ask for it: anyone may."""

    def method_id(self, _: web.Request) -> str:
        return "discovery.apis.getRest"

    async def handle(self, _: web.Request, __: Principal) -> web.StreamResponse:
        return web.Response(body=document().content, content_type="application/json", charset="utf-8")


def document() -> Discovery:
    """This API's, which does not tell the numbers of enums."""
    return load(DOCUMENT, ENUM_NUMBERS)


def _check_location(name: str, host: str) -> None:
    """Raises:
    InvalidArgument: no region of Vertex AI's, or not the one whose endpoint was asked.
    """
    _, _, *rest = name.split("/")
    if len(rest) < 2:
        return
    location = rest[1]
    if location not in REGIONS:
        raise InvalidArgument(f"The location {location[:60]!r} is not one of {', '.join(REGIONS)}.", field="location")
    regional = re.match(r"(.+)-aiplatform\.", host.lower())
    if regional and regional[1] != location:
        raise InvalidArgument(
            f"The endpoint of {regional[1]} does not serve {location}: ask {location}-aiplatform.googleapis.com.",
            field="location",
        )
