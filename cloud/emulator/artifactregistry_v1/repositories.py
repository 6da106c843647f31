"""``artifactregistry.projects.locations.repositories.*``."""

from collections.abc import Mapping

from cloud.emulator.artifactregistry_v1.messages import repository_json
from cloud.emulator.artifactregistry_v1.project import Project
from cloud.emulator.rest.call import Call, masked
from cloud.emulator.rest.labels import check_labels
from cloud.emulator.rest.lists import Item, list_page, of_items
from cloud.engine.registry.repositories import Repository
from cloud.errors import InvalidArgument
from cloud.resources import Json

_CHANGEABLE = ("description", "labels", "cleanupPolicies", "cleanupPolicyDryRun", "dockerConfig")
_GIVEN = (*_CHANGEABLE, "format", "vulnerabilityScanningConfig")
"""What is kept of a request."""
_LONGEST_DESCRIPTION = 1024


class RepositoryMethods:
    def __init__(self, project: Project) -> None:
        self._project, self._repositories = project, project.registry.repositories

    async def create(self, call: Call) -> Json:
        location, given = call.ids[1], call.body
        _check(given)
        settings = {name: given[name] for name in _GIVEN if name in given}
        made = self._repositories.create(location, call.query.get("repositoryId", ""), settings)
        return self._project.completed(location, "Repository", await self._json(made))

    async def get(self, call: Call) -> Json:
        return await self._json(self._repositories.get(call.ids[1], call.ids[2]))

    async def list(self, call: Call) -> Json:
        found = of_items(self._repositories.all(call.ids[1]), lambda each: f"{each.location}/{each.id}", self._json)
        return await list_page(call, "repositories", found)

    async def patch(self, call: Call) -> Json:
        repository = self._repositories.get(call.ids[1], call.ids[2])
        mask = call.mask(*_CHANGEABLE)
        _check({**call.body, "format": "DOCKER"})
        changed = masked(repository.settings, mask, call.body)
        return await self._json(self._repositories.change(repository, changed))

    async def delete(self, call: Call) -> Json:
        """With all that is in it, as at Google."""
        location = call.ids[1]
        self._project.contents.remove_repository(self._repositories.get(location, call.ids[2]))
        return self._project.completed(location)

    async def _json(self, repository: Repository) -> Item:
        size = await self._project.contents.size_of(repository)
        return repository_json(self._project.id, repository, size)


def _check(given: Mapping[str, Json]) -> None:
    """Raises:
    InvalidArgument: it is none of a repository of images.
    """
    kind, mode = given.get("format", "FORMAT_UNSPECIFIED"), given.get("mode", "STANDARD_REPOSITORY")
    if kind != "DOCKER":
        raise InvalidArgument(
            f"Only repositories of the format DOCKER are emulated, not {kind}: packages are in the bucket.",
            field="repository.format",
        )
    if mode != "STANDARD_REPOSITORY":
        raise InvalidArgument(
            f"Only the mode STANDARD_REPOSITORY is emulated, not {mode}: nothing is pulled from elsewhere.",
            field="repository.mode",
        )
    if given.get("kmsKeyName"):
        raise InvalidArgument("Keys of Cloud KMS are not emulated: leave it out.", field="repository.kms_key_name")
    check_labels(given.get("labels", {}), "repository.labels")
    length = len(given.get("description", ""))
    if length > _LONGEST_DESCRIPTION:
        raise InvalidArgument(
            f"At most {_LONGEST_DESCRIPTION} characters, not {length}.", field="repository.description"
        )
