"""Images of the engine: which there are, one in full, names, removal.

https://docs.docker.com/reference/api/engine/version/v1.47/#tag/Image
"""

import asyncio
import os
import platform as machine
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import web

from cloud.emulator.docker_engine.answers import HEADERS, Conflict, as_json
from cloud.emulator.docker_engine.list_filters import ListFilters
from cloud.engine.images.names import parse_name
from cloud.engine.images.store import ImageStore
from cloud.errors import InvalidArgument, NotFound
from cloud.resources.container_images import ContainerImage

_ID = re.compile(r"(?:sha256:)?([0-9a-f]{1,64})")
_LEAST_PREFIX = 2
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class ImageList:
    """The images that the API shows."""

    def __init__(self, images: ImageStore) -> None:
        self._images = images

    def find(self, text: str) -> ContainerImage:
        """By a name, by its id, or by the first digits of that.

        Raises:
            NotFound: there is none.
        """
        try:
            name = str(parse_name(text))
            if image := self._images.local(name):
                return image
        except InvalidArgument:
            name = text  # sha256:… is no name
        if digits := _ID.fullmatch(text):
            found = [each for each in self._images.images() if each.digest.startswith(f"sha256:{digits[1]}")]
            if len(found) == 1 and len(digits[1]) >= _LEAST_PREFIX:
                return found[0]
        raise NotFound(f"No such image: {name}", field="name")

    def names(self, image: ContainerImage) -> list[str]:
        """Local ones, as Docker shows them."""
        given = self._images.local_names()
        return sorted(name for name, digest in given.items() if digest == image.digest)

    async def all(self, request: web.BaseRequest) -> web.Response:
        """The newest first, each with those of its names that were asked for. What has none here, but is in a registry,
        is not an image of the engine."""
        filters = ListFilters.of(request.query.get("filters", ""))
        pushed = {each.digest for each in self._images.contents()}
        named = [(image, self.names(image)) for image in reversed(self._images.images())]
        pairs = [(image, names) for image, names in named if names or image.digest not in pushed]
        shown = [(image, filters.names(names)) for image, names in pairs if filters.passes(names)]
        return as_json([await self._summary(image, names) for image, names in shown])

    async def one(self, text: str) -> web.Response:
        image = self.find(text)
        names, size = self.names(image), await self._size(image)
        created = image.create_time.isoformat().replace("+00:00", "Z")
        return as_json(
            {
                "Id": image.digest,
                "RepoTags": names,
                "RepoDigests": self._digests(image, names),
                "Parent": "",
                "Comment": f"passed over: {'; '.join(image.passed_over)}" if image.passed_over else "",
                "Created": created,
                "Author": "",
                "Config": {
                    "Env": [f"{name}={value}" for name, value in image.env.items()],
                    "Cmd": list(image.command) or None,
                    "Entrypoint": list(image.entrypoint) or None,
                    "WorkingDir": image.workdir,
                    "Image": image.base,
                    "Labels": None,
                    "User": "",
                },
                "Architecture": ARCHITECTURES.get(machine.machine(), machine.machine()),
                "Os": "linux",
                "Size": size,
                "VirtualSize": size,
                "GraphDriver": {"Name": "folder", "Data": None},
                "RootFS": {"Type": "layers", "Layers": [image.digest]},
                "Metadata": {"LastTagTime": created},
            }
        )

    async def history(self, text: str) -> web.Response:
        """One layer: what a Dockerfile's lines did is not kept line by line."""
        image = self.find(text)
        entry = {
            "Id": image.digest,
            "Created": int(image.create_time.timestamp()),
            "CreatedBy": f"FROM {image.base}",
            "Tags": self.names(image),
            "Size": await self._size(image),
            "Comment": "",
        }
        return as_json([entry])

    def tag(self, text: str, query: Mapping[str, str]) -> web.Response:
        image = self.find(text)
        repository, tag = query.get("repo", ""), query.get("tag", "")
        name = parse_name(f"{repository}:{tag}" if tag else repository, "repo")
        if name.digest:
            raise InvalidArgument("refusing to create a tag with a digest reference", field="repo")
        self._images.tag(str(name), image.digest)
        return web.Response(status=HTTPStatus.CREATED, headers=HEADERS)

    async def remove(self, text: str, *, force: bool) -> web.Response:
        """One name, or by its id an image with its only name. What a registry has of it stays."""
        image = self.find(text)
        names = self.names(image)
        named = _ID.fullmatch(text) is None
        gone = [str(parse_name(text))] if named else names
        if len(gone) > 1 and not force:
            raise Conflict(
                f"conflict: unable to delete {image.digest[7:19]} (must be forced) - image is referenced in multiple "
                f"repositories: {', '.join(names)}"
            )
        for name in gone:
            self._images.untag(name)
        answer = [{"Untagged": name} for name in gone]
        if not set(names) - set(gone) and await asyncio.to_thread(self._images.discard, image.digest):
            answer.append({"Deleted": image.digest})
        return as_json(answer)

    async def prune(self) -> web.Response:
        """Remove what has no name, here or in a registry."""
        gone, freed = [], 0
        for image in self._images.images():
            size = await self._size(image)
            if await asyncio.to_thread(self._images.discard, image.digest):
                gone.append({"Deleted": image.digest})
                freed += size
        return as_json({"ImagesDeleted": gone or None, "SpaceReclaimed": freed})

    async def _summary(self, image: ContainerImage, names: Sequence[str]) -> dict[str, Any]:
        size = await self._size(image)
        return {
            "Id": image.digest,
            "ParentId": "",
            "RepoTags": list(names),
            "RepoDigests": self._digests(image, names),
            "Created": int(image.create_time.timestamp()),
            "Size": size,
            "VirtualSize": size,
            "SharedSize": -1,
            "Labels": None,
            "Containers": -1,
        }

    def _digests(self, image: ContainerImage, names: Sequence[str]) -> list[str]:
        """Where a registry has it."""
        repositories = {parse_name(name).repository for name in names}
        return sorted(
            digested for each in repositories if self._images.find(digested := f"{each}@{image.digest}") is not None
        )

    async def _size(self, image: ContainerImage) -> int:
        return await asyncio.to_thread(size_of, self._images.files(image))


def size_of(folder: Path) -> int:
    """Bytes of the files in it."""
    return sum(os.lstat(os.path.join(place, name)).st_size for place, _, names in os.walk(folder) for name in names)
