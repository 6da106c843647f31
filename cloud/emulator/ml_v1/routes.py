"""ML Engine's methods: one table from Google's method ids to handlers and permissions."""

from collections.abc import Iterable
from pathlib import Path

from aiohttp import web

from cloud.backends.base import Backend
from cloud.emulator.ml_v1.addresses import HOSTS as HOSTS  # who serves a backend of his own needs both
from cloud.emulator.ml_v1.iam import AccessMethods
from cloud.emulator.ml_v1.jobs import JobMethods
from cloud.emulator.ml_v1.models import ModelMethods
from cloud.emulator.ml_v1.prediction import PredictionMethods
from cloud.emulator.ml_v1.project import Project
from cloud.emulator.ml_v1.projects import ProjectMethods
from cloud.emulator.ml_v1.records import MIGRATIONS
from cloud.emulator.ml_v1.versions import VersionMethods
from cloud.emulator.rest.api import Api, Route
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.container_images import Images, no_images
from cloud.emulator.rest.intents import Intents
from cloud.emulator.rest.operations import Operations
from cloud.emulator.rest.records import Records
from cloud.emulator.rest.run_as import RunAs
from cloud.engine.principal import Principal
from cloud.engine.project.access import ProjectAccess
from cloud.engine.project.identities import ml_service_account
from cloud.errors import PermissionDenied
from cloud.resources import Job, Model, Version

DOCUMENT = "ml.v1"
_ON = "ml.projects."


class MlV1(Api):
    """ML Engine's API over any backend. Use between ``start`` and ``close``.

    Args:
        project_number, tenant_number: of the backend's project, and of Google's own in which its jobs run.
        state_dir: for the API's own records.
        access: see ``Api``.
        images: those that were built here.
    """

    SERVICE, DOCUMENT = "ml.googleapis.com", DOCUMENT

    def __init__(
        self,
        backend: Backend,
        *,
        project_number: int,
        tenant_number: int,
        state_dir: Path,
        access: ProjectAccess | None = None,
        images: Images = no_images,
    ) -> None:
        super().__init__(backend.project, project_number, access)
        self._backend = backend
        self._records = Records(state_dir / "resources.sqlite", MIGRATIONS)
        self._operations = Operations(state_dir / "operations.sqlite")
        self._intents = Intents(self._records, self.locks, self._find)
        self._project = project = Project(
            id=backend.project,
            tenant_number=tenant_number,
            backend=backend,
            records=self._records,
            intents=self._intents,
            operations=self._operations,
            run_as=RunAs(backend, access, ml_service_account(backend.project).email if access else ""),
            images=images,
        )
        self._versions, self._access = VersionMethods(project), AccessMethods(project, self.allows)

    def start(self) -> None:
        """Resume unfinished operations, and write the records of resources that were half created."""
        self._intents.start()
        self._versions.start()

    async def close(self) -> None:
        self.end()
        await self._intents.close()
        await self._versions.close()
        self._operations.close()
        self._records.close()

    def routes(self) -> Iterable[Route]:
        """Vizier's methods (``ml.projects.locations.studies.*``) belong to another product."""
        versions, access, project = self._versions, self._access, self._project
        jobs, models = JobMethods(project), ModelMethods(project, versions)
        projects, prediction = ProjectMethods(project), PredictionMethods(project)
        return [
            Route(_ON + "getConfig", projects.get_config, "ml.projects.getConfig"),
            Route(_ON + "predict", prediction.predict, "ml.versions.predict", is_raw=True),
            Route(_ON + "explain", prediction.explain, "ml.versions.predict", is_refused=True, is_raw=True),
            Route(_ON + "jobs.create", jobs.create, "ml.jobs.create"),
            Route(_ON + "jobs.get", jobs.get, "ml.jobs.get"),
            Route(_ON + "jobs.list", jobs.list, "ml.jobs.list"),
            Route(_ON + "jobs.patch", jobs.patch, "ml.jobs.update", changes=True),
            Route(_ON + "jobs.cancel", jobs.cancel, "ml.jobs.cancel"),
            Route(_ON + "jobs.getIamPolicy", access.get_policy, "ml.jobs.getIamPolicy"),
            Route(_ON + "jobs.setIamPolicy", access.set_policy, "ml.jobs.setIamPolicy", changes=True),
            Route(_ON + "jobs.testIamPermissions", access.test_permissions),
            Route(_ON + "models.create", models.create, "ml.models.create"),
            Route(_ON + "models.get", models.get, "ml.models.get"),
            Route(_ON + "models.list", models.list, "ml.models.list"),
            Route(_ON + "models.patch", models.patch, "ml.models.update", changes=True),
            Route(_ON + "models.delete", models.delete, "ml.models.delete", changes=True),
            Route(_ON + "models.getIamPolicy", access.get_policy, "ml.models.getIamPolicy"),
            Route(_ON + "models.setIamPolicy", access.set_policy, "ml.models.setIamPolicy", changes=True),
            Route(_ON + "models.testIamPermissions", access.test_permissions),
            Route(_ON + "models.versions.create", versions.create, "ml.versions.create"),
            Route(_ON + "models.versions.get", versions.get, "ml.versions.get"),
            Route(_ON + "models.versions.list", versions.list, "ml.versions.list"),
            Route(_ON + "models.versions.patch", versions.patch, "ml.versions.update", changes=True),
            Route(_ON + "models.versions.delete", versions.delete, "ml.versions.delete", changes=True),
            Route(_ON + "models.versions.setDefault", versions.set_default, "ml.models.update"),
            Route(_ON + "operations.get", projects.get_operation, "ml.operations.get"),
            Route(_ON + "operations.list", projects.list_operations, "ml.operations.list"),
            Route(_ON + "operations.cancel", projects.cancel_operation, "ml.operations.cancel"),
            Route(_ON + "locations.get", projects.get_location, "ml.locations.get"),
            Route(_ON + "locations.list", projects.list_locations, "ml.locations.list"),
            Route(_ON + "locations.operations.get", projects.no_operation, "ml.operations.get", is_refused=True),
            Route(_ON + "locations.operations.cancel", projects.no_operation, "ml.operations.cancel", is_refused=True),
        ]

    async def handle(self, request: web.Request, principal: Principal) -> web.StreamResponse:
        await self._intents.settled()
        return await super().handle(request, principal)

    async def grants(self, call: Call, permission: str) -> bool:
        return await self._access.grants(call, permission)

    def denied(self, _: str, name: str, /) -> PermissionDenied:
        return PermissionDenied(f"Permission denied on resource project {name.split('/')[1][:100]}.")

    async def _find(self, name: str) -> Job | Model | Version:
        match name.split("/"):
            case ["jobs", job]:
                return await self._backend.get_job(job)
            case ["models", model]:
                return await self._backend.get_model(model)
            case ["models", model, "versions", version]:
                return await self._backend.get_version(model, version)
        raise ValueError(name)
