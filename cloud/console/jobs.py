"""Pages of jobs: the list, one job with its log and metrics as they grow, and its end by the reader's wish."""

from collections.abc import AsyncGenerator

from aiohttp import web

from cloud.backends.base import Backend
from cloud.console.curves import EventFiles, best_first, metrics_folder, trial_charts
from cloud.console.job_feed import SHOWN_LINES, JobFeed, JobFeeds, line
from cloud.console.live import place_seen, send
from cloud.console.rendering import HEADERS, elapsed, language_of, page, render
from cloud.engine.jobs.replicas import replicas
from cloud.engine.jobs.service import JobService
from cloud.engine.principal import Principal
from cloud.engine.storage.service import StorageService
from cloud.errors import FailedPrecondition
from cloud.resources import Job, JobSpec, Json, TrainingSpec
from cloud.resources.batch_prediction import BatchPredictionSpec
from cloud.resources.log_entries import LogRange
from cloud.resources.tuning import TuningSpec, training_of

PAGE_SIZE = 50
_PIECE = 5000
"""Lines of ``log.txt`` that are read at a time."""
_KEPT_METRICS = 8
"""Jobs whose event files stay read."""


class JobPages:
    """Args:
    jobs: follows logs from a line on, and tells of changes.
    owner: reads the event files in ``storage``.
    """

    def __init__(self, backend: Backend, jobs: JobService, storage: StorageService, owner: Principal) -> None:
        self._backend, self._jobs, self._storage, self._owner = backend, jobs, storage, owner
        self._feeds = JobFeeds(self._make_feed)
        self._metrics: dict[str, EventFiles] = {}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/jobs", self.list),
            web.get("/jobs/{job}", self.job),
            web.get("/jobs/{job}/events", self.events),
            web.get("/jobs/{job}/log.txt", self.log),
            web.post("/jobs/{job}/cancel", self.cancel),
        ]

    async def list(self, request: web.Request) -> web.Response:
        after = request.query.get("after")
        jobs = await self._backend.list_jobs(after=after, limit=PAGE_SIZE + 1)
        shown = jobs[:PAGE_SIZE]
        older = shown[-1].job_id if len(jobs) > PAGE_SIZE else None
        return page(
            request, "jobs.html", live="jobs", jobs=shown, kind=kind_of, elapsed=elapsed, older=older, after=after
        )

    async def job(self, request: web.Request) -> web.Response:
        job = await self._backend.get_job(request.match_info["job"])
        entries = await self._backend.read_logs(job.job_id, newest_first=True, limit=SHOWN_LINES + 1)
        files = self._metrics_of(job)
        if files:
            await files.read(job.end_time)
        lines = [line(entry) for entry in list(entries)[:SHOWN_LINES]][::-1]
        return page(
            request,
            "job.html",
            **_shown(job, files),
            lines=lines,
            is_cut=len(entries) > SHOWN_LINES,
            most=SHOWN_LINES,
            last=max((entry.place for entry in entries), default=-1),
        )

    async def events(self, request: web.Request) -> web.StreamResponse:
        """New lines of the log and changed parts of the page, as server-sent events."""
        job = await self._backend.get_job(request.match_info["job"])
        seen = place_seen(request, before_all=-1)
        newest = await self._backend.read_logs(job.job_id, newest_first=True, limit=1)
        seen = min(seen, newest[0].place if newest else -1)
        return await send(request, self._changes(job.job_id, seen, language_of(request)))

    async def _changes(self, job_id: str, seen: int, language: str) -> AsyncGenerator[bytes, None]:
        async with self._feeds.of(job_id, seen) as feed:
            async for part in feed.events(seen, language):
                yield part

    def _make_feed(self, job_id: str, after: int) -> JobFeed:
        files = self._metrics_of(self._jobs.get(job_id))
        return JobFeed(self._jobs, job_id, after, files, self._storage.changes, _parts)

    def _metrics_of(self, job: Job) -> EventFiles | None:
        folder = metrics_folder(job.spec)
        if folder is None:
            return None
        found = self._metrics.pop(job.job_id, None)
        self._metrics[job.job_id] = found = found or EventFiles(
            self._storage.objects, self._owner, folder, job.create_time
        )
        if len(self._metrics) > _KEPT_METRICS:
            del self._metrics[next(iter(self._metrics))]
        return found

    async def log(self, request: web.Request) -> web.StreamResponse:
        job = await self._backend.get_job(request.match_info["job"])
        response = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/plain; charset=utf-8"})
        await response.prepare(request)
        part = LogRange()
        while entries := await self._backend.read_logs(job.job_id, part, limit=_PIECE):
            text = "".join(
                f"{entry.timestamp.isoformat()} {entry.severity.value:8} {entry.task_name:18} {entry.message}\n"
                for entry in entries
            )
            await response.write(text.encode(errors="replace"))
            part = LogRange(after=entries[-1].position)
        return response

    async def cancel(self, request: web.Request) -> web.Response:
        job_id = request.match_info["job"]
        try:
            await self._backend.cancel_job(job_id)
        except FailedPrecondition:  # it has just ended, which the page shows
            await self._backend.get_job(job_id)
        raise web.HTTPSeeOther(f"/jobs/{job_id}")


def kind_of(spec: JobSpec) -> str:
    if isinstance(spec, TuningSpec):
        return "Hyperparameter tuning"
    return "Batch prediction" if isinstance(spec, BatchPredictionSpec) else "Training"


def _shown(job: Job, files: EventFiles | None) -> dict[str, Json]:
    """What the page of a job, and the parts of it that change, are made of."""
    spec = job.spec
    charts = trial_charts(spec, job.trials) if isinstance(spec, TuningSpec) else files.charts() if files else []
    return {
        "job": job,
        "kind": kind_of(spec),
        "training": None if isinstance(spec, BatchPredictionSpec) else training_of(spec),
        "batch": spec if isinstance(spec, BatchPredictionSpec) else None,
        "elapsed": elapsed,
        "charts": charts,
        "measures": files is not None or bool(charts),
        "trials": best_first(spec, job.trials) if isinstance(spec, TuningSpec) else [],
        "replicas": [each.task_name for each in replicas(spec)] if isinstance(spec, TrainingSpec) else [],
    }


def _parts(job: Job, files: EventFiles | None, language: str) -> dict[str, str]:
    """The parts of a job's page that change."""
    values = _shown(job, files)
    return {name: render(f"job/{name}.html", language, **values) for name in ("status", "metrics", "trials")}
