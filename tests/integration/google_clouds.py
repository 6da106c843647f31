"""A local cloud used as Google's: by its official hosts, with explicit credentials, proxy and CA."""

import asyncio
from pathlib import Path

import requests
from google.auth.transport.requests import Request
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


async def make_account(cloud: LocalCloud, name: str = "jobs-account") -> str:
    """The e-mail address of a new service account, which has no roles."""
    environ, project = await cloud.owner_environ(), cloud.settings.project

    def create() -> str:
        session = requests.Session()
        session.trust_env = False
        session.proxies, session.verify = {"https": cloud.url}, environ["SSL_CERT_FILE"]
        credentials = Credentials.from_service_account_file(environ["GOOGLE_APPLICATION_CREDENTIALS"], scopes=_SCOPES)
        credentials.refresh(Request(session=session))
        answer = session.post(
            f"https://iam.googleapis.com/v1/projects/{project}/serviceAccounts",
            json={"accountId": name},
            headers={"Authorization": f"Bearer {credentials.token}"},
            timeout=30,
        )
        answer.raise_for_status()
        return str(answer.json()["email"])

    return await asyncio.to_thread(create)
