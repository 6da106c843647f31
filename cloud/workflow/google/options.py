"""What ``--backend gcp`` is to be opened with."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cloud.backends.gcp import GcpBackend, check_options, open_gcp
from cloud.backends.google.logs import Lateness
from cloud.backends.google.service import RUN_LABEL
from cloud.gcs.backoff import Pace, Retries
from cloud.gcs.retry import Sleep

if TYPE_CHECKING:
    from cloud.backends.google.network import Network


@dataclass(frozen=True, slots=True)
class Way:
    """How Google is reached, and how often it is asked; see ``open_gcp``."""

    credentials: Any = None
    network: "Network | None" = None
    pace: Pace = Pace()  # noqa: RUF009 - a frozen value
    lateness: Lateness = Lateness()  # noqa: RUF009
    retries: Retries = Retries()  # noqa: RUF009
    sleep: Sleep = asyncio.sleep


@dataclass(frozen=True, slots=True)
class Options:
    """Raises:
    InvalidArgument: an option that the service has no use for.
    """

    project: str
    region: str
    service: str
    image: str | None = None
    """Made from docker/serving.Dockerfile; Google's prebuilt one without."""
    training_image: str | None = None
    """Made from docker/training.Dockerfile; likewise."""
    service_account: str | None = None
    """As whom jobs and versions run."""
    way: Way = field(default_factory=Way)

    def __post_init__(self) -> None:
        check_options(
            self.service,
            image=self.image,
            training_image=self.training_image,
            service_account=self.service_account,
        )

    def open(self, run: str | None = None) -> GcpBackend:
        """What it makes carries the name of ``run``."""
        way = self.way
        return open_gcp(
            project=self.project,
            region=self.region,
            service=self.service,
            image=self.image,
            training_image=self.training_image,
            service_account=self.service_account,
            labels={RUN_LABEL: run} if run else {},
            credentials=way.credentials,
            network=way.network,
            pace=way.pace,
            lateness=way.lateness,
            retries=way.retries,
            sleep=way.sleep,
        )
