"""``Registry``: Google's registries of container images, as far as this project's images are in them.

Errors in the words in which ``docker push`` shows them (https://cloud.google.com/artifact-registry/docs/troubleshooting).
"""

import asyncio

from cloud.engine.images.names import ImageName, parse_name
from cloud.engine.images.store import ImageStore
from cloud.engine.registry.names import GCR_LOCATIONS, Place, place
from cloud.engine.registry.repositories import Repositories
from cloud.errors import NotFound, PermissionDenied
from cloud.resources.container_images import ContainerImage

LATEST = "latest"
"""The tag of what is pushed without one."""


class RepositoryNotFound(NotFound):
    """A repository that does not exist, as opposed to an image."""


class Registry:
    """Of one project.

    Args:
        number: the project's.
        repositories: the caller closes them.
        images: of the project, those that were only built, too.
    """

    def __init__(self, project: str, number: int, repositories: Repositories, images: ImageStore) -> None:
        self.project, self._number = project, number
        self.repositories, self.images = repositories, images
        self._pushing = asyncio.Lock()

    async def push(self, name: str, digest: str) -> ContainerImage:
        """Make an image that was built here known in the registry by ``name``.

        Raises:
            InvalidArgument: it is no name of an image.
            NotFound: there is no such repository, or no such image.
            PermissionDenied: another project's registry, or one of others than Google.
        """
        wanted = parse_name(name)
        self._admit(wanted.repository)
        tagged = str(ImageName(wanted.repository, wanted.tag or LATEST))
        async with self._pushing:  # what a name stands for must not change between the two
            await asyncio.to_thread(self.images.tag, tagged, digest)
            return await asyncio.to_thread(self.images.push, tagged)

    def owns(self, found: Place) -> bool:
        return found.project in (self.project, str(self._number))

    def _admit(self, name: str) -> None:
        found = place(name)
        if found is None:
            raise PermissionDenied(
                f"denied: requested access to the resource is denied: {name[:200]} is no name of "
                f"REGION-docker.pkg.dev/{self.project}/REPOSITORY/IMAGE or gcr.io/{self.project}/IMAGE, the registries "
                "that are emulated"
            )
        of_gcr = found.repository in GCR_LOCATIONS
        if not self.owns(found):
            what = f"projects/{found.project}/locations/{found.location}/repositories/{found.repository}"
            raise PermissionDenied(
                'denied: Permission "artifactregistry.repositories.uploadArtifacts" denied on resource '
                f'"{what[:300]}" (or it may not exist): this cloud has the project {self.project} only'
            )
        if self.repositories.exists(found.location, found.repository):
            return
        if not of_gcr:
            raise RepositoryNotFound(f'name unknown: Repository "{found.repository[:100]}" not found')
        self.repositories.create(found.location, found.repository, {})  # as Google does with the first push
