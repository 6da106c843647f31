"""Jobs on Vertex AI, of three kinds: the display name of each is the job's id."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cloud.backends.google import vertex_batch, vertex_tuning, vertex_wire
from cloud.backends.google.images import training_image
from cloud.backends.google.logs import JobLog, Logs
from cloud.backends.google.service import REQUEST_LABEL, RUN_LABEL, ServiceContext, naming
from cloud.backends.google.vertex_model_names import ModelNames
from cloud.backends.google.vertex_models import MACHINE
from cloud.backends.google.vertex_wire import cluster, custom_job, to_workflow, wants_tail
from cloud.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from cloud.lifecycle import JobState
from cloud.resources import Job, JobSpec, Json, TrainingSpec
from cloud.resources.batch_prediction import BatchPredictionSpec
from cloud.resources.log_entries import LogEntry
from cloud.resources.tuning import TuningSpec, training_of

_ON = "aiplatform.projects.locations."


@dataclass(frozen=True, slots=True)
class _Collection:
    """The resources that jobs of one kind are."""

    name: str
    is_ours: Callable[[Json], bool]

    def method(self, verb: str) -> str:
        return f"{_ON}{self.name}.{verb}"


_TRAINING = _Collection("customJobs", vertex_wire.is_ours)
_TUNING = _Collection("hyperparameterTuningJobs", vertex_tuning.is_ours)
_BATCH = _Collection("batchPredictionJobs", lambda _: True)  # the filter of a list has the label
_COLLECTIONS = (_TRAINING, _TUNING, _BATCH)
_log = logging.getLogger(__name__)


class VertexJobs:
    """Args:
    service_account: that jobs run as; by default Vertex AI's service agent.
    image: that jobs run in, built from docker/training.Dockerfile; by default Google's prebuilt one.
    logs: read for the reasons of failed jobs.
    models: that batch prediction jobs use.
    """

    def __init__(
        self,
        context: ServiceContext,
        logs: Logs,
        models: ModelNames,
        *,
        service_account: str | None,
        image: str | None,
    ) -> None:
        self._models = models
        self._context, self._send, self._logs = context, context.transport.send, logs
        self._service_account, self._image = service_account, image
        self._parent = f"projects/{context.project}/locations/{context.region}"
        self._names: dict[str, str] = {}
        """Resource names by job id."""
        self._reasons: dict[str, Sequence[LogEntry]] = {}
        """The logs of failed jobs, by resource name; each is read once."""
        self._submitting: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def submit(self, spec: JobSpec) -> Job:
        if spec.region != self._context.region:
            raise InvalidArgument(
                f"{spec.region!r}: this backend is in {self._context.region}, and a Vertex AI job where its backend is",
                field="training_input.region",
            )
        labels = self._context.marked(spec.labels)
        collection, body = await self._body(spec, labels)
        async with self._submitting[spec.job_id]:
            if await self._found(spec.job_id):
                raise _taken()
            made = await self._send(
                collection.method("create"),
                {"parent": self._parent},
                body,
                find_existing=lambda: self._marked(spec.job_id, labels),
            )
            await self._check_unique(spec.job_id, made)
        self._names[spec.job_id] = made["name"]
        # It may be PENDING already; the caller gets the state of an accepted job.
        return await self._read(made | {"state": f"JOB_STATE_{JobState.QUEUED}"})

    async def _body(self, spec: JobSpec, labels: dict[str, str]) -> tuple[_Collection, dict[str, Json]]:
        if isinstance(spec, BatchPredictionSpec):
            return _BATCH, vertex_batch.batch_job(
                spec,
                model=await self._models.full_name(spec.model, spec.version),
                machine=MACHINE,
                service_account=spec.service_account or self._service_account,
                labels=labels,
            )
        training = training_of(spec)
        image, is_own = self._image or self._prebuilt_image(training), self._image is not None
        account = spec.service_account or self._service_account
        if isinstance(spec, TuningSpec):
            return _TUNING, vertex_tuning.tuning_job(
                spec, image=image, is_own=is_own, service_account=account, labels=labels
            )
        return _TRAINING, custom_job(training, image=image, is_own=is_own, service_account=account, labels=labels)

    def _prebuilt_image(self, spec: TrainingSpec) -> str:
        if spec.image:
            return spec.image
        accelerated = any(accelerator for (_, accelerator), _ in cluster(spec))
        today = datetime.now(UTC).date()
        image = training_image(spec.runtime_version, self._context.region, today, accelerated=accelerated)
        if image.warning:
            _log.warning("%s", image.warning)
        return image.uri

    async def get(self, job_id: str) -> Job:
        return await self._read(await self._item(job_id))

    async def list(self) -> Sequence[Job]:
        jobs = [await self._read(item) for item in await self._list(f"labels.{REQUEST_LABEL}:*")]
        return sorted(jobs, key=lambda found: found.create_time, reverse=True)

    async def created_by(self, run: str) -> Sequence[str]:
        """Ids of a run's jobs that are not final."""
        found = await self._list(f'labels.{RUN_LABEL}="{run}"')
        return [item["displayName"] for item in found if not vertex_wire.state_of(item).is_final]

    async def cancel(self, job_id: str) -> None:
        item = await self._item(job_id)
        state = vertex_wire.state_of(item)
        if state.is_final:
            raise FailedPrecondition(f"job {job_id!r} is finished: {state.value}", field="job.job_id")
        await self._send(_collection(item["name"]).method("cancel"), {"name": item["name"]}, {})

    async def log(self, job_id: str) -> JobLog:
        return self._log_of(await self._item(job_id))

    # ---------------------------------------------------------------- by id

    async def _item(self, job_id: str) -> Json:
        name = self._names.get(job_id)
        if name is not None:
            async with naming("job", job_id):
                return await self._send(_collection(name).method("get"), {"name": name})
        found = await self._found(job_id)
        if not found:
            raise NotFound(f"no job {job_id!r} in {self._parent}", field="job.job_id")
        self._names[job_id] = found[0]["name"]
        return found[0]

    async def _found(self, job_id: str) -> Sequence[Json]:
        """The jobs of this id, oldest first: one, or for a moment two, of which the newer is cancelled."""
        listed = await self._list(f'display_name="{job_id}" AND labels.{REQUEST_LABEL}:*')
        return sorted(listed, key=lambda item: (item["createTime"], item["name"]))

    async def _list(self, wanted: str) -> Sequence[Json]:
        """The jobs of all kinds that this backend made and that match a filter."""
        query = {"parent": self._parent, "filter": wanted}
        pages = self._context.transport.pages
        found = await asyncio.gather(*(pages(each.method("list"), query, each.name) for each in _COLLECTIONS))
        return [item for each, items in zip(_COLLECTIONS, found, strict=True) for item in items if each.is_ours(item)]

    async def _marked(self, job_id: str, labels: dict[str, str]) -> Json:
        mark = labels[REQUEST_LABEL]
        return next((item for item in await self._found(job_id) if item["labels"][REQUEST_LABEL] == mark), None)

    async def _check_unique(self, job_id: str, made: Json) -> None:
        """Display names are not unique: of two jobs submitted at the same time the older one is kept.

        Raises:
            AlreadyExists: ours is the newer one, and was cancelled.
        """
        found = await self._found(job_id)
        if len(found) > 1 and found[0]["name"] != made["name"]:
            await self._send(_collection(made["name"]).method("cancel"), {"name": made["name"]}, {})
            raise _taken()

    # ---------------------------------------------------------------- conversion

    async def _read(self, item: Json) -> Job:
        collection = _collection(item["name"])
        if collection is _BATCH:
            return vertex_batch.job(item, *await self._models.of(item["model"], item.get("modelVersionId", "")))
        read = vertex_tuning.job if collection is _TUNING else vertex_wire.job
        if not wants_tail(item):
            return read(item)
        if item["name"] not in self._reasons:
            self._reasons[item["name"]] = await self._logs.read(self._log_of(item))
        return read(item, self._reasons[item["name"]])

    def _log_of(self, item: Json) -> JobLog:
        number, job_id = item["name"].rpartition("/")[2], item["displayName"]
        return JobLog(number, lambda entry: to_workflow(entry, number, job_id))


def _collection(name: str) -> _Collection:
    """Of the resource with this name."""
    return next(each for each in _COLLECTIONS if f"/{each.name}/" in name)


def _taken() -> AlreadyExists:
    return AlreadyExists("A job with this id already exists.", field="job.job_id")
