"""``Contents``: what the project's repositories hold, as packages (images by name), versions (digests) and tags.

https://cloud.google.com/artifact-registry/docs/docker/manage-images
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cloud.engine.images.store import PushedImage
from cloud.engine.registry.names import prefixes
from cloud.engine.registry.registry import Registry
from cloud.engine.registry.repositories import Repository
from cloud.errors import NotFound

MEDIA_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
"""Of all images."""


@dataclass(frozen=True, slots=True)
class Version:
    """One image under one name."""

    name: str
    """As it was pushed, without tag."""
    package: str
    """The name below the repository."""
    digest: str
    upload_time: datetime
    build_time: datetime
    tags: tuple[str, ...] = ()


class Contents:
    def __init__(self, registry: Registry) -> None:
        self._registry, self._images = registry, registry.images
        self._sizes: dict[str, int] = {}

    def versions(self, repository: Repository, package: str | None = None) -> list[Version]:
        """In order of name and digest.

        Args:
            package: only of this one.

        Raises:
            NotFound: there is no such package.
        """
        known = prefixes(repository.location, self._registry.project, repository.id)
        found = []
        for held in self._images.contents():
            prefix = next((prefix for prefix in known if held.name.startswith(prefix)), None)
            image = self._images.local(held.digest)
            if prefix is None or image is None or package not in (None, held.name.removeprefix(prefix)):
                continue
            below = held.name.removeprefix(prefix)
            found.append(
                Version(held.name, below, held.digest, held.upload_time, image.create_time, tuple(sorted(held.tags)))
            )
        if package is not None and not found:
            raise NotFound(f"Requested entity was not found: there is no package {package[:200]!r}.", field="name")
        return sorted(found, key=lambda version: f"{version.package}@{version.digest}")

    def pushed(self) -> Sequence[PushedImage]:
        """Those of all repositories, by name."""
        return self._images.contents()

    def version(self, repository: Repository, package: str, digest: str) -> Version:
        """Raises:
        NotFound: there is none.
        """
        for version in self.versions(repository, package):
            if version.digest == digest:
                return version
        raise NotFound(
            f"Requested entity was not found: {package[:200]} has no version {digest[:100]!r}.", field="name"
        )

    def tagged(self, repository: Repository, package: str, tag: str) -> Version:
        """Raises:
        NotFound: there is none.
        """
        for version in self.versions(repository, package):
            if tag in version.tags:
                return version
        raise NotFound(f"Requested entity was not found: {package[:200]} has no tag {tag[:128]!r}.", field="name")

    def remove_repository(self, repository: Repository) -> None:
        """With its images."""
        for version in self.versions(repository):
            self._images.delete(f"{version.name}@{version.digest}")
        self._registry.repositories.remove(repository)

    def remove_package(self, repository: Repository, package: str) -> None:
        for version in self.versions(repository, package):
            self._images.delete(f"{version.name}@{version.digest}")

    def remove_version(self, version: Version) -> None:
        """With its tags."""
        self._images.delete(f"{version.name}@{version.digest}")

    def remove_tag(self, version: Version, tag: str) -> None:
        """The version stays."""
        self._images.delete(f"{version.name}:{tag}")

    async def size(self, digest: str) -> int:
        """Bytes of an image's files."""
        if digest not in self._sizes:
            image = self._images.local(digest)
            size = await asyncio.to_thread(_size, self._images.files(image)) if image else 0
            self._sizes[digest] = size  # an image never changes
        return self._sizes[digest]

    async def size_of(self, repository: Repository) -> int:
        """Bytes of the images in a repository."""
        digests: Sequence[str] = sorted({version.digest for version in self.versions(repository)})
        return sum([await self.size(digest) for digest in digests])


def _size(folder: Path) -> int:
    return sum(os.lstat(os.path.join(above, name)).st_size for above, _, names in os.walk(folder) for name in names)
