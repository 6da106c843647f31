"""``Backend``: the operations of a cloud for machine learning. These docstrings are the specification.

The tests in cloud/testing/contract check every sentence here on every backend. Errors are those of ``cloud.errors``; a
method that raises one changes nothing. Methods may run concurrently unless they concern the same resource. Any method
that stores something raises ``ResourceExhausted``, and changes nothing, when a disk or a quota is full, and
``Unavailable`` when the backend's storage cannot be reached.
Only what differs between backends is abstract; methods that can be written in terms of others are implemented here.
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
    Abilities,
    Access,
    Bucket,
    Job,
    JobSpec,
    Json,
    Model,
    RawAnswer,
    Service,
    StoredObject,
    TransferProgress,
    Version,
    VersionSpec,
)
from cloud.resources.log_entries import WHOLE_LOG, LogEntry, LogRange

OnProgress = Callable[[TransferProgress], None]


class Backend(ABC):
    """One project in one cloud. Use as an async context manager: the exit closes it, and its resources stay."""

    name: str
    """Its name for ``--backend``."""
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
        """Close connections. Jobs continue. May be called twice."""

    # ---------------------------------------------------------------- buckets

    @abstractmethod
    async def create_bucket(self, name: str, *, location: str | None = None) -> Bucket:
        """Create a bucket in ``location`` (default: the region), which is stored in upper case, as Google shows it.

        Raises:
            InvalidArgument: an invalid name.
            AlreadyExists: the name is taken, in any project: bucket names are unique in the whole cloud.
        """

    @abstractmethod
    async def get_bucket(self, name: str) -> Bucket:
        """Raises:
        NotFound: no such bucket.
        """

    @abstractmethod
    async def list_buckets(self) -> list[Bucket]:
        """This project's buckets, sorted by name."""

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
        with their relative paths, to below ``destination``. Files are copied concurrently; returns the objects in order
        of name.

        Existing objects are replaced atomically: a reader gets the old or the new one, never a part.

        Raises:
            NotFound: no such bucket, or ``source`` does not exist.
            InvalidArgument: ``source`` is an empty folder, or ``destination`` is not an object name.
        """

    @abstractmethod
    async def download(self, source: GsUri, destination: Path, *, on_progress: OnProgress | None = None) -> list[Path]:
        """Copy the objects of ``source`` (see ``list_objects``) to files: one object, named without a wildcard, to the
        file ``destination`` (into it, if it is a folder); otherwise each to its relative path below ``destination``.

        Paths are relative to the folder ``source`` or, with wildcards, to the folder before the first of them. Missing
        folders are created. Zero-byte placeholders (``dir/``) become folders.

        Raises:
            NotFound: there are no such objects.
            InvalidArgument: an object's name is not a path below ``destination``.
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
            InvalidArgument: an invalid object name.
        """

    @abstractmethod
    async def list_objects(self, uri: GsUri) -> list[StoredObject]:
        """The objects of ``uri``, in order of their names' UTF-8 bytes: the object with that name, those in the folder
        with that name, or those that match its wildcards (``GsUri.matches``). Empty if there are none.

        Raises:
            NotFound: no such bucket.
        """

    @abstractmethod
    async def delete_objects(self, uri: GsUri) -> int:
        """Delete what ``list_objects`` lists; returns how many. Zero is not an error.

        Raises:
            NotFound: no such bucket.
        """

    # ---------------------------------------------------------------- grants

    @abstractmethod
    async def ml_service_account(self) -> str:
        """The e-mail address of the account as which this project's jobs and versions read and write buckets
        (``ml.projects.getConfig``, field ``serviceAccount``)."""

    @abstractmethod
    async def grant(self, bucket: str, account: str, access: Access) -> None:
        """Grant ``account`` this access to ``bucket``. Granting again changes nothing.

        Raises:
            NotFound: no such bucket.
            InvalidArgument: ``account`` is not an e-mail address.
        """

    # ---------------------------------------------------------------- packages

    async def stage_package(self, source: Path, staging: GsUri) -> GsUri:
        """Build an sdist of the package in ``source`` (the folder with ``__init__.py``), as ML Engine's tools do,
        and upload it to ``staging/SHA256/NAME-VERSION.tar.gz``.

        Raises:
            InvalidArgument: ``source`` is not a package, or its ``setup.py`` fails: the message has its last lines.
            NotFound: no such bucket.
        """
        async with packaging.sdist(source) as archive:
            destination = staging / packaging.digest(archive) / archive.name
            await self.upload(archive, destination)
        return destination

    # ---------------------------------------------------------------- jobs

    @abstractmethod
    async def submit_job(self, spec: JobSpec) -> Job:
        """Accept a job of any kind. It is QUEUED, and durable. Get, list, cancel and logs are the same for all.

        Args:
            spec: a ``TrainingSpec``; a ``TuningSpec`` (``abilities.tunes``), whose trials, each with arguments and a
                folder of its own, are in ``Job.trials``: one that fails does not fail the job, unless it is the first
                or they are too many; or a ``BatchPredictionSpec`` (``abilities.predicts_in_batches``), with counts in
                ``Job.predictions``: rows of one batch fail together, and result files are complete or do not exist.

        Raises:
            AlreadyExists: the id was used before, by any job of the project, also a finished one.
            InvalidArgument: this backend cannot run it, and the message says why: for example, it is a tuning job and
                ``abilities.tunes`` is False, its runtime or Python version is not in ``abilities.runtimes``, a path of
                its input matches no file; or a tuning job goes on with one of another kind or with other parameters.
            NotFound: there is no job ``resume_previous_job_id``, or no such model or version to predict with.
            FailedPrecondition: that job is not finished.
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
            states: only jobs in one of these states.
            service: only jobs of this service.
            after: only jobs that follow the one with this id in the list.
            limit: the maximum number.

        Raises:
            NotFound: there is no job ``after``.
        """

    @abstractmethod
    async def cancel_job(self, job_id: str) -> None:
        """Request that a job ends. It becomes CANCELLING, and CANCELLED when none of its processes is left.
        A second request changes nothing.

        Raises:
            NotFound: no such job.
            FailedPrecondition: it is finished.
        """

    @abstractmethod
    def follow_logs(self, job_id: str) -> AsyncIterator[LogEntry]:
        """Every entry of the job's log from the first, as it arrives; ends after the last one of a finished job.

        Entries of one replica are in the order in which it wrote them, and none is lost.

        Raises:
            NotFound: no such job.
        """

    @abstractmethod
    async def read_logs(
        self, job_id: str, part: LogRange = WHOLE_LOG, *, newest_first: bool = False, limit: int | None = None
    ) -> Sequence[LogEntry]:
        """The present entries of a part of the job's log, without waiting for more.

        They are in order of time; those of the same time as in ``follow_logs``.

        Args:
            newest_first: in reverse order.
            limit: the maximum number.

        Raises:
            NotFound: no such job.
        """

    @abstractmethod
    async def wait_for_job(self, job_id: str, *, timeout: float | None = None) -> Job:
        """The job, once it is in a final state.

        Raises:
            NotFound: no such job.
            DeadlineExceeded: it is not finished after ``timeout`` seconds; the job continues.
        """

    # ---------------------------------------------------------------- models and versions

    @abstractmethod
    async def create_model(self, name: str, *, description: str = "") -> Model:
        """Raises:
        InvalidArgument: an invalid id.
        AlreadyExists: the name is taken.
        """

    @abstractmethod
    async def get_model(self, name: str) -> Model:
        """Raises:
        NotFound: no such model.
        """

    @abstractmethod
    async def list_models(self) -> list[Model]:
        """This project's models, sorted by name."""

    @abstractmethod
    async def delete_model(self, name: str) -> None:
        """Raises:
        NotFound: no such model.
        FailedPrecondition: it has versions.
        """

    @abstractmethod
    async def create_version(self, spec: VersionSpec) -> Version:
        """Start to deploy the SavedModel in ``spec.deployment_uri``; its files are copied before this returns, so that
        the bucket may change afterwards. Returns the version, which is CREATING. A model's first version becomes its
        default.

        Raises:
            NotFound: no such model.
            AlreadyExists: the name is taken.
            FailedPrecondition: the folder does not have exactly one of saved_model.pb and saved_model.pbtxt.
            InvalidArgument: the runtime or Python version is not in ``abilities.runtimes``.
        """

    @abstractmethod
    async def get_version(self, model: str, name: str) -> Version:
        """Raises:
        NotFound: no such model or version.
        """

    @abstractmethod
    async def list_versions(self, model: str) -> list[Version]:
        """The model's versions, sorted by name.

        Raises:
            NotFound: no such model.
        """

    @abstractmethod
    async def wait_for_version(self, model: str, name: str, *, timeout: float | None = None) -> Version:
        """The version, once it is READY or FAILED (``error_message`` says why).

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
        FailedPrecondition: it is CREATING, or it is the default and not the only version.
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
        """One prediction for each instance, in order, by the named version or the model's default one.

        An instance is an object keyed by the signature's inputs, or a bare value if there is one input; a prediction is
        an object keyed by the outputs (ML Engine v1, method ``ml.projects.predict``). Without ``signature_name`` the
        model's only signature is used, else ``serving_default``. This is so by the rules of
        ``ServingStack.PREDICTION_LIBRARY``; TensorFlow Serving takes no other signature than ``serving_default`` unless
        it is named, and gives as many predictions as the model has rows.

        Raises:
            NotFound: no such model or version.
            FailedPrecondition: the model has no default version, the version is not READY, or it is not the default
                and this backend predicts only with that (``abilities.predicts_any_version``).
            InvalidArgument: ``instances`` is empty.
            PredictionFailed: an instance does not fit the signature, or the model fails on it.
            Unavailable: the version's server is restarting; the same call may work later.
        """

    @abstractmethod
    async def raw_predict(self, model: str, body: bytes, *, version: str | None = None) -> RawAnswer:
        """The answer of the version's server to ``body``, both as they are: ``{"instances": […]}`` or another form that
        its ``ServingStack`` knows.

        Raises:
            NotFound, FailedPrecondition, Unavailable: as ``predict``.
            InvalidArgument: the body is too large.
        """
