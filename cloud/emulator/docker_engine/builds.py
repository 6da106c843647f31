"""``POST /build``: https://docs.docker.com/reference/api/engine/version/v1.47/#tag/Image/operation/ImageBuild."""

import asyncio
import contextlib
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from aiohttp import web

from cloud.emulator.docker_engine.answers import GONE, NotDone, Progress
from cloud.emulator.docker_engine.contexts import unpack
from cloud.emulator.docker_engine.images import Platform
from cloud.engine.disk import disk_full
from cloud.engine.images.names import parse_name
from cloud.errors import CloudError, InvalidArgument
from cloud.folders import temporary
from cloud.resources.container_images import ContainerImage

_log = logging.getLogger(__name__)
_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """The query of a build. Without effect are those of its parameters that limit or cache what containers do."""

    dockerfile: str
    names: tuple[str, ...]
    build_args: Mapping[str, str]
    target: str
    is_quiet: bool

    @classmethod
    def of(cls, request: web.BaseRequest) -> Self:
        """Raises:
        InvalidArgument: a parameter has no such value.
        NotDone: it asks for BuildKit, or for a context that has to be fetched.
        """
        query = request.query
        if remote := query.get("remote"):
            raise NotDone(f"remote={remote}: nothing is fetched from other hosts; build a folder that holds it")
        if query.get("version", "1") != "1":
            raise NotDone("BuildKit is not emulated: set DOCKER_BUILDKIT=0, as this cloud's environment does")
        dockerfile = query.get("dockerfile") or "Dockerfile"
        if dockerfile.startswith("/") or ".." in Path(dockerfile).parts:
            raise InvalidArgument(
                f"dockerfile={dockerfile}: it must be a path in the build context", field="dockerfile"
            )
        names = tuple(str(parse_name(text, "t")) for text in query.getall("t", []) if text)
        return cls(
            dockerfile, names, _build_args(query.get("buildargs", "")), query.get("target", ""), flag(query, "q")
        )


async def build(platform: Platform, request: web.BaseRequest) -> web.StreamResponse:
    """Build the image of the context in the request's body, and tell of it line by line."""
    wanted, progress = BuildRequest.of(request), Progress(request)
    try:
        image = await _build_context(platform, wanted, request, progress)
    except CloudError as error:
        await progress.fail(error)
    except Exception as error:
        if isinstance(error, GONE):
            raise
        _log.exception("a build has failed")
        await progress.fail(CloudError("Internal error encountered."))
    else:
        await progress.send({"aux": {"ID": image.digest}})
        if wanted.is_quiet:
            await progress.send({"stream": f"{image.digest}\n"})
    return await progress.end()


async def _build_context(
    platform: Platform, wanted: BuildRequest, request: web.BaseRequest, progress: Progress
) -> ContainerImage:
    folder = temporary.create(temporary.Kind.WORK, platform.work)
    try:
        context = folder / "context"
        context.mkdir(mode=0o700)
        await _receive(request, folder / "context.tar", context)
        return await _built(platform, wanted, context, progress)
    except OSError as error:
        if isinstance(error, GONE):
            raise
        raise disk_full(error) or error from error
    finally:
        # Before the response ends: with it, a client that leaves would end this, too.
        await asyncio.to_thread(temporary.remove, folder)


async def _receive(request: web.BaseRequest, archive: Path, context: Path) -> None:
    with archive.open("wb") as file:
        async for chunk in request.content.iter_chunked(_CHUNK):
            await asyncio.to_thread(file.write, chunk)
    await asyncio.to_thread(unpack, archive, context)
    await asyncio.to_thread(archive.unlink)


async def _built(platform: Platform, wanted: BuildRequest, context: Path, progress: Progress) -> ContainerImage:
    """The connection may be slower than the builder, whose lines wait for it."""
    lines = asyncio.Queue[str | None]()
    building = asyncio.ensure_future(
        platform.builder.build(
            context,
            dockerfile=wanted.dockerfile,
            names=wanted.names,
            build_args=wanted.build_args,
            target=wanted.target,
            log=lines.put_nowait,
        )
    )
    building.add_done_callback(lambda _: lines.put_nowait(None))
    try:
        while (line := await lines.get()) is not None:
            if not wanted.is_quiet:
                await progress.send({"stream": f"{line}\n"})
    except BaseException:  # the client is gone, or the cloud ends
        building.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await building
        raise
    return await building


def _build_args(text: str) -> dict[str, str]:
    try:
        found = json.loads(text or "{}")
    except ValueError as error:
        raise InvalidArgument(f"buildargs={text[:200]}: it is no JSON: {error}", field="buildargs") from error
    found = {} if found is None else found
    if not isinstance(found, dict) or not all(value is None or isinstance(value, str) for value in found.values()):
        raise InvalidArgument(
            f'buildargs={text[:200]}: it must be an object of strings, {{"NAME": "VALUE"}}', field="buildargs"
        )
    # null: --build-arg NAME, of a variable that the caller's environment has not.
    return {name: value for name, value in found.items() if value is not None}


def flag(query: Mapping[str, str], name: str) -> bool:
    """As Docker reads booleans: all but these is true."""
    return not re.fullmatch(r"|0|no|false|none", query.get(name, ""), re.IGNORECASE)
