"""Docker's registry protocol, as far as ``gcloud container images list`` and ``list-tags`` need it: what there is, not
images themselves.

https://distribution.github.io/distribution/spec/api/; Google's registries add ``child`` and ``manifest`` to the tags
(https://github.com/google/containerregistry/blob/master/client/v2_2/docker_image_.py).
"""

import base64
import re

from aiohttp import hdrs, web

from cloud.emulator.rest.api import Api
from cloud.emulator.rest.call import require_credential
from cloud.engine.images.store import PushedImage
from cloud.engine.principal import Principal
from cloud.engine.registry.contents import MEDIA_TYPE, Contents
from cloud.errors import PermissionDenied, Unauthenticated, Unimplemented
from cloud.resources import Json

_TAGS = re.compile(r"/v2/(?P<name>.+)/tags/list")
_TOKEN_USERS = frozenset({"oauth2accesstoken", "_token"})
"""https://cloud.google.com/artifact-registry/docs/docker/authentication#token"""
_PERMISSION = "artifactregistry.dockerimages.list"


class DockerRegistry:
    """An ``EmulatedApi``.

    Args:
        api: says who may read.
    """

    def __init__(self, contents: Contents, api: Api) -> None:
        self._contents, self._api = contents, api

    def method_id(self, _: web.Request) -> str:
        return "artifactregistry.docker"

    async def handle(self, request: web.Request, principal: Principal) -> web.StreamResponse:
        """Raises:
        PermissionDenied: the caller may not see the images.
        Unimplemented: it is about an image itself.
        """
        host = request.host.partition(":")[0].lower()
        if request.path.rstrip("/") == "/v2":
            return web.json_response({}) if not principal.is_anonymous else _challenge(host)
        found = _TAGS.fullmatch(request.path)
        if found is None or request.method != hdrs.METH_GET:
            raise Unimplemented(
                f"{request.method} {host}{request.path[:200]}: images are neither pulled nor pushed by Docker's "
                "protocol here. Build them with `gcloud builds submit`, and delete them with `gcloud artifacts docker "
                "images delete`.",
                method=self.method_id(request),
            )
        require_credential(principal)
        if not self._api.allows(principal, _PERMISSION):
            raise PermissionDenied(f"{principal.email} does not have {_PERMISSION} in this project.")
        return web.json_response(await self._listed(f"{host}/{found['name']}"))

    async def _listed(self, name: str) -> dict[str, Json]:
        held = list(self._contents.pushed())
        below = f"{name}/"
        children = {each.name.removeprefix(below).partition("/")[0] for each in held if each.name.startswith(below)}
        own = [each for each in held if each.name == name]
        return {
            "name": name.partition("/")[2],
            "child": sorted(children),
            "manifest": {each.digest: await self._manifest(each) for each in own},
            "tags": sorted(tag for each in own for tag in each.tags),
        }

    async def _manifest(self, held: PushedImage) -> dict[str, Json]:
        uploaded = str(int(held.upload_time.timestamp() * 1000))
        return {
            "imageSizeBytes": str(await self._contents.size(held.digest)),
            "mediaType": MEDIA_TYPE,
            "tag": list(held.tags),
            "timeCreatedMs": uploaded,
            "timeUploadedMs": uploaded,
        }


class DockerTokens:
    """Where a client exchanges the token that it has for one of the registry: it is the same. An ``EmulatedApi``.

    https://distribution.github.io/distribution/spec/auth/token/
    """

    def method_id(self, _: web.Request) -> str:
        return "artifactregistry.docker.token"

    async def handle(self, request: web.Request, _: Principal) -> web.StreamResponse:
        """Raises:
        Unauthenticated: there is no token in the request.
        """
        scheme, value = [*request.headers.get(hdrs.AUTHORIZATION, "").split(" ", 1), ""][:2]
        try:
            name, token = [*base64.b64decode(value, validate=True).decode().split(":", 1), ""][:2]
        except ValueError:
            name, token = "", ""
        if scheme.lower() != "basic" or name not in _TOKEN_USERS or not token:
            raise Unauthenticated("The registry takes an access token, as the password of the user oauth2accesstoken.")
        return web.json_response({"token": token})


def _challenge(host: str) -> web.Response:
    realm = f'Bearer realm="https://{host}/v2/token",service="{host}"'
    return web.json_response({"errors": []}, status=401, headers={hdrs.WWW_AUTHENTICATE: realm})
