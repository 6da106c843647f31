"""Vertex AI's methods: one table from Google's method ids to handlers."""

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cloud.backends.base import Backend
from cloud.emulator.aiplatform_v1.custom_jobs import CustomJobMethods
from cloud.emulator.aiplatform_v1.deployments import DeploymentMethods
from cloud.emulator.aiplatform_v1.endpoints import EndpointMethods
from cloud.emulator.aiplatform_v1.models import ModelMethods
from cloud.emulator.aiplatform_v1.operations import LocationMethods, OperationMethods
from cloud.emulator.aiplatform_v1.prediction import PredictionMethods
from cloud.emulator.aiplatform_v1.project import Project
from cloud.emulator.aiplatform_v1.records import MIGRATIONS
from cloud.emulator.aiplatform_v1.tables import ENUM_NUMBERS, REGIONS
from cloud.emulator.aiplatform_v1.training_pipelines import TrainingPipelineMethods
from cloud.emulator.rest.api import Api, Handler, Route
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.discovery import Discovery, Method, load
from cloud.emulator.rest.lists import Lists
from cloud.emulator.rest.operations import Operations
from cloud.emulator.rest.records import Records
from cloud.emulator.rest.schemas import Schemas
from cloud.errors import InvalidArgument, NotFound

HOSTS = r"(?:[a-z]{2,20}-[a-z]{2,20}\d{1,2}-)?aiplatform\.googleapis\.com|aiplatform\.mtls\.googleapis\.com"
"""The global endpoint and the regional ones."""
DOCUMENT = "aiplatform.v1"
DOCUMENT_PATHS = {HOSTS: r"/\$discovery/rest"}
"""Where clients look for this API's discovery document."""
LOOPBACK_PATHS = r"/(?:v1|ui)/projects/[^/]+/locations(?:/.*)?"
"""What is this API's at an address of this machine (the SDK's ``api_endpoint``)."""

_WITH_OPERATIONS = ("", "customJobs.", "endpoints.", "models.", "trainingPipelines.")
_RAW = frozenset({"endpoints.rawPredict"})
_CHANGES = frozenset(
    {"endpoints.patch", "endpoints.delete", "endpoints.undeployModel", "endpoints.mutateDeployedModel"}
)


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
        operations=OperationMethods(project, lists),
        locations=LocationMethods(project, lists),
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
    return [
        Route(
            f"aiplatform.projects.locations.{name}",
            handler,
            f"aiplatform.{name}",
            is_raw=name in _RAW,
            changes=name in _CHANGES,
        )
        for name, handler in table.items()
    ]


class AiplatformV1(Api):
    """Vertex AI's API over any backend. Use between ``start`` and ``close``.

    Args:
        project_number: of the backend's project.
        state_dir: for the records of what only the API knows.
    """

    SERVICE, DOCUMENT = "aiplatform.googleapis.com", DOCUMENT

    def __init__(self, backend: Backend, *, project_number: int, state_dir: Path) -> None:
        super().__init__(backend.project, project_number)
        self._records = Records(state_dir / "resources.sqlite", MIGRATIONS)
        self._operations = Operations(state_dir / "operations.sqlite")
        self._project = Project(
            id=backend.project,
            number=project_number,
            backend=backend,
            records=self._records,
            operations=self._operations,
            locks=self.locks,
        )

    def start(self) -> None:
        """Take up what an earlier process left unfinished."""
        if self._operations.unfinished() or self._records.marked("unfinished"):
            self._handlers.deployments.start()
            self._handlers.pipelines.start()

    async def close(self) -> None:
        """What is under way stays unfinished, for the next start."""
        await self._project.following.close()
        self._operations.close()
        self._records.close()

    @functools.cached_property
    def _handlers(self) -> Handlers:
        return handlers(self._project, self.discovery.schemas)

    def routes(self) -> Iterable[Route]:
        return routes(self._handlers)

    def document(self) -> Discovery:
        return document()

    def match(self, http_method: str, raw_path: str) -> tuple[Method, str]:
        # The SDK calls operations below /ui, which is nowhere documented, but there.
        below_ui = raw_path.startswith("/ui/")
        method, name = super().match(http_method, f"/v1/{raw_path[4:]}" if below_ui else raw_path)
        if below_ui and ".operations." not in method.id:
            raise NotFound(f"The requested URL {raw_path[:300]} was not found on this server.")
        return method, name

    def check(self, call: Call) -> None:
        """Raises:
        InvalidArgument: no region of Vertex AI's, or not the one whose endpoint was called.
        """
        if len(call.ids) < 2:
            return
        location = call.ids[1]
        if location not in REGIONS:
            raise InvalidArgument(
                f"The location {location[:60]!r} is not one of {', '.join(REGIONS)}.", field="location"
            )
        regional = re.match(r"(.+)-aiplatform\.", call.host)
        if regional and regional[1] != location:
            raise InvalidArgument(
                f"The endpoint of {regional[1]} does not serve {location}: ask {location}-aiplatform.googleapis.com.",
                field="location",
            )


def document() -> Discovery:
    """This API's, which does not tell the numbers of enums."""
    return load(DOCUMENT, ENUM_NUMBERS)
