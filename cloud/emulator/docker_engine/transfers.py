"""Pushing to the project's registries and pulling from them: nothing leaves this machine.

https://docs.docker.com/reference/api/engine/version/v1.47/#tag/Image/operation/ImagePush, …/ImageCreate
"""

import asyncio

from aiohttp import web

from cloud.emulator.docker_engine.answers import NotDone, Progress
from cloud.emulator.docker_engine.images import Platform
from cloud.emulator.docker_engine.listing import size_of
from cloud.engine.images.bases import runtime_request
from cloud.engine.images.names import ImageName, parse_name
from cloud.engine.registry.names import is_google
from cloud.errors import CloudError, NotFound


class Transfers:
    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def push(self, text: str, request: web.BaseRequest) -> web.StreamResponse:
        """One tag, or without one all of a repository."""
        tag, progress = request.query.get("tag", ""), Progress(request)
        name = parse_name(text)
        await progress.status(f"The push refers to repository [{name.repository}]")
        try:
            for each in self._named(name, tag):
                await self._push(each, progress)
        except CloudError as error:
            await progress.fail(error)
        return await progress.end()

    def _named(self, name: ImageName, tag: str) -> list[ImageName]:
        local = [parse_name(each) for each in self._platform.images.local_names()]
        found = sorted((each for each in local if each.repository == name.repository), key=lambda each: each.tag)
        if not found:
            raise NotFound(f"An image does not exist locally with the tag: {name.repository}")
        if tag:
            found = [each for each in found if each.tag == tag]
        if not found:
            raise NotFound(f"tag does not exist: {name.repository}:{tag}")
        return found

    async def _push(self, name: ImageName, progress: Progress) -> None:
        local = self._platform.images.local(str(name))
        if local is None:  # it went meanwhile
            raise NotFound(f"tag does not exist: {name}")
        image = await self._platform.registry.push(str(name), local.digest)
        size = await asyncio.to_thread(size_of, self._platform.images.files(image))
        layer = image.digest[7:19]
        for status in ("Preparing", "Pushed"):
            await progress.status(status, layer)
        await progress.status(f"{name.tag}: digest: {image.digest} size: {size}")
        await progress.send({"progressDetail": {}, "aux": {"Tag": name.tag, "Digest": image.digest, "Size": size}})

    async def pull(self, request: web.BaseRequest) -> web.StreamResponse:
        """An image of the project's registries gets its name here. One that a ``FROM`` may name is not needed here."""
        query, progress = request.query, Progress(request)
        if query.get("fromSrc") or not query.get("fromImage"):
            raise NotDone("docker import is not emulated: an image is made by docker build")
        tag = query.get("tag", "")
        name = parse_name(f"{query['fromImage']}{'@' if tag.startswith('sha256:') else ':'}{tag}".rstrip(":"))
        images, (host, _, path) = self._platform.images, name.repository.partition("/")
        if image := images.find(str(name)):
            if not name.digest:
                images.tag(str(name), image.digest)
            await progress.status(f"Pulling from {path}", name.tag or name.digest)
            await progress.status(f"Digest: {image.digest}")
            await progress.status(f"Status: Downloaded newer image for {name}")
        elif runtime_request(str(name)):
            await progress.status(
                f"Nothing is pulled: a runtime of this machine stands for {name} in a Dockerfile's FROM"
            )
        elif is_google(host):
            raise NotFound(f"manifest for {name} not found: manifest unknown: no such image was pushed to this cloud")
        else:
            raise NotFound(
                f"pull access denied for {name.repository}, repository does not exist or may require 'docker login': "
                f"denied: no registry but this project's is reached from this cloud, and no runtime stands for {name}"
            )
        return await progress.end()
