"""What ``--backend gcp`` is to be opened with."""

from dataclasses import dataclass

from cloud.backends.gcp import GcpBackend, open_gcp
from cloud.backends.google.service import RUN_LABEL
from cloud.resources import Json


@dataclass(frozen=True, slots=True)
class Options:
    project: str
    region: str
    service: str
    image: str | None = None
    """Of a container that serves a SavedModel, with the command that the image has."""
    service_account: str | None = None
    """As whom jobs and versions run."""

    def container(self) -> Json:
        """``ModelContainerSpec`` of ``image``; None without."""
        if self.image is None:
            return None
        return {"imageUri": self.image}

    def open(self, run: str | None = None) -> GcpBackend:
        """What it makes carries the name of ``run``."""
        return open_gcp(
            project=self.project,
            region=self.region,
            service=self.service,
            container=self.container(),
            service_account=self.service_account,
            labels={RUN_LABEL: run} if run else {},
        )
