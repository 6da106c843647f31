"""``cloudresourcemanager.projects.*``."""

from cloud.emulator.rest.call import Call
from cloud.resources import Json


class ProjectMethods:
    """Args:
    project: its id.
    """

    def __init__(self, project: str, number: int) -> None:
        self._project, self._number = project, number

    async def get(self, _: Call) -> Json:
        return {
            "name": f"projects/{self._number}",
            "projectId": self._project,
            "displayName": self._project,
            "state": "ACTIVE",
        }

    async def test_permissions(self, call: Call) -> Json:
        """An owner has every permission."""
        wanted = call.body.get("permissions", [])
        return {"permissions": wanted} if wanted else {}
