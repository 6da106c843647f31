"""``DockerEngine``: finds the handler of a request by its method and path.

Paths may begin with a version, ``/v1.43/…``; all versions that are accepted are answered alike.
"""

import logging
import re
from collections.abc import Awaitable, Callable

from aiohttp import web

from cloud.emulator.docker_engine import system
from cloud.emulator.docker_engine.answers import API_VERSION, GONE, OLDEST, NotDone, as_json, failure
from cloud.emulator.docker_engine.builds import build, flag
from cloud.emulator.docker_engine.images import Platform
from cloud.emulator.docker_engine.listing import ImageList
from cloud.emulator.docker_engine.peers import is_confined
from cloud.emulator.docker_engine.transfers import Transfers
from cloud.engine.disk import disk_full
from cloud.errors import CloudError, InvalidArgument, NotFound, PermissionDenied

_log = logging.getLogger(__name__)

_VERSIONED = re.compile(r"/v(\d+)\.(\d+)(/.*)")
_NAME = r"(?P<name>.+)"
_NO_CONTAINERS = (
    "there are no containers here: an image runs as a job. Push it to gcr.io/{project}/NAME and submit it (gcloud ai "
    "custom-jobs create … container-image-uri=…), or run its program by itself"
)
_NO_BUILDKIT = "BuildKit is not emulated: set DOCKER_BUILDKIT=0, as this cloud's environment does"

Handler = Callable[[web.BaseRequest, str], Awaitable[web.StreamResponse]]


class DockerEngine:
    """Answers the requests of whoever can connect and is no job, as the project's owner."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._images = ImageList(platform.images)
        self._transfers = Transfers(platform)
        self._routes: tuple[tuple[str, re.Pattern[str], Handler], ...] = tuple(
            (method, re.compile(path), handler)
            for method, path, handler in (
                ("GET|HEAD", r"/_ping", self._ping),
                ("GET", r"/version", self._version),
                ("GET", r"/info", self._info),
                ("POST", r"/auth", self._auth),
                ("POST", r"/build", self._build),
                ("POST", r"/images/create", self._pull),
                ("POST", r"/images/prune", self._prune),
                ("GET", r"/images/json", self._list),
                ("GET", rf"/images/{_NAME}/json", self._inspect),
                ("GET", rf"/images/{_NAME}/history", self._history),
                ("POST", rf"/images/{_NAME}/push", self._push),
                ("POST", rf"/images/{_NAME}/tag", self._tag),
                ("DELETE", rf"/images/{_NAME}", self._remove),
                ("GET", r"/containers/json|/networks", self._none),
                ("GET", r"/volumes", self._no_volumes),
                ("POST", r"/containers/create", self._run),
                ("GET|POST|DELETE", rf"/containers/{_NAME}", self._no_container),
                ("POST", r"/session|/grpc", self._no_buildkit),
            )
        )

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Raises only when the client is gone or part of the response has been sent."""
        try:
            return await self._answer(request)
        except CloudError as error:
            reason: CloudError = error
        except Exception as error:
            if isinstance(error, GONE):
                raise
            reason = disk_full(error) or CloudError("Internal error encountered.")
            if disk_full(error) is None:
                _log.exception("%s %s failed", request.method, request.path)
        if request.writer.output_size:
            raise ConnectionAbortedError("failed in the middle of a response") from reason
        return failure(reason)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.get_extra_info("socket")
        if connection is None or is_confined(connection):
            raise PermissionDenied("permission denied: programs of jobs do not reach Docker's API")
        path = _path(request.path)
        for methods, pattern, handler in self._routes:
            if request.method in methods.split("|") and (found := pattern.fullmatch(path)):
                return await handler(request, found.groupdict().get("name") or "")
        raise NotFound(f"page not found: {request.method} {path[:500]} is not emulated here")

    async def _ping(self, _: web.BaseRequest, __: str) -> web.StreamResponse:
        return system.ping()

    async def _version(self, _: web.BaseRequest, __: str) -> web.StreamResponse:
        return system.version()

    async def _info(self, _: web.BaseRequest, __: str) -> web.StreamResponse:
        return system.info(self._platform.registry.project, len(self._platform.images.images()))

    async def _auth(self, request: web.BaseRequest, _: str) -> web.StreamResponse:
        return await system.auth(request)

    async def _build(self, request: web.BaseRequest, _: str) -> web.StreamResponse:
        return await build(self._platform, request)

    async def _pull(self, request: web.BaseRequest, _: str) -> web.StreamResponse:
        return await self._transfers.pull(request)

    async def _push(self, request: web.BaseRequest, name: str) -> web.StreamResponse:
        return await self._transfers.push(name, request)

    async def _prune(self, _: web.BaseRequest, __: str) -> web.StreamResponse:
        return await self._images.prune()

    async def _list(self, request: web.BaseRequest, _: str) -> web.StreamResponse:
        return await self._images.all(request)

    async def _inspect(self, _: web.BaseRequest, name: str) -> web.StreamResponse:
        return await self._images.one(name)

    async def _history(self, _: web.BaseRequest, name: str) -> web.StreamResponse:
        return await self._images.history(name)

    async def _tag(self, request: web.BaseRequest, name: str) -> web.StreamResponse:
        return self._images.tag(name, request.query)

    async def _remove(self, request: web.BaseRequest, name: str) -> web.StreamResponse:
        return await self._images.remove(name, force=flag(request.query, "force"))

    async def _none(self, _: web.BaseRequest, __: str) -> web.StreamResponse:
        return as_json([])

    async def _no_volumes(self, _: web.BaseRequest, __: str) -> web.StreamResponse:
        return as_json({"Volumes": [], "Warnings": None})

    async def _run(self, _: web.BaseRequest, __: str) -> web.StreamResponse:
        raise NotDone(_NO_CONTAINERS.format(project=self._platform.registry.project))

    async def _no_container(self, _: web.BaseRequest, name: str) -> web.StreamResponse:
        raise NotFound(f"No such container: {name.partition('/')[0]}")

    async def _no_buildkit(self, _: web.BaseRequest, __: str) -> web.StreamResponse:
        raise NotDone(_NO_BUILDKIT)


def _path(path: str) -> str:
    """Without its version.

    Raises:
        InvalidArgument: it is none of the versions that there are.
    """
    if (found := _VERSIONED.fullmatch(path)) is None:
        return path
    asked, newest, oldest = (int(found[1]), int(found[2])), _numbers(API_VERSION), _numbers(OLDEST)
    if asked > newest:
        raise InvalidArgument(
            f"client version {found[1]}.{found[2]} is too new. Maximum supported API version is {API_VERSION}"
        )
    if asked < oldest:
        raise InvalidArgument(
            f"client version {found[1]}.{found[2]} is too old. Minimum supported API version is {OLDEST}, please "
            "upgrade your client to a newer version"
        )
    return found[3]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
