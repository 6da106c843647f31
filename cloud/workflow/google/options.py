"""The options of ``--backend gcp``."""

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
class GoogleAccess:
    """Credentials, network, polling and retries of requests to Google; see ``open_gcp``."""

    credentials: Any = None
    network: "Network | None" = None
    pace: Pace = Pace()  # noqa: RUF009 - a frozen value
    lateness: Lateness = Lateness()  # noqa: RUF009
    retries: Retries = Retries()  # noqa: RUF009
    sleep: Sleep = asyncio.sleep


@dataclass(frozen=True, slots=True)
class Options:
    """Raises:
    InvalidArgument: an option does not apply to the service.
    """

    project: str
    region: str
    service: str
    image: str | None = None
    """Built from docker/serving.Dockerfile; None: Google's prebuilt one."""
    training_image: str | None = None
    """Built from docker/training.Dockerfile; None: Google's prebuilt one."""
    service_account: str | None = None
    """Account that jobs and versions run as."""
    access: GoogleAccess = field(default_factory=GoogleAccess)

    def __post_init__(self) -> None:
        check_options(
            self.service,
            image=self.image,
            training_image=self.training_image,
            service_account=self.service_account,
        )

    def open(self, run: str | None = None) -> GcpBackend:
        """Open the backend; resources that it creates are labelled with ``run``."""
        access = self.access
        return open_gcp(
            project=self.project,
            region=self.region,
            service=self.service,
            image=self.image,
            training_image=self.training_image,
            service_account=self.service_account,
            labels={RUN_LABEL: run} if run else {},
            credentials=access.credentials,
            network=access.network,
            pace=access.pace,
            lateness=access.lateness,
            retries=access.retries,
            sleep=access.sleep,
        )
