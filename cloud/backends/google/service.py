"""``GoogleService``: the interface of ML Engine and Vertex AI that ``GcpBackend`` is written against."""

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
from cloud.resources import Abilities, Job, JobSpec, Json, Model, RawAnswer, Version, VersionSpec

REQUEST_LABEL = REQUEST_ID_LABEL
"""Label that identifies the request that created a resource, in case its response is lost."""


RUN_LABEL = "run"
"""Label that names the run of ``cloud.run`` that created a resource."""


@dataclass(frozen=True, slots=True)
class RunResources:
    """Resources of a run that are billed, or block the next run, by id."""

    jobs: Sequence[str]
    """Those that are not final."""
    versions: Sequence[tuple[str, str]]
    models: Sequence[str]


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """What a service needs to send requests."""

    transport: Transport
    project: str
    region: str
    pace: Pace
    labels: Mapping[str, str] = field(default_factory=dict)
    """Put on every resource that is created."""

    def marked(self, labels: Mapping[str, str] = {}) -> dict[str, str]:
        """``labels`` with the context's labels and a unique ``REQUEST_LABEL``."""
        return {**self.labels, **labels, REQUEST_LABEL: secrets.token_hex(8)}


class GoogleService(ABC):
    """Methods have the specification of ``Backend``'s methods of the same name."""

    name: str
    """The value of ``--service``."""
    abilities: Abilities
    ends_deployments: bool
    """Whether the service itself fails versions that are CREATING for too long; otherwise the caller must time out."""

    @abstractmethod
    async def ml_service_account(self) -> str: ...

    @abstractmethod
    async def created_by(self, run: str) -> RunResources:
        """The existing resources whose ``RUN_LABEL`` has this value."""

    # ---------------------------------------------------------------- jobs

    @abstractmethod
    async def submit_job(self, spec: JobSpec) -> Job: ...

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

    @abstractmethod
    async def raw_predict(self, model: str, body: bytes, *, version: str | None) -> RawAnswer: ...

    async def close(self) -> None:  # noqa: B027 - optional: not every service has background tasks
        """Cancel background tasks."""


def without_mark(labels: Mapping[str, str]) -> dict[str, str]:
    """The caller's labels."""
    return {name: value for name, value in labels.items() if name != REQUEST_LABEL}


@asynccontextmanager
async def naming(what: str, name: str) -> AsyncIterator[None]:
    """Add the resource's kind and name to ``NotFound`` errors whose message lacks them."""
    try:
        yield
    except NotFound as error:
        if name in error.message:
            raise
        raise NotFound(f"{what} {name!r}: {error.message}", field=error.field) from error
