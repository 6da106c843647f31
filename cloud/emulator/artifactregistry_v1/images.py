"""What a repository holds: ``dockerImages``, ``packages``, ``packages.versions``, ``packages.tags``."""

import re
from urllib.parse import unquote

from cloud.emulator.artifactregistry_v1.messages import (
    image_json,
    package_json,
    repository_name,
    tag_json,
    version_json,
)
from cloud.emulator.artifactregistry_v1.project import Project
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.lists import Item, fields_of, list_page, of_items
from cloud.engine.registry.contents import Version
from cloud.errors import FailedPrecondition, NotFound
from cloud.resources import Json

_BY_DIGEST = re.compile(r"(?P<package>.+)@(?P<digest>sha256:[0-9a-f]{64})")


class ImageMethods:
    def __init__(self, project: Project) -> None:
        self._project, self._contents = project, project.contents

    async def get_image(self, call: Call) -> Json:
        found = _BY_DIGEST.fullmatch(_package(call.ids[3]))
        if found is None:
            raise NotFound(f"There is no image {call.ids[3][:200]!r}: name it IMAGE@sha256:DIGEST.", field="name")
        version = self._contents.version(self._project.repository(call), found["package"], found["digest"])
        return await self._image(call, version)

    async def list_images(self, call: Call) -> Json:
        versions = self._contents.versions(self._project.repository(call))
        items = of_items(versions, _key, lambda version: self._image(call, version))
        return await list_page(call, "dockerImages", items)

    async def get_package(self, call: Call) -> Json:
        return self._package(call, _package(call.ids[3]))

    async def list_packages(self, call: Call) -> Json:
        versions = self._contents.versions(self._project.repository(call))
        packages = sorted({version.package for version in versions})
        return await list_page(call, "packages", of_items(packages, str, lambda name: self._package(call, name)))

    async def delete_package(self, call: Call) -> Json:
        self._contents.remove_package(self._project.repository(call), _package(call.ids[3]))
        return self._project.completed(call.ids[1])

    async def get_version(self, call: Call) -> Json:
        return await self._version(call, self._found(call))

    async def list_versions(self, call: Call) -> Json:
        versions = self._contents.versions(self._project.repository(call), _package(call.ids[3]))
        return await list_page(call, "versions", of_items(versions, _key, lambda each: self._version(call, each)))

    async def delete_version(self, call: Call) -> Json:
        version = self._found(call)
        if version.tags and not call.query.get("force"):
            raise FailedPrecondition(
                f"Version is referenced by tags: {', '.join(version.tags)}: delete them first, or use force."
            )
        self._contents.remove_version(version)
        return self._project.completed(call.ids[1])

    async def get_tag(self, call: Call) -> Json:
        version = self._contents.tagged(self._project.repository(call), _package(call.ids[3]), call.ids[4])
        return tag_json(self._package_name(call), call.ids[4], version.digest)

    async def list_tags(self, call: Call) -> Json:
        """``filter`` compares ``version``, as gcloud does, and ``name``."""
        versions = self._contents.versions(self._project.repository(call), _package(call.ids[3]))
        parent = self._package_name(call)
        tags = sorted((tag, version.digest) for version in versions for tag in version.tags)
        items = of_items(tags, lambda each: each[0], lambda each: tag_json(parent, *each))
        return await list_page(call, "tags", items, find=fields_of(call, "tags"))

    async def delete_tag(self, call: Call) -> Json:
        version = self._contents.tagged(self._project.repository(call), _package(call.ids[3]), call.ids[4])
        self._contents.remove_tag(version, call.ids[4])
        return {}

    def _found(self, call: Call) -> Version:
        return self._contents.version(self._project.repository(call), _package(call.ids[3]), call.ids[4])

    async def _image(self, call: Call, version: Version) -> Item:
        return image_json(self._parent(call), version, await self._contents.size(version.digest))

    async def _version(self, call: Call, version: Version) -> Item:
        size = await self._contents.size(version.digest)
        return version_json(self._parent(call), version, size, is_full=call.query.get("view") == "FULL")

    def _package(self, call: Call, package: str) -> Item:
        versions = self._contents.versions(self._project.repository(call), package)
        return package_json(self._parent(call), package, versions)

    def _parent(self, call: Call) -> str:
        return repository_name(self._project.id, self._project.repository(call))

    def _package_name(self, call: Call) -> str:
        return f"{self._parent(call)}/packages/{call.ids[3]}"


def _package(text: str) -> str:
    """Its slashes are quoted in names of resources."""
    return unquote(text)


def _key(version: Version) -> str:
    return f"{version.package}@{version.digest}"
