"""``MemoryBackend``: a ``Backend`` in memory, for tests of code that uses a ``Backend``.

It follows the specification where that needs no running program: storage is real, jobs and versions are simulated.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from cloud.backends import memory_batch
from cloud.backends.memory_batch import Predict
from cloud.backends.memory_storage import MemoryStorage
from cloud.backends.memory_trials import simulated_trials
from cloud.backends.selection import select_entries, select_jobs
from cloud.errors import (
    AlreadyExists,
    CloudError,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PredictionFailed,
)
from cloud.lifecycle import JobEvent, JobState, VersionEvent, VersionState, next_job_state, next_version_state
from cloud.names import check_id
from cloud.resources import (
    Abilities,
    Framework,
    Job,
    JobSpec,
    Json,
    Model,
    PredictionCounts,
    RawAnswer,
    Service,
    ServingStack,
    Version,
    VersionSpec,
)
from cloud.resources.batch_prediction import BatchPredictionSpec
from cloud.resources.log_entries import WHOLE_LOG, LogEntry, LogRange, Severity
from cloud.resources.trials import Trial
from cloud.resources.tuning import TuningSpec, training_of
from cloud.wire.container import read_request
from cloud.wire.model_files import MODEL_FILES, holds_model, model_hint

Run = Callable[["MemoryBackend", Job], Awaitable[None]]
"""Simulates a job that was just submitted, with ``move`` and ``log``."""


async def succeed(backend: "MemoryBackend", job: Job) -> None:
    """A ``Run``: the job succeeds if its packages are in their buckets. No program runs. A batch prediction job
    predicts its lines by ``predict``."""
    if isinstance(job.spec, BatchPredictionSpec):
        await _predict_in_batches(backend, job, job.spec)
        return
    backend.log(job.job_id, f"Job {job.job_id} is queued.")
    backend.move(job.job_id, JobEvent.SCHEDULED)
    for package in training_of(job.spec).package_uris:
        try:
            await backend.read_object(package)
        except NotFound as error:
            backend.log(job.job_id, "Job failed.", severity=Severity.ERROR)
            backend.move(job.job_id, JobEvent.FAILED, message=f"Cannot read the package: {error.message}")
            return
    if isinstance(job.spec, TuningSpec):
        backend.set_trials(job.job_id, simulated_trials(job.spec))
    backend.log(job.job_id, "Job completed successfully.")
    backend.move(job.job_id, JobEvent.STARTED, JobEvent.COMPLETED)


async def _predict_in_batches(backend: "MemoryBackend", job: Job, spec: BatchPredictionSpec) -> None:
    backend.log(job.job_id, f"Job {job.job_id} is queued.")
    backend.move(job.job_id, JobEvent.SCHEDULED)
    try:
        counts = await memory_batch.predict_lines(backend, backend.simulate, job, spec)
    except CloudError as error:
        backend.log(job.job_id, "Job failed.", severity=Severity.ERROR)
        backend.move(job.job_id, JobEvent.FAILED, message=str(error))
        return
    backend.count(job.job_id, counts)
    backend.log(job.job_id, "Job completed successfully.")
    backend.move(job.job_id, JobEvent.STARTED, JobEvent.COMPLETED)


def double(_: Version, instances: Sequence[Json], __: str | None) -> list[Json]:
    """A ``Predict``: each number times two.

    Raises:
        PredictionFailed: an instance is not a number.
    """
    if not all(isinstance(instance, int | float) for instance in instances):
        raise PredictionFailed("Error processing input: not a number")
    return [{"double": 2.0 * instance} for instance in instances]


@dataclass(frozen=True, slots=True)
class Prediction:
    """A request for predictions."""

    model: str
    version: str
    instances: list[Json]
    signature_name: str | None


class MemoryBackend(MemoryStorage):
    """Args:
    run: simulates each job; without it, jobs stay QUEUED until ``move`` is called.
    predict: computes the predictions of every version.
    versions_settle: ``wait_for_version`` makes a version READY; otherwise it stays CREATING until ``settle`` is called.
    objects: the initial objects, by URI; their buckets are created.
    service_account: the account as which jobs and versions would access buckets.
    """

    name = "memory"
    abilities = Abilities(gpus=True, own_machines=True, enforces_grants=False, runs_programs=False)

    def __init__(
        self,
        project: str = "my-project",
        region: str = "us-central1",
        *,
        run: Run | None = None,
        predict: Predict = double,
        versions_settle: bool = True,
        objects: Mapping[str, bytes] | None = None,
        service_account: str = "service-35462102002@cloud-ml.google.com.iam.gserviceaccount.com",
    ) -> None:
        self.project, self.region = project, region
        super().__init__(objects or {}, service_account)
        self.versions_settle = versions_settle
        self.jobs: dict[str, Job] = {}
        self.models: dict[str, Model] = {}
        self.versions: dict[tuple[str, str], Version] = {}
        self.logs: dict[str, list[LogEntry]] = {}
        self.predictions: list[Prediction] = []
        """Requests that reached a version, oldest first."""
        self._run, self.simulate = run, predict
        self._running: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        """Set, and replaced, when a job or its log changes."""
        self._settled = asyncio.Condition()

    async def close(self) -> None:
        """Cancel the jobs that ``run`` simulates."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    # ---------------------------------------------------------------- control of jobs and versions by a test

    def move(self, job_id: str, *events: JobEvent, message: str = "") -> None:
        """Change a job's state by these events, one after the other.

        Args:
            message: the job's new error message.

        Raises:
            FailedPrecondition: an event is not possible in the job's state.
        """
        for event in events:
            job = self.jobs[job_id]
            state, now = next_job_state(job.state, event), datetime.now(UTC)
            job = replace(job, state=state, error_message=message)
            if state is JobState.RUNNING:
                job = replace(job, start_time=now)
            self.jobs[job_id] = replace(job, end_time=now) if state.is_final else job
        self._wake()

    def set_trials(self, job_id: str, trials: Sequence[Trial]) -> None:
        """What a tuning job has tried so far."""
        self.jobs[job_id] = replace(self.jobs[job_id], trials=tuple(trials))
        self._wake()

    def count(self, job_id: str, counts: PredictionCounts) -> None:
        """What a batch prediction job has done so far."""
        self.jobs[job_id] = replace(self.jobs[job_id], predictions=counts)
        self._wake()

    def log(self, job_id: str, message: str, *, task_name: str = "service", severity: Severity = Severity.INFO) -> None:
        """Add an entry to a job's log."""
        self.logs.setdefault(job_id, []).append(LogEntry(datetime.now(UTC), severity, task_name, message))
        self._wake()

    async def settle(self, model: str, name: str, event: VersionEvent, message: str = "") -> None:
        """Change a version's state: end its creation, or make a READY one fail.

        Raises:
            FailedPrecondition: the event is not possible in the version's state.
        """
        version = self.versions[model, name]
        state = next_version_state(version.state, event)
        self.versions[model, name] = replace(version, state=state, error_message=message)
        async with self._settled:
            self._settled.notify_all()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    # ---------------------------------------------------------------- jobs

    async def submit_job(self, spec: JobSpec) -> Job:
        if isinstance(spec, BatchPredictionSpec):
            await memory_batch.check(self, spec)
        else:
            training_of(spec)
        if isinstance(spec, TuningSpec) and spec.resume_previous_job_id:
            spec.check_resumes(await self.get_job(spec.resume_previous_job_id))
        if spec.job_id in self.jobs:
            raise AlreadyExists("A job with this id already exists.", field="job.job_id")
        job = self.jobs[spec.job_id] = Job(spec, JobState.QUEUED, datetime.now(UTC))
        if self._run is not None:
            task = asyncio.ensure_future(self._run(self, job))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return job

    async def get_job(self, job_id: str) -> Job:
        if job_id not in self.jobs:
            raise NotFound(f"no job {job_id!r}", field="job.job_id")
        return self._with_position(self.jobs[job_id])

    def _with_position(self, job: Job) -> Job:
        if job.state is not JobState.QUEUED:
            return job
        waiting = [other.job_id for other in self.jobs.values() if other.state is JobState.QUEUED]
        return replace(job, queue_position=waiting.index(job.job_id) + 1)

    async def list_jobs(
        self,
        *,
        states: Collection[JobState] | None = None,
        service: Service | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[Job]:
        jobs = list(reversed(self.jobs.values()))
        found = select_jobs(jobs, states=states, service=service, after=after, limit=limit)
        return [self._with_position(job) for job in found]

    async def cancel_job(self, job_id: str) -> None:
        job = await self.get_job(job_id)
        if job.state.is_final:
            raise FailedPrecondition(f"job {job_id!r} is finished: {job.state.value}", field="job.job_id")
        self.move(job_id, JobEvent.CANCEL_REQUESTED, message="The job was cancelled by the user.")

    async def follow_logs(self, job_id: str) -> AsyncIterator[LogEntry]:
        position = 0
        while True:
            job, changed = await self.get_job(job_id), self._changed
            for entry in self.logs.get(job_id, [])[position:]:
                position += 1
                yield entry
            if job.state.is_final and position == len(self.logs.get(job_id, ())):
                return
            await changed.wait()

    async def read_logs(
        self, job_id: str, part: LogRange = WHOLE_LOG, *, newest_first: bool = False, limit: int | None = None
    ) -> Sequence[LogEntry]:
        await self.get_job(job_id)
        return select_entries(self.logs.get(job_id, ()), part, newest_first=newest_first, limit=limit)

    async def wait_for_job(self, job_id: str, *, timeout: float | None = None) -> Job:
        try:
            async with asyncio.timeout(timeout):
                while not (job := await self.get_job(job_id)).state.is_final:
                    await self._changed.wait()
        except TimeoutError:
            state = self.jobs[job_id].state.value
            raise DeadlineExceeded(f"job {job_id!r} is still {state} after {timeout:g} seconds") from None
        return job

    # ---------------------------------------------------------------- models and versions

    async def create_model(self, name: str, *, description: str = "") -> Model:
        check_id(name, "model.name")
        if name in self.models:
            raise AlreadyExists("A model with the same name already exists.", field="model.name")
        self.models[name] = Model(name, self.region, datetime.now(UTC), description)
        return self.models[name]

    async def get_model(self, name: str) -> Model:
        if name not in self.models:
            raise NotFound(f"no model {name!r}", field="name")
        return self.models[name]

    async def list_models(self) -> list[Model]:
        return [self.models[name] for name in sorted(self.models)]

    async def delete_model(self, name: str) -> None:
        await self.get_model(name)
        if await self.list_versions(name):
            raise FailedPrecondition(f"model {name!r} has versions: delete them first", field="name")
        del self.models[name]

    async def create_version(self, spec: VersionSpec) -> Version:
        model = await self.get_model(spec.model)
        if (spec.model, spec.name) in self.versions:
            raise AlreadyExists("A version with the same name already exists.", field="version.name")
        await self._check_model(spec)
        self.versions[spec.model, spec.name] = Version(spec, VersionState.CREATING, datetime.now(UTC))
        if model.default_version is None:
            self.models[spec.model] = replace(model, default_version=spec.name)
        return await self.get_version(spec.model, spec.name)

    async def get_version(self, model: str, name: str) -> Version:
        found = await self.get_model(model)
        if (model, name) not in self.versions:
            raise NotFound(f"no version {name!r} of model {model!r}", field="name")
        return replace(self.versions[model, name], is_default=found.default_version == name)

    async def list_versions(self, model: str) -> list[Version]:
        await self.get_model(model)
        return [await self.get_version(*key) for key in sorted(self.versions) if key[0] == model]

    async def wait_for_version(self, model: str, name: str, *, timeout: float | None = None) -> Version:
        version = await self.get_version(model, name)
        if version.state is VersionState.CREATING and self.versions_settle:
            await self.settle(model, name, VersionEvent.LOADED)
        try:
            async with asyncio.timeout(timeout), self._settled:
                await self._settled.wait_for(
                    lambda: (
                        (found := self.versions.get((model, name))) is None or found.state is not VersionState.CREATING
                    )
                )
        except TimeoutError:
            raise DeadlineExceeded(f"version {name!r} of model {model!r} is still CREATING") from None
        return await self.get_version(model, name)

    async def set_default_version(self, model: str, name: str) -> Version:
        if (await self.get_version(model, name)).state is not VersionState.READY:
            raise FailedPrecondition("only a READY version can be the default")
        self.models[model] = replace(self.models[model], default_version=name)
        return await self.get_version(model, name)

    async def delete_version(self, model: str, name: str) -> None:
        version = await self.get_version(model, name)
        if version.is_default and len(await self.list_versions(model)) > 1:
            raise FailedPrecondition("it is the default while there are others")
        next_version_state(version.state, VersionEvent.DELETE_REQUESTED)
        del self.versions[model, name]
        if version.is_default:
            self.models[model] = replace(self.models[model], default_version=None)

    async def _check_model(self, spec: VersionSpec) -> None:
        below = spec.deployment_uri.as_folder()
        try:
            names = [stored.uri.path.removeprefix(below.path) for stored in await self.list_objects(below)]
        except NotFound:
            names = []
        if not holds_model(spec.framework, names):
            hint, expected = model_hint(spec.framework, names), " and ".join(MODEL_FILES[spec.framework])
            raise FailedPrecondition(
                f"the folder {spec.deployment_uri} is expected to hold exactly one of {expected}.{hint}",
                field="version.deployment_uri",
            )

    # ---------------------------------------------------------------- prediction

    async def predict(
        self,
        model: str,
        instances: Sequence[Json],
        *,
        version: str | None = None,
        signature_name: str | None = None,
    ) -> list[Json]:
        name = version or (await self.get_model(model)).default_version
        if name is None:
            raise FailedPrecondition(f"model {model!r} has no default version", field="name")
        found = await self.get_version(model, name)
        if found.state is not VersionState.READY:
            raise FailedPrecondition(f"version {name!r} of model {model!r} is not READY", field="name")
        if not instances:
            raise InvalidArgument("at least one instance", field="instances")
        self.predictions.append(Prediction(model, name, list(instances), signature_name))
        return self.simulate(found, instances, signature_name)

    async def raw_predict(self, model: str, body: bytes, *, version: str | None = None) -> RawAnswer:
        """``predict`` in the form of ``cloud.wire.container``, or with bare values as the servers of models have it."""
        name = version or (await self.get_model(model)).default_version
        spec = (await self.get_version(model, name or "")).spec
        is_tensorflow = spec.framework is Framework.TENSORFLOW
        try:
            signature_name, instances = read_request(body)
            predictions = await self.predict(model, instances, version=version, signature_name=signature_name)
        except PredictionFailed as error:
            answer = {"error": error.message} if is_tensorflow else f"Prediction failed: {error.message}"
            return RawAnswer(error.http_status, json.dumps(answer).encode())
        if not is_tensorflow or spec.serving_stack is ServingStack.TENSORFLOW_SERVING:
            predictions = [next(iter(one.values())) if len(one) == 1 else one for one in predictions]
        return RawAnswer(200, json.dumps({"predictions": predictions}).encode())
