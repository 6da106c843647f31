"""A local cloud used as Google's: by its official hosts, with explicit credentials, proxy and CA."""

from pathlib import Path

from google.oauth2.service_account import Credentials

from cloud.backends.gcp import GcpBackend, open_gcp
from cloud.backends.google.logs import Lateness
from cloud.backends.google.network import Network
from cloud.gcs.backoff import Pace, Retries
from cloud.serve import LocalCloud

_SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
PACE = Pace(first=0.02, longest=0.2)
"""Short polling intervals: the cloud is on this machine."""


async def open_backend(cloud: LocalCloud, service: str, **options: object) -> GcpBackend:
    """A backend that uses ``cloud`` through its gateway, as its owner."""
    environ = await cloud.owner_environ()
    return open_gcp(
        project=cloud.settings.project,
        region=cloud.settings.region,
        service=service,
        credentials=Credentials.from_service_account_file(environ["GOOGLE_APPLICATION_CREDENTIALS"], scopes=_SCOPES),
        network=Network(proxy=cloud.url, ca_file=Path(environ["SSL_CERT_FILE"])),
        pace=PACE,
        lateness=Lateness(overlap=1.0, quiet=0.5),
        retries=Retries(first=0.1, longest=1.0),
        **options,  # type: ignore[arg-type]
    )
