"""Jobs on Vertex AI: a ``CustomJob`` each, whose display name is the job's id."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

from cloud.backends.google.images import training_image
from cloud.backends.google.logs import JobLog, Logs
from cloud.backends.google.service import REQUEST_LABEL, RUN_LABEL, ServiceContext, naming
from cloud.backends.google.vertex_wire import cluster, custom_job, is_ours, job, to_workflow, wants_tail
from cloud.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from cloud.lifecycle import JobState
from cloud.resources import Job, Json, LogEntry, TrainingSpec

_JOBS = "aiplatform.projects.locations.customJobs"
_log = logging.getLogger(__name__)


class VertexJobs:
    """Args:
    service_account: that jobs run as; by default Vertex AI's service agent.
    image: that jobs run in, built from docker/training.Dockerfile; by default Google's prebuilt one.
    logs: read for the reasons of failed jobs.
    """

    def __init__(self, context: ServiceContext, logs: Logs, *, service_account: str | None, image: str | None) -> None:
        self._context, self._send, self._logs = context, context.transport.send, logs
        self._service_account, self._image = service_account, image
        self._parent = f"projects/{context.project}/locations/{context.region}"
        self._names: dict[str, str] = {}
        """Resource names by job id."""
        self._reasons: dict[str, Sequence[LogEntry]] = {}
        """The logs of failed jobs, by resource name; each is read once."""
        self._submitting: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def submit(self, spec: TrainingSpec) -> Job:
        if spec.region != self._context.region:
            raise InvalidArgument(
                f"{spec.region!r}: this backend is in {self._context.region}, and a Vertex AI job where its backend is",
                field="training_input.region",
            )
        labels = self._context.marked(spec.labels)
        body = custom_job(
            spec,
            image=self._image or self._prebuilt_image(spec),
            is_own=self._image is not None,
            service_account=spec.service_account or self._service_account,
            labels=labels,
        )
        async with self._submitting[spec.job_id]:
            if await self._found(spec.job_id):
                raise _taken()
            made = await self._send(
                f"{_JOBS}.create",
                {"parent": self._parent},
                body,
                find_existing=lambda: self._marked(spec.job_id, labels),
            )
            await self._check_unique(spec.job_id, made)
        self._names[spec.job_id] = made["name"]
        # It may be PENDING already; the caller gets the state of an accepted job.
        return job(made | {"state": f"JOB_STATE_{JobState.QUEUED}"})

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
        listed = await self._context.transport.pages(
            f"{_JOBS}.list", {"parent": self._parent, "filter": f"labels.{REQUEST_LABEL}:*"}, "customJobs"
        )
        jobs = [await self._read(item) for item in listed if is_ours(item)]
        return sorted(jobs, key=lambda found: found.create_time, reverse=True)

    async def created_by(self, run: str) -> Sequence[str]:
        """Ids of a run's jobs that are not final."""
        wanted = {"parent": self._parent, "filter": f'labels.{RUN_LABEL}="{run}"'}
        listed = await self._context.transport.pages(f"{_JOBS}.list", wanted, "customJobs")
        return [found.job_id for found in (job(item) for item in listed if is_ours(item)) if not found.state.is_final]

    async def cancel(self, job_id: str) -> None:
        item = await self._item(job_id)
        state = job(item).state
        if state.is_final:
            raise FailedPrecondition(f"job {job_id!r} is finished: {state.value}", field="job.job_id")
        await self._send(f"{_JOBS}.cancel", {"name": item["name"]}, {})

    async def log(self, job_id: str) -> JobLog:
        return self._log_of(await self._item(job_id))

    # ---------------------------------------------------------------- by id

    async def _item(self, job_id: str) -> Json:
        name = self._names.get(job_id)
        if name is not None:
            async with naming("job", job_id):
                return await self._send(f"{_JOBS}.get", {"name": name})
        found = await self._found(job_id)
        if not found:
            raise NotFound(f"no job {job_id!r} in {self._parent}", field="job.job_id")
        self._names[job_id] = found[0]["name"]
        return found[0]

    async def _found(self, job_id: str) -> Sequence[Json]:
        """The jobs of this id, oldest first: one, or for a moment two, of which the newer is cancelled."""
        wanted = f'display_name="{job_id}" AND labels.{REQUEST_LABEL}:*'
        listed = await self._context.transport.pages(
            f"{_JOBS}.list", {"parent": self._parent, "filter": wanted}, "customJobs"
        )
        return sorted((item for item in listed if is_ours(item)), key=lambda item: (item["createTime"], item["name"]))

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
            await self._send(f"{_JOBS}.cancel", {"name": made["name"]}, {})
            raise _taken()

    # ---------------------------------------------------------------- conversion

    async def _read(self, item: Json) -> Job:
        if not wants_tail(item):
            return job(item)
        if item["name"] not in self._reasons:
            self._reasons[item["name"]] = await self._logs.read(self._log_of(item))
        return job(item, self._reasons[item["name"]])

    def _log_of(self, item: Json) -> JobLog:
        number, job_id = item["name"].rpartition("/")[2], item["displayName"]
        return JobLog(number, lambda entry: to_workflow(entry, number, job_id))


def _taken() -> AlreadyExists:
    return AlreadyExists("A job with this id already exists.", field="job.job_id")
