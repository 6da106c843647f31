"""What ``--backend gcp`` is to be opened with."""

from dataclasses import dataclass

from cloud.backends.gcp import GcpBackend, open_gcp
from cloud.backends.google.service import RUN_LABEL


@dataclass(frozen=True, slots=True)
class Options:
    project: str
    region: str
    service: str
    image: str | None = None
    """Made from docker/serving.Dockerfile; Google's prebuilt one without."""
    training_image: str | None = None
    """Made from docker/training.Dockerfile; likewise."""
    service_account: str | None = None
    """As whom jobs and versions run."""

    def open(self, run: str | None = None) -> GcpBackend:
        """What it makes carries the name of ``run``."""
        return open_gcp(
            project=self.project,
            region=self.region,
            service=self.service,
            image=self.image,
            training_image=self.training_image,
            service_account=self.service_account,
            labels={RUN_LABEL: run} if run else {},
        )
