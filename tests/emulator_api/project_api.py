"""Clients of the APIs of a project itself: its policy and its service accounts."""

from cloud.emulator.rest.discovery import Discovery, load
from cloud.engine.project.access import ProjectAccess
from cloud.settings import ServiceAgents
from emulator_api.api_client import ApiClient

PROJECT = "my-project"
EMAIL = f"trainer-1@{PROJECT}.iam.gserviceaccount.com"


class ProjectApi(ApiClient):
    """``restart`` of a subclass makes ``emulated`` over ``access``."""

    DOCUMENT: str

    def restart(self) -> None:
        self.access = ProjectAccess(PROJECT, self.state_dir, ServiceAgents.GOOGLE)

    async def close(self) -> None:
        self.access.close()

    def document(self) -> Discovery:
        return load(self.DOCUMENT)
