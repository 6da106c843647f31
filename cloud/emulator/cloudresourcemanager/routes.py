"""Resource Manager's ``projects.get`` and ``projects.testIamPermissions``: what clients ask to turn a project's number
into its id, and to know what they may do.

https://cloud.google.com/resource-manager/reference/rest/v3/projects
"""

from aiohttp import web

from cloud.emulator.rest.call import require_credential
from cloud.emulator.rest.discovery import load
from cloud.emulator.rest.responses import json_answer
from cloud.engine.principal import Principal
from cloud.errors import PermissionDenied, Unimplemented
from cloud.resources import Json

HOSTS = r"cloudresourcemanager(?:\.mtls)?\.googleapis\.com"
DOCUMENT = "cloudresourcemanager.v3"
METHODS = ("cloudresourcemanager.projects.get", "cloudresourcemanager.projects.testIamPermissions")
"""Google's ids of what is answered here."""


class CloudResourceManagerV3:
    """The one project there is.

    Args:
        project: its id.
    """

    def __init__(self, project: str, number: int) -> None:
        self._project, self._number = project, number

    def method_id(self, request: web.Request) -> str:
        return load(DOCUMENT).match(request.method, request.rel_url.raw_path)[0].id

    async def handle(self, request: web.Request, principal: Principal) -> web.StreamResponse:
        """Raises:
        CloudError: to be written in the platform's style.
        """
        document = load(DOCUMENT)
        method, name = document.match(request.method, request.rel_url.raw_path)
        require_credential(principal)
        if method.id not in METHODS:
            raise Unimplemented(f"{method.id} is not emulated.")
        query = document.query(method, {key: request.query.getall(key) for key in request.query})
        body = document.body(method, await request.read())
        known = name in (f"projects/{self._project}", f"projects/{self._number}")
        if not known or not principal.is_project_owner:
            raise PermissionDenied(
                f"Permission 'resourcemanager.projects.get' denied on resource "
                f"'//cloudresourcemanager.googleapis.com/{name[:300]}' (or it may not exist)."
            )
        return json_answer(self._described() if method.id == METHODS[0] else _all(body), query)

    def _described(self) -> Json:
        return {
            "name": f"projects/{self._number}",
            "projectId": self._project,
            "displayName": self._project,
            "state": "ACTIVE",
        }


def _all(body: Json) -> Json:
    """An owner has every permission."""
    wanted = body.get("permissions", [])
    return {"permissions": wanted} if wanted else {}
