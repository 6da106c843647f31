"""ML Engine's API over a backend in memory, driven without a socket."""

from cloud.emulator.ml_v1.routes import MlV1
from cloud.emulator.rest.discovery import Discovery, load
from emulator_api.api_client import OWNER, SOMEBODY, Answer, ApiClient
from emulator_api.built_images import IMAGES

__all__ = ["OWNER", "SOMEBODY", "Answer", "Api"]


class Api(ApiClient):
    host = "ml.googleapis.com"
    root = "/v1/projects/my-project"

    def restart(self) -> None:
        self.emulated = MlV1(
            self.backend,
            project_number=35462102002,
            tenant_number=473645424018,
            state_dir=self.state_dir,
            images=IMAGES.get,
        )
        self.emulated.start()

    def document(self) -> Discovery:
        return load("ml.v1")
