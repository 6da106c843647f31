"""Artifact Registry's methods, for repositories of container images:
https://cloud.google.com/artifact-registry/docs/reference/rest.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from cloud.emulator.artifactregistry_v1.docker_registry import DockerRegistry, DockerTokens
from cloud.emulator.artifactregistry_v1.images import ImageMethods
from cloud.emulator.artifactregistry_v1.locations import LocationMethods
from cloud.emulator.artifactregistry_v1.project import Project
from cloud.emulator.artifactregistry_v1.repositories import RepositoryMethods
from cloud.emulator.artifactregistry_v1.tables import ENUM_NUMBERS, LOCATIONS
from cloud.emulator.rest.api import Api, Route
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.discovery import Method
from cloud.emulator.rest.operations import Operations
from cloud.engine.project.access import ProjectAccess
from cloud.engine.registry.registry import Registry
from cloud.errors import InvalidArgument

DOCUMENT = "artifactregistry.v1"
_ON = "artifactregistry.projects."
_MAY = "artifactregistry."


class ArtifactRegistryV1(Api):
    """
    Args:
        number: the project's.
        state_dir: for the API's own records.
        access: see ``Api``.
    """

    SERVICE, DOCUMENT, ENUM_NUMBERS = "artifactregistry.googleapis.com", DOCUMENT, ENUM_NUMBERS

    def __init__(
        self, registry: Registry, *, number: int, state_dir: Path, access: ProjectAccess | None = None
    ) -> None:
        super().__init__(registry.project, number, access)
        self._operations = Operations(state_dir / "operations.sqlite")
        project = Project(registry, self._operations)
        self._repositories, self._images = RepositoryMethods(project), ImageMethods(project)
        self._locations = LocationMethods(project)
        self.docker, self.docker_tokens = DockerRegistry(project.contents, self), DockerTokens()

    async def close(self) -> None:
        self.end()
        self._operations.close()

    def routes(self) -> Iterable[Route]:
        repositories, images, locations = self._repositories, self._images, self._locations
        of_location = f"{_ON}locations."
        of_repository = f"{of_location}repositories."
        of_package = f"{of_repository}packages."
        return [
            Route(f"{_ON}getProjectSettings", locations.settings, f"{_MAY}projectsettings.get"),
            Route(f"{of_location}get", locations.get, f"{_MAY}locations.get"),
            Route(f"{of_location}list", locations.list, f"{_MAY}locations.list"),
            Route(f"{of_location}operations.get", locations.operation),
            Route(f"{of_repository}create", repositories.create, f"{_MAY}repositories.create"),
            Route(f"{of_repository}get", repositories.get, f"{_MAY}repositories.get"),
            Route(f"{of_repository}list", repositories.list, f"{_MAY}repositories.list"),
            Route(f"{of_repository}patch", repositories.patch, f"{_MAY}repositories.update"),
            Route(f"{of_repository}delete", repositories.delete, f"{_MAY}repositories.delete"),
            Route(f"{of_repository}dockerImages.get", images.get_image, f"{_MAY}dockerimages.get"),
            Route(f"{of_repository}dockerImages.list", images.list_images, f"{_MAY}dockerimages.list"),
            Route(f"{of_package}get", images.get_package, f"{_MAY}packages.get"),
            Route(f"{of_package}list", images.list_packages, f"{_MAY}packages.list"),
            Route(f"{of_package}delete", images.delete_package, f"{_MAY}packages.delete"),
            Route(f"{of_package}versions.get", images.get_version, f"{_MAY}versions.get"),
            Route(f"{of_package}versions.list", images.list_versions, f"{_MAY}versions.list"),
            Route(f"{of_package}versions.delete", images.delete_version, f"{_MAY}versions.delete"),
            Route(f"{of_package}tags.get", images.get_tag, f"{_MAY}tags.get"),
            Route(f"{of_package}tags.list", images.list_tags, f"{_MAY}tags.list"),
            Route(f"{of_package}tags.delete", images.delete_tag, f"{_MAY}tags.delete"),
        ]

    def match(self, http_method: str, raw_path: str) -> tuple[Method, str]:
        # gcloud asks an older version for the locations.
        path = re.sub("^/v1beta[12]/(projects/[^/]+/locations(?:/[^/]+)?)$", r"/v1/\1", raw_path)
        return super().match(http_method, path)

    def check(self, call: Call) -> None:
        """Raises:
        InvalidArgument: no location of Artifact Registry's.
        """
        if len(call.ids) > 1 and call.name.split("/")[2] == "locations" and call.ids[1] not in {*LOCATIONS, "-"}:
            raise InvalidArgument(
                f"The location {call.ids[1][:60]!r} is not one of {', '.join(LOCATIONS)}.", field="location"
            )

    def instead(self, method: Method) -> str:
        if method.id.startswith(f"{_ON}locations.repositories.") and "IamPolicy" not in method.id:
            return "Of what a repository can hold only images of containers are, made by Cloud Build."
        return super().instead(method)
