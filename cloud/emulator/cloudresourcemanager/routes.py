"""Resource Manager's ``projects.get`` and ``projects.testIamPermissions``: what clients call to turn a project's number
into its id, and to know what they may do.

https://cloud.google.com/resource-manager/reference/rest/v3/projects
"""

from collections.abc import Iterable

from cloud.emulator.rest.api import Api, Route
from cloud.emulator.rest.call import Call
from cloud.resources import Json

HOSTS = r"cloudresourcemanager(?:\.mtls)?\.googleapis\.com"
DOCUMENT = "cloudresourcemanager.v3"
_PERMISSION = "resourcemanager.projects.get"


class CloudResourceManagerV3(Api):
    """The one project there is."""

    SERVICE, DOCUMENT = "cloudresourcemanager.googleapis.com", DOCUMENT

    def routes(self) -> Iterable[Route]:
        return [
            Route("cloudresourcemanager.projects.get", self._get, _PERMISSION),
            Route("cloudresourcemanager.projects.testIamPermissions", self._test_permissions, _PERMISSION),
        ]

    async def _get(self, _: Call) -> Json:
        name = f"projects/{self.number}"
        return {"name": name, "projectId": self.project, "displayName": self.project, "state": "ACTIVE"}

    async def _test_permissions(self, call: Call) -> Json:
        """An owner has every permission."""
        wanted = call.body.get("permissions", [])
        return {"permissions": wanted} if wanted else {}
