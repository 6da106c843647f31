"""Cloud Build's methods: https://cloud.google.com/build/docs/api/reference/rest."""

import re
from collections.abc import Iterable
from pathlib import Path

from cloud.backends.base import Backend
from cloud.emulator.cloudbuild_v1.builds import BuildMethods
from cloud.emulator.cloudbuild_v1.execution import Means
from cloud.emulator.cloudbuild_v1.logs import LogsBucket
from cloud.emulator.cloudbuild_v1.records import MIGRATIONS
from cloud.emulator.cloudbuild_v1.runs import Runs
from cloud.emulator.cloudbuild_v1.tables import ENUM_NUMBERS, GLOBAL, REGIONS
from cloud.emulator.rest.api import Api, Route
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.discovery import Method
from cloud.emulator.rest.records import Records
from cloud.emulator.rest.run_as import RunAs
from cloud.engine.project.access import ProjectAccess
from cloud.errors import InvalidArgument

DOCUMENT = "cloudbuild.v1"
_ON = "cloudbuild.projects.builds."
_BUILDS = "cloudbuild.builds."


class CloudBuildV1(Api):
    """Use between ``start`` and ``close``.

    Args:
        means: what builds are made with.
        state_dir: for the API's own records, logs and work.
        access: see ``Api``.
    """

    SERVICE, DOCUMENT, ENUM_NUMBERS = "cloudbuild.googleapis.com", DOCUMENT, ENUM_NUMBERS

    def __init__(self, means: Means, *, number: int, state_dir: Path, access: ProjectAccess | None = None) -> None:
        backend: Backend = means.backend
        super().__init__(backend.project, number, access)
        self._records = Records(state_dir / "resources.sqlite", MIGRATIONS)
        self._runs = Runs(self._records, means, number, state_dir)
        run_as = RunAs(backend, access, "") if access else None
        self._builds = BuildMethods(backend, number, self._records, self._runs, run_as)
        self.logs = LogsBucket(self._runs.logs, number, self)

    def start(self) -> None:
        """End what an earlier process left unfinished."""
        self._runs.start()

    async def close(self) -> None:
        self.end()
        await self._runs.close()
        self._records.close()

    def routes(self) -> Iterable[Route]:
        builds, operations = self._builds, "operations."
        regional = _ON.replace("builds", "locations.builds")
        return [
            *(
                route
                for on in (_ON, regional)
                for route in (
                    Route(f"{on}create", builds.create, f"{_BUILDS}create"),
                    Route(f"{on}get", builds.get, f"{_BUILDS}get"),
                    Route(f"{on}list", builds.list, f"{_BUILDS}list"),
                    Route(f"{on}cancel", builds.cancel, f"{_BUILDS}update"),
                    Route(f"{on}retry", builds.retry, f"{_BUILDS}create", is_refused=True),
                )
            ),
            *(
                route
                for on in ("cloudbuild.", "cloudbuild.projects.locations.")
                for route in (
                    Route(f"{on}{operations}get", builds.operation, f"{_BUILDS}get"),
                    Route(f"{on}{operations}cancel", builds.cancel_operation, f"{_BUILDS}update"),
                )
            ),
        ]

    def match(self, http_method: str, raw_path: str) -> tuple[Method, str]:
        method, name = super().match(http_method, raw_path)
        if method.id.startswith(_ON):
            # The older methods have the project's id and the build's each for itself, and are those of no region.
            found = re.fullmatch(r"/v1/projects/([^/]+)/builds(?:/([^/:]+))?(?::\w+)?", raw_path)
            if found:
                below = f"/builds/{found[2]}" if found[2] else ""
                name = f"projects/{found[1]}/locations/{GLOBAL}{below}"
        return method, name

    def check(self, call: Call) -> None:
        """Raises:
        InvalidArgument: no region of Cloud Build's.
        """
        if len(call.ids) > 1 and call.name.startswith("projects/") and call.ids[1] not in REGIONS:
            raise InvalidArgument(
                f"The location {call.ids[1][:60]!r} is not one of {', '.join(sorted(REGIONS))}.", field="location"
            )

    def instead(self, method: Method) -> str:
        if "triggers" in method.id:
            return (
                "There are no triggers here, as no repository is watched: submit builds, with `gcloud builds submit`."
            )
        return super().instead(method)

    def _own(self, name: str, permission: str) -> str:
        if not name.startswith("operations/"):
            return super()._own(name, permission)
        _, kind, project, *rest = [*name.split("/"), "", ""][:4]
        if kind != "build" or project not in (self.project, str(self.number)) or not rest:
            raise self.denied(permission, name)
        return name
