"""Locations, operations, and the project's settings."""

from cloud.emulator.artifactregistry_v1.project import Project
from cloud.emulator.artifactregistry_v1.tables import LOCATIONS
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.lists import list_page, of_items
from cloud.resources import Json


class LocationMethods:
    def __init__(self, project: Project) -> None:
        self._project = project

    async def get(self, call: Call) -> Json:
        return self._json(call.ids[1])

    async def list(self, call: Call) -> Json:
        return await list_page(call, "locations", of_items(sorted(LOCATIONS), str, self._json))

    async def operation(self, call: Call) -> Json:
        return self._project.operation_json(self._project.operations.get(call.below_project))

    async def settings(self, _: Call) -> Json:
        """Images of gcr.io are in repositories of that name, as in every project by now
        (https://cloud.google.com/artifact-registry/docs/transition/prepare-gcr-shutdown)."""
        return {
            "name": f"projects/{self._project.id}/projectSettings",
            "legacyRedirectionState": "REDIRECTION_FROM_GCR_IO_FINALIZED",
        }

    def _json(self, location: str) -> dict[str, Json]:
        return {
            "name": f"projects/{self._project.id}/locations/{location}",
            "locationId": location,
            "displayName": LOCATIONS.get(location, location),
        }
