"""``Backend``: what a cloud for machine learning does. These docstrings are the specification.

cloud/testing/contract/__init__.py checks every sentence here on every backend. Errors are ``cloud.errors``; a method
that names one raises it and leaves nothing changed. Methods may run concurrently unless they name the same thing.
Any method that keeps something raises ``ResourceExhausted``, and leaves nothing changed, when there is no room for it
(a disk or a quota that is full), and ``Unavailable`` when what the backend keeps cannot be reached.
Only what differs between backends is abstract; what can be said in terms of the rest is written here once.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from cloud.backends import packaging
from cloud.errors import NotFound
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import (
    WHOLE_LOG,
    Abilities,
    Access,
    Bucket,
    Job,
    JobSpec,
    Json,
    LogEntry,
    LogRange,
    Model,
    Service,
    StoredObject,
    TransferProgress,
    Version,
    VersionSpec,
)

OnProgress = Callable[[TransferProgress], None]


class Backend(ABC):
    """One project in one cloud. Use as an async context manager; closed on exit, its resources kept."""

    name: str
    """What ``--backend`` calls it."""
    project: str
    region: str
    abilities: Abilities

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:  # noqa: B027 - a backend without connections has nothing to do
        """Let go of connections. Jobs go on. May be called twice."""

    # ---------------------------------------------------------------- buckets

    @abstractmethod
    async def create_bucket(self, name: str, *, location: str | None = None) -> Bucket:
        """Make a bucket in ``location`` (default: the region), kept as given but upper case, as Google shows it.

        Raises:
            InvalidArgument: an illegal name.
            AlreadyExists: the name is taken, by anyone: bucket names are unique in the whole cloud.
        """

    @abstractmethod
    async def get_bucket(self, name: str) -> Bucket:
        """Raises:
        NotFound: no such bucket.
        """

    @abstractmethod
    async def list_buckets(self) -> list[Bucket]:
        """This project's buckets by name."""

    @abstractmethod
    async def delete_bucket(self, name: str) -> None:
        """Raises:
        NotFound: no such bucket.
        FailedPrecondition: it holds objects; ``delete_objects`` first.
        """

    async def bucket_exists(self, name: str) -> bool:
        try:
            await self.get_bucket(name)
        except NotFound:
            return False
        return True

    # ---------------------------------------------------------------- objects

    @abstractmethod
    async def upload(
        self, source: Path, destination: GsUri, *, on_progress: OnProgress | None = None
    ) -> list[StoredObject]:
        """Copy a file to the object ``destination`` (into the folder, if it ends with ``/``), or a folder's files,
        with their relative paths, to below ``destination``. Several at a time; objects in order of name.

        Existing objects are replaced, each at once: a reader sees the old or the new one, never a part.

        Raises:
            NotFound: no such bucket, or ``source`` does not exist.
            InvalidArgument: ``source`` is an empty folder, or ``destination`` is no object name.
        """

    @abstractmethod
    async def download(self, source: GsUri, destination: Path, *, on_progress: OnProgress | None = None) -> list[Path]:
        """Copy what ``source`` means (see ``list_objects``) to files: one object, named without a wildcard, to the
        file ``destination`` (into it, if it is a folder); otherwise each to its relative path below ``destination``.

        Paths are relative to the folder ``source`` names or, with wildcards, to the folder before the first of them.
        Folders are made. Zero-byte placeholders (``dir/``) become folders. A name that would leave ``destination`` is
        refused.

        Raises:
            NotFound: no object is meant.
            InvalidArgument: an object's name cannot be a path below ``destination``.
        """

    @abstractmethod
    async def read_object(self, uri: GsUri) -> bytes:
        """Raises:
        NotFound: no such object.
        """

    @abstractmethod
    async def write_object(
        self, uri: GsUri, data: bytes, *, content_type: str = "application/octet-stream"
    ) -> StoredObject:
        """Create or replace one object.

        Raises:
            NotFound: no such bucket.
            InvalidArgument: an illegal object name.
        """

    @abstractmethod
    async def list_objects(self, uri: GsUri) -> list[StoredObject]:
        """The objects that ``uri`` means, in order of their names' UTF-8 bytes: the object of that name, those in
        the folder of that name, or those that match its wildcards (``GsUri.matches``). Empty if there are none.

        Raises:
            NotFound: no such bucket.
        """

    @abstractmethod
    async def delete_objects(self, uri: GsUri) -> int:
        """Delete what ``list_objects`` lists; returns how many. None is no error.

        Raises:
            NotFound: no such bucket.
        """

    # ---------------------------------------------------------------- grants

    @abstractmethod
    async def ml_service_account(self) -> str:
        """The e-mail address as which this project's jobs and versions read and write buckets
        (``ml.projects.getConfig``, field ``serviceAccount``)."""

    @abstractmethod
    async def grant(self, bucket: str, account: str, access: Access) -> None:
        """Give ``account`` this access on ``bucket``. Granting again changes nothing.

        Raises:
            NotFound: no such bucket.
            InvalidArgument: ``account`` is not an e-mail address.
        """

    # ---------------------------------------------------------------- packages

    async def stage_package(self, source: Path, staging: GsUri) -> GsUri:
        """Build the package in ``source`` (the folder with ``__init__.py``) into an sdist, as ML Engine's tools do,
        and upload it to ``staging/SHA256/NAME-VERSION.tar.gz``.

        Raises:
            InvalidArgument: ``source`` is no package, or its ``setup.py`` fails: the message holds its last lines.
            NotFound: no such bucket.
        """
        async with packaging.sdist(source) as archive:
            destination = staging / packaging.digest(archive) / archive.name
            await self.upload(archive, destination)
        return destination

    # ---------------------------------------------------------------- jobs

    @abstractmethod
    async def submit_job(self, spec: JobSpec) -> Job:
        """Accept a job: QUEUED, and durable from now on.

        Raises:
            AlreadyExists: the id was used before, by any job of the project, also a finished one.
            InvalidArgument: something this backend cannot run, named: a job that is no training job, say, or a
                runtime or Python version that ``abilities.runtimes`` has not.
        """

    @abstractmethod
    async def get_job(self, job_id: str) -> Job:
        """Raises:
        NotFound: no such job.
        """

    @abstractmethod
    async def list_jobs(
        self,
        *,
        states: Collection[JobState] | None = None,
        service: Service | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[Job]:
        """Jobs of the project, newest first.

        Args:
            states: only jobs in one of these.
            service: only jobs of this one.
            after: only what follows the job with this id in the list.
            limit: at most so many.

        Raises:
            NotFound: there is no job ``after``.
        """

    @abstractmethod
    async def cancel_job(self, job_id: str) -> None:
        """Ask a job to end. It becomes CANCELLING, then CANCELLED when no process of it is left.
        Asking twice changes nothing.

        Raises:
            NotFound: no such job.
            FailedPrecondition: it is finished.
        """

    @abstractmethod
    def follow_logs(self, job_id: str) -> AsyncIterator[LogEntry]:
        """Every entry of the job's log from its first, as they come; ends after the last one of a finished job.

        Entries of one replica are in the order it wrote them, and none is lost.

        Raises:
            NotFound: no such job.
        """

    @abstractmethod
    async def read_logs(
        self, job_id: str, part: LogRange = WHOLE_LOG, *, newest_first: bool = False, limit: int | None = None
    ) -> Sequence[LogEntry]:
        """The entries of a part of the job's log that are there now, without waiting for more.

        They are in order of time, those of one moment as in ``follow_logs``.

        Args:
            newest_first: the other way round.
            limit: at most so many.

        Raises:
            NotFound: no such job.
        """

    @abstractmethod
    async def wait_for_job(self, job_id: str, *, timeout: float | None = None) -> Job:
        """The job, once it is finished in whatever state.

        Raises:
            NotFound: no such job.
            DeadlineExceeded: it is not finished after ``timeout`` seconds; it goes on.
        """

    # ---------------------------------------------------------------- models and versions

    @abstractmethod
    async def create_model(self, name: str, *, description: str = "") -> Model:
        """Raises:
        InvalidArgument: an illegal id.
        AlreadyExists: there is one of that name.
        """

    @abstractmethod
    async def get_model(self, name: str) -> Model:
        """Raises:
        NotFound: no such model.
        """

    @abstractmethod
    async def list_models(self) -> list[Model]:
        """By name."""

    @abstractmethod
    async def delete_model(self, name: str) -> None:
        """Raises:
        NotFound: no such model.
        FailedPrecondition: it has versions.
        """

    @abstractmethod
    async def create_version(self, spec: VersionSpec) -> Version:
        """Begin to deploy the SavedModel in ``spec.deployment_uri``; its files are copied now, so that the bucket may
        change afterwards. Returns it CREATING. The model's first version becomes its default.

        Raises:
            NotFound: no such model.
            AlreadyExists: there is a version of that name.
            FailedPrecondition: the folder does not hold exactly one of saved_model.pb and saved_model.pbtxt.
            InvalidArgument: a runtime or Python version that ``abilities.runtimes`` has not.
        """

    @abstractmethod
    async def get_version(self, model: str, name: str) -> Version:
        """Raises:
        NotFound: no such model or version.
        """

    @abstractmethod
    async def list_versions(self, model: str) -> list[Version]:
        """By name.

        Raises:
            NotFound: no such model.
        """

    @abstractmethod
    async def wait_for_version(self, model: str, name: str, *, timeout: float | None = None) -> Version:
        """The version once it is READY or FAILED (``error_message`` says why).

        Raises:
            NotFound: no such model or version.
            DeadlineExceeded: it is neither after ``timeout`` seconds.
        """

    @abstractmethod
    async def set_default_version(self, model: str, name: str) -> Version:
        """Raises:
        NotFound: no such model or version.
        FailedPrecondition: it is not READY.
        """

    @abstractmethod
    async def delete_version(self, model: str, name: str) -> None:
        """Raises:
        NotFound: no such model or version.
        FailedPrecondition: it is CREATING, or it is the default while there are others.
        """

    async def deploy(self, spec: VersionSpec, *, timeout: float | None = None) -> Version:
        """``create_version`` and ``wait_for_version`` in one."""
        version = await self.create_version(spec)
        return await self.wait_for_version(version.model, version.name, timeout=timeout)

    # ---------------------------------------------------------------- prediction

    @abstractmethod
    async def predict(
        self,
        model: str,
        instances: Sequence[Json],
        *,
        version: str | None = None,
        signature_name: str | None = None,
    ) -> list[Json]:
        """One prediction for each instance, in order, from the named version or the model's default one.

        An instance is an object keyed by the signature's inputs, or a bare value where there is one input; a
        prediction is an object keyed by its outputs (ML Engine v1, method ``ml.projects.predict``). Without
        ``signature_name`` a model's only signature is used, else ``serving_default``.

        Raises:
            NotFound: no such model or version.
            FailedPrecondition: the model has no default version, or the version is not READY, or it is not the default
                and this backend can ask no other (``abilities.predicts_any_version``).
            InvalidArgument: ``instances`` is empty.
            PredictionFailed: an instance does not fit the signature, or the model fails on it.
            Unavailable: the version's server is starting anew; the same call may work later.
        """
