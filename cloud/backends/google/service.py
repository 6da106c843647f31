"""``GoogleService``: what ML Engine and Vertex AI each do in their own terms. ``GcpBackend`` is written against it."""

import secrets
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from cloud.backends.google.logs import JobLog
from cloud.backends.google.transport import Transport
from cloud.errors import NotFound
from cloud.gcs.backoff import Pace
from cloud.gcs.client import REQUEST_ID_LABEL
from cloud.resources import Abilities, Job, Json, Model, TrainingSpec, Version, VersionSpec

REQUEST_LABEL = REQUEST_ID_LABEL
"""Label by which a resource is known to be what a certain request made, should its answer have been lost."""


RUN_LABEL = "run"
"""Label that names the run of ``cloud.run`` by which a resource was made."""


@dataclass(frozen=True, slots=True)
class Made:
    """What bills, or is in the way of the next run, by id."""

    jobs: Sequence[str]
    """Those that are not finished."""
    versions: Sequence[tuple[str, str]]
    models: Sequence[str]


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """Where a service works, and how."""

    transport: Transport
    project: str
    region: str
    pace: Pace
    labels: Mapping[str, str] = field(default_factory=dict)
    """Put on everything that is made."""

    def marked(self, labels: Mapping[str, str] = {}) -> dict[str, str]:
        """``labels`` and those of everything, with a mark that nobody else has."""
        return {**self.labels, **labels, REQUEST_LABEL: secrets.token_hex(8)}


class GoogleService(ABC):
    """Methods are those of ``Backend`` of the same name, whose docstrings are their specification."""

    name: str
    """What ``--service`` calls it."""
    abilities: Abilities
    ends_deployments: bool
    """Whether it gives up itself what is CREATING for too long, and says why; otherwise who waits has to."""

    @abstractmethod
    async def ml_service_account(self) -> str: ...

    @abstractmethod
    async def made_by(self, run: str) -> "Made":
        """What is there that carries the label ``RUN_LABEL`` with this value."""

    # ---------------------------------------------------------------- jobs

    @abstractmethod
    async def submit_job(self, spec: TrainingSpec) -> Job: ...

    @abstractmethod
    async def get_job(self, job_id: str) -> Job: ...

    @abstractmethod
    async def list_jobs(self) -> list[Job]: ...

    @abstractmethod
    async def cancel_job(self, job_id: str) -> None: ...

    @abstractmethod
    async def log(self, job_id: str) -> JobLog: ...

    # ---------------------------------------------------------------- models and versions

    @abstractmethod
    async def create_model(self, name: str, *, description: str = "") -> Model: ...

    @abstractmethod
    async def get_model(self, name: str) -> Model: ...

    @abstractmethod
    async def list_models(self) -> list[Model]: ...

    @abstractmethod
    async def delete_model(self, name: str) -> None: ...

    @abstractmethod
    async def create_version(self, spec: VersionSpec) -> Version: ...

    @abstractmethod
    async def get_version(self, model: str, name: str) -> Version: ...

    @abstractmethod
    async def list_versions(self, model: str) -> list[Version]: ...

    @abstractmethod
    async def set_default_version(self, model: str, name: str) -> Version: ...

    @abstractmethod
    async def delete_version(self, model: str, name: str) -> None: ...

    @abstractmethod
    async def predict(
        self, model: str, instances: Sequence[Json], *, version: str | None, signature_name: str | None
    ) -> list[Json]: ...

    async def close(self) -> None:  # noqa: B027 - one that does nothing by itself has nothing to end
        """End what is being done in the background."""


def without_mark(labels: Mapping[str, str]) -> dict[str, str]:
    """Labels as they were given."""
    return {name: value for name, value in labels.items() if name != REQUEST_LABEL}


@asynccontextmanager
async def naming(what: str, name: str) -> AsyncIterator[None]:
    """Errors that something is not there say what, if Google's own message does not."""
    try:
        yield
    except NotFound as error:
        if name in error.message:
            raise
        raise NotFound(f"{what} {name!r}: {error.message}", field=error.field) from error
