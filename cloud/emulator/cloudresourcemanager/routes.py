"""Resource Manager's projects, versions 1 and 3: the one project there is, and its IAM policy.

https://cloud.google.com/resource-manager/reference/rest/v1/projects and …/v3/projects. Version 1 is what gcloud calls.
"""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from cloud.emulator.cloudresourcemanager import messages
from cloud.emulator.rest.api import Api, Route
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.discovery import Method
from cloud.emulator.rest.lists import fields_of, list_page, of_items
from cloud.engine.project.access import ProjectAccess
from cloud.engine.project.roles import check_permission
from cloud.errors import InvalidArgument
from cloud.resources import Json

HOSTS = r"cloudresourcemanager(?:\.mtls)?\.googleapis\.com"
PATHS_V1 = r"/v1(?:/.*)?"
"""What is version 1's; version 3 has the others."""
DOCUMENT_V1, DOCUMENT = "cloudresourcemanager.v1", "cloudresourcemanager.v3"
_ON = "cloudresourcemanager.projects."
_GET = "resourcemanager.projects.get"
_VERSIONS = (0, 1, 3)
_MASKED = frozenset({"bindings", "etag", "auditConfigs", "version"})


class _Projects(Api):
    SERVICE = "cloudresourcemanager.googleapis.com"

    def __init__(self, access: ProjectAccess) -> None:
        super().__init__(access.project, access.number)
        self.access: ProjectAccess = access

    @abstractmethod
    def resource(self) -> dict[str, Json]:
        """The project."""

    @property
    def create_time(self) -> datetime:
        return datetime.fromtimestamp(self.access.create_time, UTC)

    async def visible(self, call: Call) -> Json:
        """A page of the projects that the caller may see."""
        shown = [self.resource()] if self.allows(call.principal, _GET) else []
        fields = fields_of(call, "projects")

        def find(path: str) -> Sequence[str] | None:
            # Google's own filters name the field projectId by id (projects.list); gcloud rewrites its users' so.
            return fields("projectId" if path == "id" else path)

        read = of_items(shown, lambda item: item["projectId"], lambda item: item)
        return await list_page(call, "projects", read, find=find)

    async def get(self, _: Call) -> Json:
        return self.resource()

    async def get_policy(self, call: Call) -> Json:
        version = call.body.get("options", {}).get("requestedPolicyVersion", 0)
        if version not in _VERSIONS:
            raise InvalidArgument(f"0, 1 or 3, not {version}", field="options.requested_policy_version")
        return self.access.policy()

    async def set_policy(self, call: Call) -> Json:
        given = dict(call.body.get("policy", {}))
        named = {part.strip() for part in call.body.get("updateMask", "").split(",") if part.strip()}
        if wrong := sorted(named - _MASKED):
            raise InvalidArgument(f"{wrong[0][:100]!r} is no field of a policy.", field="update_mask")
        if named:
            current = self.access.policy()
            kept = {name: value for name, value in current.items() if name not in named and name != "etag"}
            given = {name: value for name, value in given.items() if name in named} | kept
        return self.access.set_policy(given)

    async def test_permissions(self, call: Call) -> Json:
        wanted = [check_permission(permission) for permission in call.body.get("permissions", ())]
        held = [each for each in dict.fromkeys(wanted) if self.access.grants(call.principal, each)]
        return {"permissions": held} if held else {}


def _routes(api: _Projects) -> list[Route]:
    """Of both versions."""
    return [
        Route(_ON + "get", api.get, _GET),
        Route(_ON + "getIamPolicy", api.get_policy, "resourcemanager.projects.getIamPolicy"),
        Route(_ON + "setIamPolicy", api.set_policy, "resourcemanager.projects.setIamPolicy"),
        Route(_ON + "testIamPermissions", api.test_permissions),
    ]


class CloudResourceManagerV1(_Projects):
    DOCUMENT = DOCUMENT_V1

    def routes(self) -> Iterable[Route]:
        return [*_routes(self), Route(_ON + "list", self.visible), Route(_ON + "getAncestry", self._ancestry, _GET)]

    def match(self, http_method: str, raw_path: str) -> tuple[Method, str]:
        # This version's paths have the id alone as a parameter.
        method, name = super().match(http_method, raw_path)
        return method, f"projects/{name}" if name and "/" not in name else name

    def resource(self) -> dict[str, Json]:
        return messages.project_v1(self.project, self.number, self.create_time)

    async def _ancestry(self, _: Call) -> Json:
        """The project belongs to no folder and no organization."""
        return {"ancestor": [{"resourceId": {"type": "project", "id": self.project}}]}


class CloudResourceManagerV3(_Projects):
    DOCUMENT = DOCUMENT

    def routes(self) -> Iterable[Route]:
        return [*_routes(self), Route(_ON + "list", self._list), Route(_ON + "search", self._search)]

    def resource(self) -> dict[str, Json]:
        return messages.project_v3(self.project, self.number, self.create_time)

    async def _list(self, call: Call) -> Json:
        """The projects directly below a folder or an organization."""
        parent = call.query.get("parent", "")
        raise self.denied("resourcemanager.projects.list", parent or "organizations")

    async def _search(self, call: Call) -> Json:
        wanted = {**call.query, "filter": call.query.get("query", "")}
        call.query = wanted
        return await self.visible(call)
