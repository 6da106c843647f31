"""Resource Manager's ``projects.get`` and ``projects.testIamPermissions``: what clients call to turn a project's number
into its id, and to know what they may do.

https://cloud.google.com/resource-manager/reference/rest/v3/projects
"""

from collections.abc import Iterable

from cloud.emulator.cloudresourcemanager.projects import ProjectMethods
from cloud.emulator.rest.api import Api, Route

HOSTS = r"cloudresourcemanager(?:\.mtls)?\.googleapis\.com"
DOCUMENT = "cloudresourcemanager.v3"


def routes(projects: ProjectMethods) -> list[Route]:
    """Every method that is answered."""
    permission = "resourcemanager.projects.get"
    return [
        Route("cloudresourcemanager.projects.get", projects.get, permission),
        Route("cloudresourcemanager.projects.testIamPermissions", projects.test_permissions, permission),
    ]


class CloudResourceManagerV3(Api):
    """The one project there is."""

    SERVICE, DOCUMENT = "cloudresourcemanager.googleapis.com", DOCUMENT

    def routes(self) -> Iterable[Route]:
        return routes(ProjectMethods(self.project, self.number))
