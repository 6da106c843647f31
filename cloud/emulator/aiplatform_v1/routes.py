"""Vertex AI's methods: one table from Google's method ids to handlers."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar

from cloud.backends.base import Backend
from cloud.emulator.aiplatform_v1.addresses import REGION
from cloud.emulator.aiplatform_v1.batch_prediction_jobs import BatchPredictionJobMethods
from cloud.emulator.aiplatform_v1.collection import Collection
from cloud.emulator.aiplatform_v1.custom_jobs import CustomJobMethods
from cloud.emulator.aiplatform_v1.deployments import DeploymentMethods
from cloud.emulator.aiplatform_v1.endpoints import EndpointMethods
from cloud.emulator.aiplatform_v1.model_transfers import ModelTransfers
from cloud.emulator.aiplatform_v1.models import ModelMethods
from cloud.emulator.aiplatform_v1.operations import LocationMethods, OperationMethods
from cloud.emulator.aiplatform_v1.prediction import PredictionMethods
from cloud.emulator.aiplatform_v1.project import Project
from cloud.emulator.aiplatform_v1.records import MIGRATIONS
from cloud.emulator.aiplatform_v1.tables import ENUM_NUMBERS, REGIONS
from cloud.emulator.aiplatform_v1.training_pipelines import TrainingPipelineMethods
from cloud.emulator.aiplatform_v1.tuning_jobs import TuningJobMethods
from cloud.emulator.aiplatform_v1.unimplemented import instead_of
from cloud.emulator.aiplatform_v1.versions import (
    BETA,
    BETA_DOCUMENT,
    as_v1,
    body_of_beta,
    is_of_beta,
    of_beta,
    only_in_beta,
)
from cloud.emulator.rest.api import Api, Handler, Route
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.container_images import Images, no_images
from cloud.emulator.rest.discovery import Method
from cloud.emulator.rest.operations import Operations
from cloud.emulator.rest.records import Records
from cloud.emulator.rest.run_as import RunAs
from cloud.engine.notifier import Changes
from cloud.engine.project.access import ProjectAccess
from cloud.engine.project.identities import custom_code_agent
from cloud.errors import InvalidArgument, NotFound
from cloud.resources import Json

DOCUMENT = "aiplatform.v1"

_WITH_OPERATIONS = ("", "customJobs.", "endpoints.", "hyperparameterTuningJobs.", "models.", "trainingPipelines.")
_RAW = frozenset({"endpoints.rawPredict"})
_VERBS = {
    "patch": "update",
    "listVersions": "list",
    "deleteVersion": "delete",
    "mergeVersionAliases": "update",
    "deployModel": "deploy",
    "undeployModel": "undeploy",
    "mutateDeployedModel": "update",
    "rawPredict": "predict",
}
"""The last part of a method's permission where it is not the method's."""
_CHANGES = frozenset(
    {"endpoints.patch", "endpoints.delete", "endpoints.undeployModel", "endpoints.mutateDeployedModel"}
)


class AiplatformV1(Api):
    """Vertex AI's API over any backend. Use between ``start`` and ``close``.

    Args:
        project_number: of the backend's project.
        state_dir: for the API's own records.
        access: see ``Api``.
        images: those that were built here.
    """

    SERVICE, DOCUMENT, ENUM_NUMBERS = "aiplatform.googleapis.com", DOCUMENT, ENUM_NUMBERS
    OTHER_DOCUMENTS: ClassVar[Mapping[str, str]] = {BETA: BETA_DOCUMENT}

    def __init__(
        self,
        backend: Backend,
        *,
        project_number: int,
        state_dir: Path,
        access: ProjectAccess | None = None,
        images: Images = no_images,
    ) -> None:
        super().__init__(backend.project, project_number, access)
        self._records = Records(state_dir / "resources.sqlite", MIGRATIONS)
        self._operations = Operations(state_dir / "operations.sqlite")
        self._project = project = Project(
            id=backend.project,
            number=project_number,
            backend=backend,
            records=self._records,
            operations=self._operations,
            run_as=RunAs(backend, access, custom_code_agent(backend.project).email if access else ""),
            images=images,
            locks=self.locks,
        )
        self._models, self._jobs = ModelMethods(project), CustomJobMethods(project)
        self._pipelines = TrainingPipelineMethods(project, self._jobs, self._models)
        self._endpoints, self._deployments = EndpointMethods(project), DeploymentMethods(project, self._models)

    def start(self) -> None:
        """Take up what an earlier process left unfinished."""
        self._deployments.start()
        self._pipelines.start()

    async def close(self) -> None:
        """Unfinished operations are resumed by the next start."""
        self.end()
        await self._project.following.close()
        self._operations.close()
        self._records.close()

    @property
    def changes(self) -> Changes:
        """Of operations, which most changes of models and endpoints are."""
        return self._project.changes

    def regions(self) -> list[str]:
        """Those that have models or endpoints."""
        return [
            region
            for region in REGIONS
            if any(self._records.below(f"locations/{region}/{kind}", limit=1) for kind in ("models", "endpoints"))
        ]

    def routes(self) -> Iterable[Route]:
        jobs, pipelines, models, endpoints = self._jobs, self._pipelines, self._models, self._endpoints
        tuning, batch = TuningJobMethods(self._project), BatchPredictionJobMethods(self._project, self._models)
        deployments, prediction = self._deployments, PredictionMethods(self._project, self._models)
        transfers = ModelTransfers(self._project, models)
        operations, locations = OperationMethods(self._project), LocationMethods(self._project)
        of_operations: dict[str, Handler] = {
            "get": operations.get,
            "list": operations.list,
            "cancel": operations.cancel,
            "delete": operations.delete,
            "wait": operations.wait,
        }
        return [
            *_routes("", get=locations.get, list=locations.list),
            *_routes("customJobs.", **_recorded(jobs), create=jobs.create, cancel=jobs.cancel),
            *_routes("batchPredictionJobs.", **_recorded(batch), create=batch.create, cancel=batch.cancel),
            *_routes("hyperparameterTuningJobs.", **_recorded(tuning), create=tuning.create, cancel=tuning.cancel),
            *_routes("trainingPipelines.", **_recorded(pipelines), create=pipelines.create, cancel=pipelines.cancel),
            *_routes(
                "models.",
                **_recorded(models),
                upload=models.upload,
                patch=models.patch,
                listVersions=models.list_versions,
                deleteVersion=models.delete_version,
                mergeVersionAliases=models.merge_aliases,
                copy=transfers.copy,
                export=transfers.export,
            ),
            *_routes(
                "endpoints.",
                **_recorded(endpoints),
                create=endpoints.create,
                patch=endpoints.patch,
                deployModel=deployments.deploy,
                undeployModel=deployments.undeploy,
                mutateDeployedModel=deployments.mutate,
                predict=prediction.predict,
                rawPredict=prediction.raw_predict,
            ),
            *(route for resource in _WITH_OPERATIONS for route in _routes(f"{resource}operations.", **of_operations)),
        ]

    def match(self, http_method: str, raw_path: str) -> tuple[Method, str]:
        path, version = as_v1(raw_path)
        try:
            method, name = super().match(http_method, path)
        except NotFound:
            if version != BETA:
                raise
            return only_in_beta(http_method, raw_path)
        if version == "ui" and ".operations." not in method.id:
            raise NotFound(f"The requested URL {raw_path[:300]} was not found on this server.")
        return (of_beta(method) if version == BETA else method), name

    def instead(self, method: Method) -> str:
        return instead_of(method.id)

    def read_body(self, method: Method, content: bytes) -> dict[str, Json]:
        return body_of_beta(method, content) if is_of_beta(method) else super().read_body(method, content)

    def versioned(self, call: Call, answer: Json) -> Json:
        begins_operation = call.method.response == "GoogleLongrunningOperation" and ".operations." not in call.method.id
        return self._project.in_beta(answer) if begins_operation and is_of_beta(call.method) else answer

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
        regional = re.match(rf"(?:aiplatform\.)?({REGION})(?:-(?:prediction-)?aiplatform|\.rep)\.", call.host)
        if regional and regional[1] != location:
            raise InvalidArgument(
                f"The endpoint of {regional[1]} does not serve {location}: ask {location}-aiplatform.googleapis.com.",
                field="location",
            )


def _recorded(methods: Collection) -> dict[str, Handler]:
    return {"get": methods.get, "list": methods.list, "delete": methods.delete}


def _routes(resource: str, **handlers: Handler) -> list[Route]:
    """The routes of one resource, from the last part of each method's id to its handler."""

    def route(name: str, handler: Handler) -> Route:
        method_id = f"aiplatform.projects.locations.{name}"
        return Route(method_id, handler, _permission(name), is_raw=name in _RAW, changes=name in _CHANGES)

    return [route(f"{resource}{verb}", handler) for verb, handler in handlers.items()]


def _permission(name: str) -> str:
    """The permission for a method (https://cloud.google.com/iam/docs/roles-permissions/aiplatform)."""
    resource, _, verb = name.rpartition(".")
    return f"aiplatform.{resource.rpartition('.')[2] or 'locations'}.{_VERBS.get(verb, verb)}"
