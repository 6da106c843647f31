"""Compute Engine's regions, and nothing else of it: ``gcloud config set compute/region`` asks for them.

https://cloud.google.com/compute/docs/reference/rest/v1/regions. Written by hand: reading Compute Engine's discovery
document, of five megabytes, would take longer than a hundred of these requests.
"""

import re
from collections.abc import Sequence
from zlib import crc32

import orjson
from aiohttp import web

from cloud.emulator.rest.responses import json_response
from cloud.engine.principal import ANONYMOUS, Principal
from cloud.engine.project.access import ProjectAccess
from cloud.errors import NotFound, PermissionDenied, Unauthenticated
from cloud.resources import Json

HOSTS = r"compute(?:\.mtls)?\.googleapis\.com|www\.googleapis\.com"
PATHS = r"/compute/v1/projects/[^/]+/regions(?:/[^/:]+)?"
_PARTS = re.compile(r"/compute/v1/projects/([^/]+)/regions(?:/([^/]+))?")
_ROOT = "https://www.googleapis.com/compute/v1"
_GET, _LIST = "compute.regions.get", "compute.regions.list"


class ComputeRegions:
    """The regions in which jobs and versions may run, all of them on this machine.

    Args:
        access: to the one project there is.
        regions: their names.
    """

    def __init__(self, access: ProjectAccess, regions: Sequence[str]) -> None:
        self._access, self._regions = access, tuple(sorted(regions))

    def method_id(self, request: web.Request) -> str:
        return _LIST if self._parts(request)[1] is None else _GET

    async def handle(self, request: web.Request, principal: Principal) -> web.StreamResponse:
        """Raises:
        Unauthenticated: no token.
        PermissionDenied: another project, or one whose policy does not let the caller read it.
        NotFound: no such region.
        """
        project, region = self._parts(request)
        if principal == ANONYMOUS:
            raise Unauthenticated("Login Required.")
        permission = _LIST if region is None else _GET
        is_own = project in (self._access.project, str(self._access.number))
        if not is_own or not self._access.grants(principal, permission):
            raise PermissionDenied(f"Required '{permission}' permission for 'projects/{project[:100]}'")
        if region is None:
            return _answer({"kind": "compute#regionList", "items": [self._region(name) for name in self._regions]})
        if region not in self._regions:
            raise NotFound(f"The resource 'projects/{project}/regions/{region[:100]}' was not found")
        return _answer(self._region(region))

    def _parts(self, request: web.Request) -> tuple[str, str | None]:
        found = _PARTS.fullmatch(request.path)
        if found is None or request.method not in ("GET", "HEAD"):
            raise NotFound(f"{request.method} {request.path[:100]}: there is no such method")
        return found[1], found[2]

    def _region(self, name: str) -> dict[str, Json]:
        return {
            "kind": "compute#region",
            "id": str(crc32(name.encode())),
            "name": name,
            "description": name,
            "status": "UP",
            "selfLink": f"{_ROOT}/projects/{self._access.project}/regions/{name}",
        }


def _answer(body: Json) -> web.Response:
    return json_response(orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
